"""What stands behind the balancer in its tests: servers on loopback that say what they got."""

import json
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

BACKLOG = 128


@dataclass(frozen=True)
class Got:
    """A request as it arrived: the target as it stood there, the names of headers in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def identity(self) -> dict[str, str]:
        """What was said of who asks."""
        return {k: v for k, v in self.headers.items() if k.startswith(("x-client", "x-ssl"))}


@dataclass
class Backend:
    """Answers each request with 200 and its own name, or does as `act` says.

    `act` is called with the connection before there is an answer; False: none follows.
    """

    name: str
    # Where not on loopback: a unix socket that everybody may use.
    path: Path | None = None
    act: Callable[[BaseHTTPRequestHandler], bool] = lambda _: True
    got: list[Got] = field(default_factory=list)
    _port: int = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """At the same port as the last time."""
        self._server = _listen(self._port, self.path, self._handler())
        if not self.path:
            self._port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def lines(self) -> list[str]:
        return [got.line for got in self.got]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            # An answer goes in two writes, of which the second would wait for an acknowledgement.
            wbufsize = -1

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                names = {name.lower(): value for name, value in self.headers.items()}
                backend.got.append(Got(f"{self.command} {self.path}", names, body))
                if not backend.act(self):
                    self.close_connection = True
                    return
                text = json.dumps({"by": backend.name}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

            def address_string(self) -> str:
                return "front"

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Tcp(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = BACKLOG


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = BACKLOG


def _listen(
    port: int, path: Path | None, handler: type[BaseHTTPRequestHandler]
) -> socketserver.TCPServer | socketserver.UnixStreamServer:
    if not path:
        return _Tcp(("127.0.0.1", port), handler)
    server = _Unix(str(path), handler)
    # Apache's workers are somebody else.
    path.chmod(0o666)
    return server
