"""An instance's metadata service at the address where every machine of EC2 has it."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tests.real.network import add_address, listener

ADDRESS = "169.254.169.254"
PORT = 80
ASK_SECONDS = 10
# What of a request and of an answer means something here.
ASKED = ("X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds")
ANSWERED = ("Content-Type", "X-aws-ec2-metadata-token-ttl-seconds")


@contextlib.contextmanager
def metadata_service(pid: int, url: str) -> Iterator[None]:
    """Inside the network of process PID, `http://169.254.169.254/` is URL as we see it."""
    add_address(pid, ADDRESS)
    handler = partial(_PassOn, urlsplit(url))
    with ThreadingHTTPServer((ADDRESS, PORT), handler, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = listener((ADDRESS, PORT), pid)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class _PassOn(BaseHTTPRequestHandler):
    """Asks the region what it is asked."""

    def __init__(self, target: SplitResult, *arguments: Any) -> None:
        self.target = target
        super().__init__(*arguments)

    def _pass_on(self) -> None:
        connection = http.client.HTTPConnection(self.target.netloc, timeout=ASK_SECONDS)
        with contextlib.closing(connection):
            said = {name: self.headers[name] for name in ASKED if name in self.headers}
            connection.request(self.command, f"{self.target.path}{self.path}", headers=said)
            answer = connection.getresponse()
            body = answer.read()
        self.send_response(answer.status)
        for name in ANSWERED:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = _pass_on  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        pass
