"""A port where Prometheus asks for the loop's metrics: in a process of its own.

Anybody who reaches it may open connections without end: they take threads and descriptors of that
process and none of the loop's. It is gunicorn, with the worker of the ENC service.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from provisioner.adapters.metrics_conf import FILE, FOLDER

# As gunicorn has it.
_BACKLOG = 2048


class MetricsPort:
    """``show`` is what it answers from now on. The process is started anew where it has died."""

    def __init__(self, host: str, port: int) -> None:
        """Raises OSError where it cannot listen."""
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def has_died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def show(self, text: bytes) -> None:
        """Raises OSError where it can neither be written nor be shown."""
        starts = self._process is None or self.has_died
        if self.has_died:
            self._end()
            shutil.rmtree(self._folder, ignore_errors=True)
        if starts:
            self._folder = Path(tempfile.mkdtemp(prefix="rolecall-loop-"))
        new = self._folder / f"{FILE}.new"
        new.write_bytes(text)
        new.rename(self._folder / FILE)
        if starts:
            self._process = self._started()

    def close(self) -> None:
        """Only when this is over is the address free again."""
        self._listener.close()
        self._end()

    def _end(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        number = self._listener.fileno()
        module = f"{__package__}.metrics_conf"
        return subprocess.Popen(
            [
                # -I, and / as its folder: nothing is imported from where we happen to stand.
                *(sys.executable, "-I", "-m", "gunicorn", "-c", f"python:{module}"),
                *("--bind", f"fd://{number}", f"{module}:app"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={FOLDER: str(self._folder)},
            cwd="/",
            pass_fds=[number],
            # Ctrl-C is for us; it ends when we do.
            start_new_session=True,
        )
