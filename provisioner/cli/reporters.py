"""Progress on stderr: a live line on a terminal, plain lines otherwise; stdout is for results.

To tell must never break what is being told: a pipe that is closed or a terminal that is gone in
the middle of a launch is no reason to leave it half-done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import click

from provisioner.cli.output import on_terminal
from provisioner.cli.texts import clean

# In a log a line this often shows that a long wait is alive.
QUIET_SECONDS = 15.0


class PlainReporter:
    """Implements Reporter for pipes and logs. ``monotonic`` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last = monotonic()

    def say(self, text: str) -> None:
        self._last = self._monotonic()
        with suppress(OSError):
            click.echo(clean(text), err=True)

    def status(self, text: str) -> None:
        """Printed only after a silence."""
        if text and self._monotonic() - self._last >= QUIET_SECONDS:
            self.say(text)

    def close(self) -> None:
        """Nothing is open."""


# Control sequences of ECMA-48 and xterm: erase the line; do not wrap, so that a long status stays
# on one line.
_ERASE, _CUT, _WRAP = "\r\x1b[K", "\x1b[?7l", "\x1b[?7h"


class TerminalReporter:
    """Implements Reporter with a last line that shows what is being waited for."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._status = ""

    def say(self, text: str) -> None:
        self._write(f"{_ERASE}{clean(text)}\n{self._status}")

    def status(self, text: str) -> None:
        if text or self._status:
            self._status = f"{_CUT}{clean(text)}{_WRAP}" if text else ""
            self._write(f"{_ERASE}{self._status}")

    def close(self) -> None:
        self.status("")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._terminal.write(text)
            self._terminal.flush()


def reporter() -> PlainReporter | TerminalReporter:
    from provisioner.wiring import clock

    if on_terminal(sys.stderr) and os.environ.get("TERM", "dumb") != "dumb":
        return TerminalReporter(sys.stderr)
    return PlainReporter(clock().monotonic)
