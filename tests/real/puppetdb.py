"""A private PuppetDB with its own PostgreSQL cluster: free ports of loopback, all in one folder.

Debian's `puppetdb foreground` insists on the folders below /etc/puppetdb, so its java line is run
here with a configuration of our own.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.real.jvm import BRIEF
from tests.real.serverconf import LOGBACK_XML
from tests.servers import free_port

HOST = "127.0.0.1"
# The packages make these users.
USER, POSTGRES_USER = "puppetdb", "postgres"
JAR = "/usr/share/puppetdb/puppetdb.jar"
DEBIAN = Path("/etc/puppetdb")
POSTGRES = Path("/usr/lib/postgresql")

# 20 s on two idle cores, with the making of its tables; it starts beside a puppetserver.
START_SECONDS = 300
POSTGRES_SECONDS = 60
STOP_SECONDS = 30
ASK_SECONDS = 10
POLL_SECONDS = 0.2

CONFIG = """\
[global]
vardir = {d}/var
logging-config = {d}/logback.xml
[puppetdb]
disable-update-checking = true
certificate-allowlist = {d}/allowed
[database]
subname = //{host}:{postgres}/{user}
username = {user}
password = PuppetDB wants one and PostgreSQL does not ask
[jetty]
host = {host}
port = {plain}
ssl-host = {host}
ssl-port = {tls}
ssl-key = {d}/ssl/key.pem
ssl-cert = {d}/ssl/cert.pem
ssl-ca-cert = {d}/ssl/ca.pem
"""


@dataclass(frozen=True)
class Identity:
    """PEM files: whom the server is to its clients, and who signs their certificates."""

    certificate: Path
    key: Path
    ca: Path


@dataclass
class PuppetDB:
    """A handle on one PuppetDB. `folder` must be open to its users; `allowed` are certnames."""

    folder: Path
    allowed: tuple[str, ...]
    port: int = field(default_factory=free_port)
    plain_port: int = field(default_factory=free_port)
    postgres_port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def begin(self, identity: Identity) -> None:
        """Start it; `wait` waits until it serves."""
        self._begin_postgres()
        self._configure(identity)
        java = [
            *("/usr/bin/java", *BRIEF, "-Xmx512m", f"-Djava.io.tmpdir={self.folder}/var"),
            *("-cp", JAR, "clojure.main", "-m", "puppetlabs.puppetdb.core", "services"),
            *("--config", self.folder / "conf.d"),
            *("--bootstrap-config", DEBIAN / "bootstrap.cfg"),
        ]
        self._start(USER, java)

    def wait(self) -> None:
        """Until it serves; raises TimeoutError or RuntimeError with its log."""
        deadline = time.monotonic() + START_SECONDS
        while self._status() != "running":
            self._check(deadline)
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        for process in reversed(self.processes):
            # PostgreSQL: SIGINT does not wait for its clients to leave.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        self.processes.clear()

    def query(self, path: str) -> Any:
        """What GET /pdb/query/v4/PATH answers; None for a 404."""
        status, body = self._get(f"/pdb/query/v4/{path}")
        if status not in (200, 404):
            raise AssertionError(f"PuppetDB answers {status} to {path}: {body[:300]!r}")
        return json.loads(body) if status == 200 else None

    def node(self, certname: str) -> dict[str, Any] | None:
        """What it knows of a node; `deactivated` is a time, or None while it is active."""
        found = self.query(f"nodes/{quote(certname, safe='')}")
        return None if found is None else dict(found)

    def wait_for_node(self, certname: str, *, seconds: float = ASK_SECONDS) -> dict[str, Any]:
        """A node whose report has arrived: it works its commands off a moment later."""
        deadline = time.monotonic() + seconds
        while not (node := self.node(certname)) or not node["report_timestamp"]:
            if time.monotonic() > deadline:
                raise AssertionError(f"PuppetDB has no report of {certname}: {node}")
            time.sleep(POLL_SECONDS)
        return node

    def is_deactivated(self, certname: str, *, seconds: float = ASK_SECONDS) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            node = self.node(certname)
            if node and node["deactivated"]:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def tail(self, lines: int = 40) -> str:
        log = self.folder / "log" / "stdout"
        said = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(said[-lines:])

    def _begin_postgres(self) -> None:
        data = self.folder / "postgres"
        (self.folder / "log").mkdir(parents=True)
        data.mkdir()
        shutil.chown(data, POSTGRES_USER)
        newest = max(POSTGRES.iterdir(), key=lambda folder: float(folder.name)) / "bin"
        # Its superuser is PuppetDB: whoever reaches the port may be anybody anyway.
        made = [newest / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"]
        self._run(POSTGRES_USER, [*made, "--locale=C.UTF-8", "--no-sync"])
        options = {"listen_addresses": HOST, "unix_socket_directories": data, "fsync": "off"}
        words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        server = [newest / "postgres", "-D", data, "-p", str(self.postgres_port), *words]
        self._start(POSTGRES_USER, server)
        self._make_database(newest / "psql")

    def _make_database(self, psql: Path) -> None:
        ask = [psql, "-h", HOST, "-p", str(self.postgres_port), "-U", USER, "-q"]
        deadline = time.monotonic() + POSTGRES_SECONDS
        while True:
            try:
                self._run(USER, [*ask, "-d", "postgres", "-c", f"create database {USER}"])
                break
            except RuntimeError:
                self._check(deadline)
                time.sleep(POLL_SECONDS)
        self._run(USER, [*ask, "-d", USER, "-c", "create extension pg_trgm"])

    def _configure(self, identity: Identity) -> None:
        values = {"d": self.folder, "host": HOST, "user": USER, "postgres": self.postgres_port}
        ports = {"plain": self.plain_port, "tls": self.port}
        ours = [self.folder / "var", self.folder / "ssl"]
        for folder in (*ours, self.folder / "conf.d"):
            folder.mkdir()
        for name in ("certificate", "key", "ca"):
            target = "cert" if name == "certificate" else name
            shutil.copyfile(getattr(identity, name), self.folder / "ssl" / f"{target}.pem")
        shutil.copy(DEBIAN / "conf.d" / "auth.conf", self.folder / "conf.d")
        (self.folder / "conf.d" / "config.ini").write_text(CONFIG.format(**values, **ports))
        (self.folder / "logback.xml").write_text(LOGBACK_XML.format(d=self.folder))
        (self.folder / "allowed").write_text("".join(f"{name}\n" for name in self.allowed))
        subprocess.run(["chown", "-R", f"{USER}:", *ours, self.folder / "log"], check=True)

    def _start(self, user: str, command: list[Any]) -> None:
        with (self.folder / "log" / "stdout").open("ab") as out:
            process = subprocess.Popen(
                [*_as_user(user), *command], env=_environment(), cwd="/", start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.processes.append(process)

    def _run(self, user: str, command: list[Any]) -> None:
        done = subprocess.run(
            [*_as_user(user), *command], env=_environment(), cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=POSTGRES_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command[0]}: exit {done.returncode}: {done.stdout}{done.stderr}")

    def _check(self, deadline: float) -> None:
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError(f"PuppetDB or its PostgreSQL ended; they said:\n{self.tail()}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"no PuppetDB in time; it said:\n{self.tail()}")

    def _status(self) -> str:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self._get("/status/v1/simple")[1].decode()
        return "away"

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.plain_port, timeout=ASK_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()


def _as_user(user: str) -> list[str]:
    """The words before a command that make it this user's, and end it if we die."""
    who = ["--reuid", user, "--regid", user, "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *who, "--pdeathsig", "TERM"]


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
