"""A service that takes reports, writes down which, and can be told to misbehave."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path


@dataclass(frozen=True)
class Reply:
    status: int = 204
    media_type: str = "application/problem+json"
    detail: str = "because"
    type: str = "urn:rolecall:problem:some-slug"
    # Nothing is said: the line is taken, and the connection closed.
    dies: bool = False
    close: bool = False


TAKEN = Reply()
DIES = Reply(dies=True)
Judge = Callable[[bytes], Reply]


@dataclass
class Sink:
    """`lines` are those that it answered with 204 or died after taking, as they came."""

    url: str
    judge: Judge = lambda line: TAKEN
    lines: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def numbers(self) -> list[int]:
        """Of lines as `line()` makes them."""
        return [json.loads(line)["number"] for line in self.lines]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Quiet

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)
        self.server.sink.connections += 1

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        sink = self.server.sink
        sink.paths.append(self.path)
        reply = sink.judge(body)
        if reply.status == TAKEN.status:
            sink.lines.append(body)
        self.close_connection = reply.close or reply.dies
        if not reply.dies:
            self._say(reply)

    def _say(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.close:
            self.send_header("Connection", "close")
        document = {"type": reply.type, "title": "no", "detail": reply.detail}
        body = b"" if reply.status == TAKEN.status else json.dumps(document).encode()
        if body:
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Quiet:
    daemon_threads = True
    request_queue_size = 64
    sink: Sink
    open: set[socket.socket]

    def handle_error(self, *_: object) -> None:
        """The shippers of the tests are killed: that is no news here."""


class _Unix(_Quiet, socketserver.ThreadingUnixStreamServer):
    pass


class _Tcp(_Quiet, socketserver.ThreadingTCPServer):
    pass


@contextlib.contextmanager
def sink(folder: Path, judge: Judge = lambda line: TAKEN, *, tcp: bool = False) -> Iterator[Sink]:
    """On a unix socket, which is there again when it is started in the same folder."""
    path = folder / "enc.sock"
    path.unlink(missing_ok=True)
    server = _Tcp(("127.0.0.1", 0), _Handler) if tcp else _Unix(str(path), _Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}" if tcp else f"unix:{path}"
    server.sink, server.open = Sink(url, judge), set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.sink
    finally:
        server.shutdown()
        thread.join()
        for each in server.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        server.server_close()
        path.unlink(missing_ok=True)
