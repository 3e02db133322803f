"""A Ruby process that hands reports to Puppet as a puppetserver does, with our processor in it.

with ReportDriver.start() as puppet:
    puppet.save([report("changed")], spool=folder)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Self

import yaml

from tests.real.jvm import BRIEF
from tests.service.enc_script import is_one_line

HERE = Path(__file__).parent
REPORTS = HERE / "reports"
DRIVER = HERE / "ruby" / "report_driver.rb"
MODULE_LIB = HERE.parents[1] / "puppet/rolecall/lib"
MRI = ("ruby",)
JRUBY_HOME = Path("/usr/share/jruby")


def jruby(*options: str) -> tuple[str, ...]:
    """The puppetserver's own copy of Puppet, and its gems, in a JVM with these options."""
    return (
        *("env", "GEM_PATH=/usr/lib/puppetserver/vendored-jruby-gems", "java", *options),
        *(f"-Djruby.home={JRUBY_HOME}", "-cp", f"{JRUBY_HOME}/lib/*", "org.jruby.Main"),
        *("-I", "/usr/lib/puppetserver/ruby/vendor_ruby"),
    )


JRUBY = jruby(*BRIEF)
# As Debian 13 starts its puppetserver: with less, for Ruby takes what it reads for US-ASCII then.
LOCALE = {"LANG": "C", "LC_ALL": "C"}
NOBODY_ID = 65534
NOBODY = ("setpriv", f"--reuid={NOBODY_ID}", f"--regid={NOBODY_ID}", "--clear-groups")
SEGMENT = re.compile(r"\d{8}T\d{6}\.\d{9}\.jsonl")
TAG = "--- !ruby/object:Puppet::Transaction::Report\n"
ANSWER_SECONDS = 120


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


class NoAnswerError(Exception):
    """It ended, or takes too long."""


class ReportDriver:
    greeting: dict[str, str]

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def start(cls, ruby: Sequence[str] = MRI, within: Sequence[str] = ()) -> Iterator[Self]:
        """`within` is a command that runs a command. The spool's folders are not its business."""
        with tempfile.TemporaryDirectory(prefix="rolecall-puppet-") as folder:
            Path(folder).chmod(0o777)
            # Copied: another user may not be let into the checkout.
            lib, program = Path(folder, "lib"), Path(folder, DRIVER.name)
            shutil.copytree(MODULE_LIB, lib)
            shutil.copyfile(DRIVER, program)
            said = Path(folder, "said")
            with said.open("wb") as stderr:
                process = subprocess.Popen(
                    [*within, *ruby, "-I", str(lib), str(program), folder],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=os.environ | {"HOME": folder} | LOCALE,
                )
            try:
                driver = cls(process)
                driver.greeting = driver._read()
                yield driver
            except NoAnswerError as error:
                raise RuntimeError(f"no answer from Ruby; it said: {said.read_text()}") from error
            finally:
                process.kill()
                process.communicate()

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

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise NoAnswerError
        answer: dict[str, Any] = json.loads(line)
        return answer
