"""A real PowerDNS before the service, set up as docs/dns.md says, and `dig` to ask it."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import free_port, stop, wait_until

DOCUMENT = Path(__file__).parents[1] / "docs" / "dns.md"
NO_CACHE: Mapping[str, str] = {
    "cache-ttl": "0",
    "query-cache-ttl": "0",
    "negquery-cache-ttl": "0",
}
TIMEOUT = 5


@dataclass(frozen=True)
class Dug:
    """What dig was told: ``answers`` are (type, data) in the order of the answer."""

    status: str
    answers: list[tuple[str, str]]
    truncated: bool

    @property
    def data(self) -> list[str]:
        return sorted(data for _, data in self.answers)


def documented() -> dict[str, str]:
    """The settings that people are told to use."""
    found = re.search(r"pdns\.conf`:\n\n```ini\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/dns.md has no pdns.conf"
    lines = [line for line in found[1].splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@dataclass
class PowerDNS:
    """``url`` is the service's /dns. A folder of its own, no daemon."""

    folder: Path
    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "pdns.log"

    def start(self) -> PowerDNS:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = documented() | self._own() | self.options
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self.folder / "pdns.conf").write_text(text)
        self._launch()
        wait_until("pdns_server", self._is_ready)
        return self

    def _launch(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/pdns_server", f"--config-dir={self.folder}"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def dig(self, name: str, kind: str = "A", *options: str) -> Dug:
        asked = ["dig", f"-p{self.port}", "@127.0.0.1", "+norecurse", f"+time={TIMEOUT}"]
        command = [*asked, "+tries=1", "+noall", "+comments", "+answer", *options, name, kind]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        status = re.search(r"status: (\w+)", done.stdout)
        lines = [line.split(None, 4) for line in done.stdout.splitlines()]
        answers = [(line[3], line[4]) for line in lines if len(line) == 5 and line[2] == "IN"]
        return Dug(status[1] if status else "none", answers, "Truncated" in done.stdout)

    def _own(self) -> dict[str, str]:
        address = self.url.removesuffix("/")
        return {
            "remote-connection-string": f"http:url={address},timeout=2000",
            "local-address": "127.0.0.1",
            "local-port": str(self.port),
            "socket-dir": str(self.folder),
            "guardian": "no",
            "daemon": "no",
            "disable-syslog": "yes",
        }

    def _is_ready(self) -> bool:
        """TCP is listened at before the zones are known; the log says when all is.

        It ends when nobody tells it its zones in time; systemd starts it again, and so do we.
        """
        if not self.is_alive():
            self._launch()
        with socket.socket() as probe:
            there = probe.connect_ex(("127.0.0.1", self.port)) == 0
        return there and "ready to distribute" in self.log.read_text(errors="replace")


def documented_unbound() -> str:
    """What people are told to give unbound."""
    found = re.search(r"unbound:\n\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/dns.md has no settings for unbound"
    return found[1]


@dataclass
class Unbound:
    """A resolver of this machine that takes zones from ``upstream``, as docs/dns.md says."""

    folder: Path
    upstream: PowerDNS
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Unbound:
        self.folder.mkdir(parents=True, exist_ok=True)
        place = f"127.0.0.1@{self.upstream.port}"
        config = self.folder / "unbound.conf"
        config.write_text(
            documented_unbound().replace("10.0.0.53", place)
            + "server:\n"
            + f'    directory: "{self.folder}"\n    port: {self.port}\n'
            + '    interface: 127.0.0.1\n    do-not-query-localhost: no\n    username: ""\n'
            + '    chroot: ""\n    pidfile: ""\n    use-syslog: no\n    num-threads: 1\n'
        )
        with (self.folder / "unbound.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/unbound", "-d", "-c", str(config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        alive = self.process.poll
        wait_until("unbound", self._listens, alive=lambda: alive() is None)
        return self

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)

    def dig(self, name: str, kind: str = "A") -> Dug:
        return PowerDNS(self.folder, "", port=self.port).dig(name, kind, "+recurse")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
