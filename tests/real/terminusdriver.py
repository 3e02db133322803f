"""A Ruby process that asks the node terminus who a node is, as a puppetserver does.

with TerminusDriver.start() as puppet:
    found = puppet.look_up("i-0abc", url="unix:/run/rolecall/enc.sock")
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml

from tests.real.jvm import BRIEF
from tests.real.reportdriver import LOCALE, MODULE_LIB, MRI, NoAnswerError, jruby
from tests.service.enc_script import is_one_line

DRIVER = Path(__file__).parent / "ruby" / "terminus_driver.rb"
RUBIES = {
    "ruby": MRI,
    # A puppetserver has OpenSSL's jars in its class path, as has this, where JRuby would not look.
    "jruby": jruby(*BRIEF, "-Djruby.openssl.load.jars=false"),
}
ANSWER_SECONDS = 120
NO_FILE = "/nonexistent/enc.conf"


@dataclass(frozen=True)
class Found:
    """What Puppet got: `node` or `raised`. `logs` are warnings and worse ("warning: ...")."""

    node: dict[str, Any] | None
    raised: str
    logs: list[str]
    seconds: float


class TerminusDriver:
    greeting: dict[str, str]
    # How many threads Ruby had after the last call.
    threads: int = 0

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def start(cls, ruby: Sequence[str] = MRI, within: Sequence[str] = ()) -> Iterator[Self]:
        """`within` is a command that runs a command."""
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
                    start_new_session=True,
                )
            try:
                driver = cls(process)
                driver.greeting = driver._read()
                yield driver
            except NoAnswerError as error:
                raise RuntimeError(f"no answer from Ruby; it said: {said.read_text()}") from error
            finally:
                # With what `within` started: a thread in a look-up of a name outlives its limit.
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def look_up(self, node: str, **settings: object) -> Found:
        """Settings are given as ENC_<KEY>; the machine's own enc.conf is kept out."""
        (found,) = self.look_all_up([node], **settings)
        return found

    def look_all_up(
        self,
        nodes: Sequence[str],
        *,
        threads: int = 1,
        pause: float = 0,
        facts: Mapping[str, Any] = MappingProxyType({}),
        asked: str = "production",
        **settings: object,
    ) -> list[Found]:
        """In the order of `nodes`, with `pause` seconds between two of one thread.

        `asked` is the environment that the agent asks for.
        """
        environment = {"ENC_CONF": NO_FILE}
        environment |= {f"ENC_{key.upper()}": str(value) for key, value in settings.items()}
        request = {"nodes": nodes, "env": environment, "threads": threads}
        answer = self._ask(request | {"pause": pause, "facts": dict(facts), "asked": asked})
        self.threads = answer["threads"]
        return [_found(each) for each in answer["found"]]

    def sockets(self) -> set[str]:
        """Those that it has open now."""
        targets = map(_target, Path(f"/proc/{self._process.pid}/fd").iterdir())
        return {target for target in targets if target.startswith("socket:")}

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


def _found(answer: dict[str, Any]) -> Found:
    raised, logs, ms = answer.pop("raised", ""), answer.pop("logs"), answer.pop("ms")
    return Found(answer or None, raised, logs, ms / 1000)


def _target(link: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return str(link.readlink())
    return ""


def answers(found: Found, text: bytes) -> bool:
    """Whether the node is that of the answer."""
    said = _said(text)
    node = found.node or {"classes": None, "parameters": {}, "environment": None}
    return (
        node["classes"] == said["classes"]
        and said["parameters"].items() <= node["parameters"].items()
        and node["environment"] == said["environment"]
    )


@cache
def _said(text: bytes) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return found


def is_warning(found: Found) -> bool:
    """Whether it was answered with one line, the warning that it came from the cache."""
    (line,) = found.logs
    begins = line.startswith(f"warning: rolecall: {found.node and found.node['name']}: ")
    return begins and "from the cache" in line and is_one_line(f"{line}\n")
