"""A Ruby process that hands reports to Puppet as a puppetserver does, with our processor in it.

with ReportDriver.start() as puppet:
    puppet.save([report("changed")], spool=folder)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import yaml

from tests.real.rubydriver import HERE, MRI, RubyDriver
from tests.service.enc_script import is_one_line

REPORTS = HERE / "reports"
NOBODY_ID = 65534
NOBODY = ("setpriv", f"--reuid={NOBODY_ID}", f"--regid={NOBODY_ID}", "--clear-groups")
SEGMENT = re.compile(r"\d{8}T\d{6}\.\d{9}\.jsonl")
TAG = "--- !ruby/object:Puppet::Transaction::Report\n"


def as_written(name: str) -> str:
    """The text of a sample: YAML, as Puppet's own processors `store` and `http` pass it on."""
    return (REPORTS / f"{name}.yaml").read_text()


def report(name: str, **changes: Any) -> dict[str, Any]:
    """A sample as data, with top-level keys replaced."""
    found: dict[str, Any] = json.loads(_as_json(name))
    return found | changes


@cache
def _as_json(name: str) -> str:
    return json.dumps(yaml.safe_load(as_written(name).removeprefix(TAG)))


def as_yaml(data: dict[str, Any]) -> str:
    return TAG + yaml.safe_dump(data, sort_keys=False)


def log(message: Any, level: str = "err", source: str = "Puppet") -> dict[str, Any]:
    """One line of a report's log."""
    time = "2026-11-24T01:02:04.000000000+00:00"
    return {"level": level, "message": message, "source": source, "tags": [level], "time": time}


@dataclass(frozen=True)
class Answer:
    """`logs` are warnings and worse ("err: ..."), `raised` is what the run would have felt."""

    logs: list[str]
    raised: list[str]
    ms: list[float]


ALL_WELL = Answer(logs=[], raised=[], ms=[])


def the_one_line(answer: Answer) -> str:
    assert answer.raised == []
    (said,) = answer.logs
    assert is_one_line(f"{said}\n")
    return said


@contextlib.contextmanager
def folder_of_nobody() -> Iterator[Path]:
    """A spool whose owner is not root, as a puppetserver's is not."""
    with tempfile.TemporaryDirectory(prefix="rolecall-spool-") as name:
        os.chown(name, NOBODY_ID, NOBODY_ID)
        yield Path(name)


def numbered(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Reports that end up as lines of some 2 KB, each with its number as configuration version."""
    logs = [log(f"{number} {'x' * 300}") for number in range(5)]
    return [
        report("failed", logs=logs, configuration_version=number)
        for number in range(first, first + count)
    ]


def numbers(*paths: Path) -> list[int]:
    lines = b"".join(path.read_bytes() for path in paths).splitlines()
    return [int(json.loads(line)["configuration_version"]) for line in lines]


def segments(spool: Path) -> list[Path]:
    return sorted(path for path in spool.iterdir() if SEGMENT.fullmatch(path.name))


class Drivers(Protocol):
    """Gives one of a kind, the same again and again; `number` tells several of that kind apart."""

    def __call__(
        self, ruby: tuple[str, ...] = MRI, within: tuple[str, ...] = (), number: int = 0
    ) -> ReportDriver: ...


class ReportDriver(RubyDriver):
    program = HERE / "ruby" / "report_driver.rb"

    def seen(self, path: Path) -> Path:
        """That path, as the process sees it: `within` may have given it a disk of its own."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def save(
        self,
        reports: Sequence[dict[str, Any] | str],
        *,
        env: dict[str, str] | None = None,
        key: str | None = None,
        threads: int = 1,
        spans: bool = False,
        **settings: object,
    ) -> Answer:
        """Dicts go as the agents' JSON, texts as YAML. Settings are given as ENC_<KEY>."""
        as_json = [isinstance(each, dict) for each in reports]
        if any(as_json) and not all(as_json):
            raise ValueError("all of one kind, please")
        texts = [each if isinstance(each, str) else json.dumps(each) for each in reports]
        environment = {"ENC_CONF": "/nonexistent/enc.conf"} | (env or {})
        environment |= {f"ENC_{name.upper()}": str(value) for name, value in settings.items()}
        answer = self._ask(
            {
                "reports": texts,
                "format": "json" if all(as_json) else "yaml",
                "key": key,
                "env": environment,
                "threads": threads,
                "spans": spans,
            }
        )
        return Answer(answer["logs"], answer["raised"], answer.get("ms", []))
