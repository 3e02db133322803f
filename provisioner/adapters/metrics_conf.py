"""How gunicorn shows the loop's metrics, in a process of its own: see metrics_port.

gunicorn takes its settings from the names of this module. The process ends with the loop: its
standard input, which the loop holds open, is then at its end.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from enc import logs
from enc.worker import make_room

FOLDER, FILE = "ROLECALL_METRICS_FOLDER", "metrics"

workers, threads = 1, 4
worker_class = "enc.worker.PatientWorker"
timeout, graceful_timeout, keepalive = 30, 1, 15
limit_request_line, limit_request_fields, limit_request_field_size = 2048, 64, 8190
loglevel, errorlog, accesslog = "warning", "-", None
forwarded_allow_ips, forwarder_headers = "", ""
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True

Start = Callable[[str, list[tuple[str, str]]], Any]


def app(_environ: Any, start: Start) -> Iterable[bytes]:
    """WSGI: what the loop has written last, whatever is asked for."""
    text = (Path(os.environ[FOLDER]) / FILE).read_bytes()
    kind = "text/plain; version=0.0.4; charset=utf-8"
    start("200 OK", [("Content-Type", kind), ("Content-Length", str(len(text)))])
    return [text]


def on_starting(server: Any) -> None:
    logs.configure("WARNING", secrets=frozenset())
    server.cfg.set("worker_connections", make_room())


def when_ready(_server: Any) -> None:
    threading.Thread(target=_end_with_the_loop, daemon=True).start()


def on_exit(_server: Any) -> None:
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def _end_with_the_loop() -> None:
    while os.read(0, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
