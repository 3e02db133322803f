"""``python -m tests.region.server --port 0``: the region as a process of its own.

Prints ``{"url": …, "port": …, "pid": …}`` in a line when it listens. It ends with SIGTERM, or with
``--with-parent`` when its standard input is closed: whoever started it has gone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tests.region.app import App

HOST = "127.0.0.1"
POLL_S = 0.05  # how soon a stop is heard


class Quiet(WSGIRequestHandler):
    """The region logs its calls itself. A cut connection is not news."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        """http.server writes the Date header itself, so EC2's clock is put here."""
        return self.server.app.date()

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        pass


def build(port: int, settings: dict[str, Any] | None = None) -> BaseWSGIServer:
    """Listens on loopback; port 0 takes a free one. Serve it with ``serve_forever()``."""
    app = App()
    app.state.config.update(settings or {})
    return make_server(HOST, port, app, threaded=True, request_handler=Quiet)


def _end_with_parent(server: BaseWSGIServer) -> None:
    # Not sys.stdin: Python would wait for its lock when it leaves.
    while os.read(sys.stdin.fileno(), 1):
        pass
    server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated EC2 region")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--config", type=json.loads, default={}, help="settings as JSON")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    said = parser.parse_args()
    server = build(said.port, said.config)
    # shutdown() waits for serve_forever() to leave, so the handler may not call it itself.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    if said.with_parent:
        threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    port = server.server_port
    said_line = {"url": f"http://{HOST}:{port}", "port": port, "pid": os.getpid()}
    print(json.dumps(said_line), flush=True)
    server.serve_forever(POLL_S)


if __name__ == "__main__":
    main()
