"""A site's own commands, run by sh within a time."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from datetime import timedelta

from provisioner.exporting.export import Ran

_READ = 20_000


def run(command: str, deadline: timedelta) -> Ran:
    """Who is not done in time is killed, with all that it started.

    What it says goes to a file: a daemon that it leaves behind would hold a pipe open for ever.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(deadline.total_seconds())
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        return Ran(code, said.read(_READ).decode(errors="replace"))


def quoted(text: str) -> str:
    return shlex.quote(text)
