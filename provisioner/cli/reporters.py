"""Progress on stderr: a live line on a terminal, plain lines otherwise; stdout is for results.

To tell must never break what is being told: a pipe that is closed or a terminal that is gone in
the middle of a launch is no reason to leave it half-done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

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
        if self._monotonic() - self._last >= QUIET_SECONDS:
            self.say(text)

    def close(self) -> None:
        """Nothing is open."""


class TerminalReporter:
    """Implements Reporter with a spinner that shows what is being waited for."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status: Any = Status("", console=self._console)
        self._running = False

    def say(self, text: str) -> None:
        with suppress(OSError):
            self._console.print(clean(text), markup=False, emoji=False)

    def status(self, text: str) -> None:
        from rich.text import Text

        with suppress(OSError):
            self._status.update(Text(clean(text)))
            if not self._running:
                self._running = True
                self._status.start()

    def close(self) -> None:
        if self._running:
            self._running = False
            with suppress(OSError):
                self._status.stop()


def reporter() -> PlainReporter | TerminalReporter:
    from provisioner.wiring import clock

    on_screen = on_terminal(sys.stderr)
    return TerminalReporter() if on_screen else PlainReporter(clock().monotonic)
