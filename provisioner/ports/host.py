"""The machine we run on: time, the service manager, and the person who looks on."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """UTC time and waiting. ``monotonic`` and ``sleep`` are in seconds."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Notifier(Protocol):
    """The service manager: what it is told, and that we are alive."""

    def ready(self) -> None: ...
    def status(self, text: str) -> None: ...
    def alive(self) -> None: ...
    def stopping(self) -> None: ...


class Stop(Protocol):
    """Whether it is time to stop, and a wait that ends when it is."""

    def asked(self) -> bool: ...
    def wait(self, seconds: float) -> bool: ...


class Reporter(Protocol):
    """Progress for people."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def status(self, text: str) -> None:
        """What is going on just now; may be overwritten, or not shown at all.

        "" takes it away. Call it before something else writes to the terminal.
        """
