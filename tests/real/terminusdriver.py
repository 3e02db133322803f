"""A Ruby process that asks the node terminus who a node is, as a puppetserver does.

with TerminusDriver.start() as puppet:
    found = puppet.look_up("i-0abc", url="unix:/run/rolecall/enc.sock")
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tests.real.jvm import BRIEF
from tests.real.rubydriver import MRI, RubyDriver, jruby
from tests.service.enc_script import is_one_line

RUBIES = {
    "ruby": MRI,
    # A puppetserver has OpenSSL's jars in its class path, as has this, where JRuby would not look.
    "jruby": jruby(*BRIEF, "-Djruby.openssl.load.jars=false"),
}
NO_FILE = "/nonexistent/enc.conf"


@dataclass(frozen=True)
class Found:
    """What Puppet got: `node` or `raised`. `logs` are warnings and worse ("warning: ...")."""

    node: dict[str, Any] | None
    raised: str
    logs: list[str]
    seconds: float


class TerminusDriver(RubyDriver):
    program = Path(__file__).parent / "ruby" / "terminus_driver.rb"
    # How many threads Ruby had after the last call.
    threads: int = 0

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
