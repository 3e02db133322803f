"""Progress on stderr: a live line on a terminal, plain lines otherwise; stdout is for results."""

from __future__ import annotations

import sys
from typing import Any

import click

from provisioner.cli.output import clean


class PlainReporter:
    """Implements Reporter for pipes and logs: what stays is printed, what passes is not."""

    def say(self, text: str) -> None:
        click.echo(clean(text), err=True)

    def status(self, text: str) -> None:
        """Nobody watches."""

    def close(self) -> None:
        """Nothing is open."""


class TerminalReporter:
    """Implements Reporter with a spinner that shows what is being waited for."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(stderr=True, highlight=False)
        self._status: Any = Status("", console=self._console)
        self._running = False

    def say(self, text: str) -> None:
        self._console.print(clean(text), markup=False)

    def status(self, text: str) -> None:
        from rich.text import Text

        self._status.update(Text(clean(text)))
        if not self._running:
            self._status.start()
            self._running = True

    def close(self) -> None:
        if self._running:
            self._status.stop()
            self._running = False


def reporter() -> PlainReporter | TerminalReporter:
    return TerminalReporter() if sys.stderr.isatty() else PlainReporter()
