"""The balancer's Apache by itself, with the very configuration that the module gives it.

    values = own(folder, "front")
    text = configurations(folder, {"front": values}, backends=[backend.address])["front"]
    with Front.of(values, text, authority) as front:
        front.ask("GET /v1/nodes", port=front.enc_port, who=identity).status

No puppetserver is needed: what stands behind it says what it got. Needs root, as Apache does.
"""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.servers import free_port, stop, wait_until
from tests.service.certificates import Authority, Identity

ROOT = Path(__file__).parents[2]
APACHE = "/usr/sbin/apache2"
SYSTEM_MODULES = "/usr/share/puppet/modules"
ASK_SECONDS = 20
# What Apache says after a start, and after a reload.
RUNS = "resuming normal operations"
COMPILE_SECONDS = 120


def configurations(
    folder: Path, wanted: Mapping[str, Mapping[str, object]], **parameters: object
) -> dict[str, str]:
    """{name: Apache's configuration}, of one catalogue of rolecall::balancer with `parameters`.

    `wanted` says for each name which values differ: ports, folders and sockets of a test's own.
    """
    lines = [
        "class { 'rolecall': wheel => '/srv/rolecall/rolecall.whl' }",
        "include rolecall::service",
        f"class {{ 'rolecall::balancer': * => {_literal(parameters)} }}",
    ]
    for name, values in wanted.items():
        # The front's own user is the module's to make; Debian's Apache brings this one.
        own = {"user": "www-data", **values}
        merged = f"rolecall::balancer::values() + {{ {_pairs(own)} }}"
        text = f"epp('rolecall/balancer/apache.epp', {{ 'values' => {merged} }})"
        lines.append(f"file {{ '/{name}': content => {text} }}")
    found = _compile(folder, "\n".join(lines))
    return {name: found[f"/{name}"] for name in wanted}


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"'{key}' => {_literal(value)}" for key, value in values.items())


def _literal(value: object) -> str:
    """As Puppet writes it: like JSON, but for what a hash and a string look like."""
    if isinstance(value, Mapping):
        return f"{{ {_pairs(value)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)


def _compile(folder: Path, manifest: str) -> dict[str, str]:
    """{title: content} of the catalogue's files; Puppet gets no folder but this one."""
    site, modules = folder / "site.pp", folder / "modules"
    modules.mkdir()
    (modules / "rolecall").symlink_to(ROOT / "puppet/rolecall")
    site.write_text(manifest)
    done = subprocess.run(
        [
            *("puppet", "catalog", "compile", "puppet.example", "--manifest", str(site)),
            *("--modulepath", f"{modules}:{SYSTEM_MODULES}"),
            *("--confdir", str(folder / "conf"), "--vardir", str(folder / "var")),
        ],
        capture_output=True,
        text=True,
        timeout=COMPILE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{manifest}\n{done.stdout}{done.stderr}")
    # A notice comes first.
    resources = json.loads(done.stdout[done.stdout.index("{") :])["resources"]
    contents = {each["title"]: each.get("parameters", {}).get("content") for each in resources}
    return {title: content for title, content in contents.items() if content}


@dataclass(frozen=True)
class Answer:
    """Status 0: there was none, and `text` says why."""

    status: int
    text: str = ""


@dataclass
class Front:
    """Apache; `folder` is one that its workers may enter."""

    folder: Path
    configuration: str
    trusted: Authority
    puppet_port: int
    enc_port: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], configuration: str, trusted: Authority) -> Self:
        ports = values["puppet_port"], values["enc_port"]
        return cls(Path(values["run"]), configuration, trusted, *ports)

    def __enter__(self) -> Self:
        file = self.folder / "httpd.conf"
        file.write_text(self.configuration)
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [APACHE, "-f", str(file), "-DFOREGROUND"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            wait_until("Apache", self._listens, alive=lambda: self.runs)
        except (RuntimeError, TimeoutError) as error:
            self.__exit__()
            raise RuntimeError(f"{error}\n{self.said}") from None
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        stop(self.process)

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def said(self) -> str:
        logs = [self.folder / "said", self.folder / "error.log"]
        return "".join(log.read_text() for log in logs if log.exists())

    def reload(self) -> None:
        """As `systemctl reload` does; returns when the list has been read again."""
        assert self.process is not None
        before = self.said.count(RUNS)
        os.kill(self.process.pid, signal.SIGUSR1)
        wait_until("the reload", lambda: self.said.count(RUNS) > before, alive=lambda: self.runs)

    def ask(
        self,
        line: str,
        *headers: str,
        port: int,
        who: Identity | None = None,
        body: bytes = b"",
    ) -> Answer:
        """`line` is method and target, as they shall stand there: nothing is corrected."""
        length = [f"Content-Length: {len(body)}"] if body else []
        head = [f"{line} HTTP/1.1", "Connection: close", *length, *headers]
        if not any(header.lower().startswith("host:") for header in headers):
            head.insert(1, "Host: puppet.example")
        return self.send("\r\n".join([*head, "", ""]).encode("latin-1") + body, port=port, who=who)

    def send(self, request: bytes, *, port: int, who: Identity | None = None) -> Answer:
        try:
            with self.connect(port, who) as connection:
                connection.sendall(request)
                return _answer(connection)
        except OSError as error:
            return Answer(0, str(error))

    def connect(self, port: int, who: Identity | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port), ASK_SECONDS)
        return self.context(who).wrap_socket(plain, server_hostname="puppet.example")

    def context(self, who: Identity | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.trusted.file))
        # What the authority of the tests signs with is too plain for OpenSSL's strict mode.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if who:
            context.load_cert_chain(who.cert, who.key)
        return context

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.enc_port)) == 0


def _answer(connection: ssl.SSLSocket) -> Answer:
    """All that comes until the end; what is cut off after a status line is that answer still."""
    got = b""
    with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
        while piece := connection.recv(65536):
            got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 3:  # HTTP/1.1, status, reason
        return Answer(0, got.decode("latin-1"))
    return Answer(int(words[1]), rest.decode("latin-1"))


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that Apache's workers may enter, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="rolecall-front-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def own(folder: Path, front: str, **more: object) -> dict[str, Any]:
    """The values that keep a front of a test to itself, and let it live beside others."""
    run = folder / front
    run.mkdir()
    return {
        "puppet_port": free_port(),
        "enc_port": free_port(),
        "address": "127.0.0.1:",
        "run": str(run),
        "logs": str(run),
        **more,
    }
