"""Runs the ENC script as Puppet does: one argument, an environment, nothing else."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "puppet/rolecall/files/enc"
# The puppetmaster's own; another one is named to try the script with an older or newer Python.
PYTHON = os.environ.get("ENC_SCRIPT_PYTHON", "/usr/bin/python3")
COMMAND = [PYTHON, "-I", "-S", str(SCRIPT)]
# What a puppetserver of Debian 13 hands on, and less: Python takes LC_ALL at its word.
SURROUNDINGS = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C"}
# Whatever the script does, the tests go on.
KILLED_AFTER = 30


@dataclass(frozen=True)
class Run:
    code: int
    out: bytes
    err: str
    seconds: float


def run_enc(*arguments: str | bytes, within: Sequence[str] = (), **settings: object) -> Run:
    """Settings are given as ENC_<KEY>; the machine's own enc.conf is kept out.

    `within` is a command that runs a command.
    """
    environment = {"ENC_CONF": "/nonexistent/enc.conf"} | SURROUNDINGS
    environment |= {f"ENC_{key.upper()}": str(value) for key, value in settings.items()}
    begun = time.monotonic()
    done = subprocess.run(
        [*within, *COMMAND, *arguments],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=KILLED_AFTER,
        check=False,
    )
    seconds = time.monotonic() - begun
    return Run(done.returncode, done.stdout, done.stderr.decode("ascii"), seconds)


def keep(cache: Path, node: str, text: bytes, age: float = 60) -> Path:
    """A cached answer as the script would have written it, `age` seconds ago."""
    file = cache / node
    file.write_bytes(text)
    file.chmod(0o600)
    os.utime(file, (time.time() - age, time.time() - age))
    return file


def is_one_line(text: str) -> bool:
    """Whether it is one line of printable characters."""
    return text.endswith("\n") and text[:-1].isprintable() and text[:-1].isascii()
