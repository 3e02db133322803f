"""A site's own commands, run by sh within a time."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from datetime import timedelta

from provisioner.ports.exports import Ran

_READ = 20_000


class Shell:
    """Runs one command at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: str, deadline: timedelta) -> Ran:
        """Who is not done in time is killed, with all that it started.

        What it says goes to a file: a daemon that it leaves behind would hold a pipe open for ever.
        """
        with tempfile.TemporaryFile() as said:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            code = self._ended(self._process, deadline)
            said.seek(0)
            return Ran(code, said.read(_READ).decode(errors="replace"))

    def cut(self) -> None:
        """End what runs just now."""
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _ended(self, process: subprocess.Popen[bytes], deadline: timedelta) -> int | None:
        """Its code; None for one that had to be killed. Also when we are interrupted ourselves."""
        try:
            return process.wait(deadline.total_seconds())
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                self.cut()
                process.wait()


def quoted(text: str) -> str:
    return shlex.quote(text)
