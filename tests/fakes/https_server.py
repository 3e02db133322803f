"""A small HTTPS server that answers as a test has planned: rightly, wrongly, or not at all."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.service.certificates import Authority, Identity

# What is wrong: a status, or
How = (
    int
    | Literal[
        "close",  # the connection ends without a word
        "reset",
        "hang",
        "slow",  # and right
        "half",  # of the answer, and then the end
        "garbage",  # 200, its header as ever, and a text that nobody expects
        "stranger",  # 200 and a page, from something that is not Puppet's
        "redirect",
        "huge",  # 200 and more bytes than anybody wants
        "drip",  # its body, a byte at a time, and its length unknown
        "drip headers",
    ]
)
PAGE = b"<html><body>Welcome to nginx!</body></html>"
HUGE = 32 * 1024 * 1024
# As a puppetserver answers: the CA's header is on every answer of its own.
MARK = {"X-Puppet-Version": "7.23.0"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``who`` is the name in the client's certificate; "" without one."""

    method: str
    segments: tuple[str, ...]  # of the path, unquoted
    query: Mapping[str, str]
    body: bytes
    who: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int
    body: bytes = b""
    type: str = "text/plain;charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: dict(MARK))


@dataclass
class Fault:
    action: str
    how: How
    times: int
    after: bool
    text: str


class HttpsServer:
    """``calls`` are (action, what it is about). Names in ``allowed`` may act."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "ca")
        self._identities: dict[str, Identity] = {}
        self.allowed = {"provisioner"}
        self.calls: list[tuple[str, Any]] = []
        self.connections = 0
        self.pace = 0.05  # seconds from byte to byte of a drip, or before what is slow
        self.stopping, self.lock = Event(), RLock()
        self._faults: list[Fault] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = self.identity("puppet", "localhost", "127.0.0.1")
        context.load_cert_chain(own.cert, own.key)
        context.load_verify_locations(self.authority.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        # In TLS 1.3 the word about a bad certificate comes after the handshake, or is lost.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._server = _Server(self, context)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}"

    def identity(self, name: str, *alternatives: str) -> Identity:
        """A certificate of the server's own authority."""
        if name not in self._identities:
            self._identities[name] = self.authority.issue(name, *alternatives)
        return self._identities[name]

    def fail(
        self,
        action: str,
        how: How,
        *,
        times: int = 1,
        after: bool = False,
        text: str = "as the test has it",
    ) -> None:
        """The next ``times`` calls go wrong; with ``after`` they have done the work first."""
        with self.lock:
            self._faults.append(Fault(action, how, times, after, text))

    def heal(self) -> None:
        with self.lock:
            self._faults.clear()

    def count(self, action: str) -> int:
        return sum(called == action for called, _ in self.calls)

    # For those who build on it.

    def action(self, asked: Asked) -> tuple[str, Any]:
        """What a test calls it, and what it is about."""
        raise NotImplementedError

    def reply(self, asked: Asked) -> Reply:
        raise NotImplementedError

    # For the connections.

    def answer(self, asked: Asked) -> tuple[Reply, Fault | None]:
        with self.lock:
            called = self.action(asked)
            self.calls.append(called)
            fault = next((f for f in self._faults if f.action == called[0] and f.times > 0), None)
            if fault:
                fault.times -= 1
            if fault and not fault.after:
                return Reply(status=200, body=b"[]"), fault
            return self.reply(asked), fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: HttpsServer, context: ssl.SSLContext) -> None:
        self.owner, self._context = owner, context
        super().__init__(("127.0.0.1", 0), _Connection)

    def get_request(self) -> tuple[Any, Any]:
        held, address = super().get_request()
        self.owner.connections += 1
        # The handshake belongs into the connection's own thread: a client may dawdle.
        lazy = self._context.wrap_socket(held, server_side=True, do_handshake_on_connect=False)
        return lazy, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is cut off, or does not trust us, is a test; anything else a bug."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        asked = Asked(
            method=self.command,
            segments=tuple(unquote(one) for one in parts.path.strip("/").split("/")),
            query=dict(parse_qsl(parts.query)),
            body=self.rfile.read(length),
            who=self._who(),
        )
        reply, fault = self.server.owner.answer(asked)
        if fault is None:
            self._send(reply)
        else:
            self._spoil(reply, fault)

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server looks them up by name

    def log_message(self, *_: object) -> None:
        pass

    def _who(self) -> str:
        certificate: Any = self.connection.getpeercert() or {}
        names = [value for part in certificate.get("subject", ()) for _, value in part]
        return names[0] if names else ""

    def _send(self, reply: Reply, length: int | None = None) -> None:
        self._head(reply, len(reply.body) if length is None else length)
        self.wfile.write(reply.body)

    def _head(self, reply: Reply, length: int | None) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.type)
        if length is None or self.close_connection:
            # Unannounced, the next request could meet the end of the connection.
            self.send_header("Connection", "close")
        if length is not None and reply.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _spoil(self, reply: Reply, fault: Fault) -> None:
        self.close_connection = True
        if isinstance(fault.how, int):
            self._send(Reply(status=fault.how, body=fault.text.encode()))
        else:
            getattr(self, "_" + fault.how.replace(" ", "_"))(reply)

    def _close(self, reply: Reply) -> None:
        """Nothing is sent."""

    def _reset(self, reply: Reply) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        held = self.connection.detach()
        socket.close(held)

    def _hang(self, reply: Reply) -> None:
        self.server.owner.stopping.wait(self.timeout)

    def _slow(self, reply: Reply) -> None:
        self.server.owner.stopping.wait(self.server.owner.pace)
        self._send(reply)

    def _half(self, reply: Reply) -> None:
        self._send(Reply(status=200, body=b'[{"name"'), length=100)

    def _garbage(self, reply: Reply) -> None:
        self._send(Reply(status=200, body=b"\x1b[2J\xff{"))

    def _stranger(self, reply: Reply) -> None:
        self._send(Reply(status=200, body=PAGE, type="text/html", headers={}))

    def _redirect(self, reply: Reply) -> None:
        self._send(Reply(status=302, headers={**MARK, "Location": self.server.owner.url + "/x"}))

    def _huge(self, reply: Reply) -> None:
        self._head(Reply(status=200), HUGE)
        piece = b" " * 65536
        with suppress(OSError):
            for _ in range(HUGE // len(piece)):
                self.wfile.write(piece)

    def _drip(self, reply: Reply) -> None:
        """Wherever it is cut, it looks like a whole answer."""
        self._head(Reply(status=200), None)
        self._trickle(b"[]" + b" " * HUGE)

    def _drip_headers(self, reply: Reply) -> None:
        self._trickle(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * HUGE)

    def _trickle(self, text: bytes) -> None:
        with suppress(OSError):
            for byte in text:
                if self.server.owner.stopping.wait(self.server.owner.pace):
                    return
                self.wfile.write(bytes([byte]))
