"""A pseudo-terminal with a command on it, for what people see and type."""

from __future__ import annotations

import errno
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 90.0


@dataclass
class Terminal:
    """A pseudo-terminal with a command on it."""

    process: subprocess.Popen[bytes]
    fd: int
    shown: str = ""

    @classmethod
    def open(cls, command: list[str], env: Mapping[str, str], cwd: Path) -> Terminal:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            # Its controlling terminal: Ctrl-C typed there is a signal, and so is its end.
            ["setsid", "--ctty", *command],
            env=dict(env),
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return cls(process, ours)

    def expect(self, text: str) -> str:
        """Read until it is shown; all that was shown so far, without its colours."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.plain:
            if time.monotonic() > deadline or not self._read(1.0):
                raise AssertionError(f"{text!r} was never shown, but: {self.shown!r}")
        return self.plain

    def type(self, text: str) -> None:
        with suppress(OSError):
            os.write(self.fd, text.encode())

    def press_ctrl_c(self) -> None:
        """Until it is obeyed: Python misses one that comes in the moment before it reads."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self.type("\x03")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)

    def end(self) -> int:
        """The exit code, when everything that it wrote is in ``shown``."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(1.0):
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(PATIENCE_S)

    def hang_up(self) -> None:
        """The terminal is gone, as when its window is closed."""
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.fd >= 0:
            os.close(self.fd)

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown).replace("\r", "")

    def _read(self, seconds: float) -> bool:
        """False at the end of what there is to read."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            got = b""
        self.shown += got.decode(errors="replace")
        return bool(got)
