"""A clock that stands still until a test steps it; sleeping steps it, and is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """Implements provisioner.ports.Clock."""

    time: datetime = START
    slept: list[float] = field(default_factory=list)
    _put: timedelta = timedelta(0)
    _next_sleep: list[BaseException | Callable[[], object]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - self._put - START).total_seconds()

    def at_sleep(self, happens: BaseException | Callable[[], object]) -> None:
        """What the next sleep meets: an exception that ends it, or something done meanwhile."""
        self._next_sleep.append(happens)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.step(seconds)
        if self._next_sleep:
            _happen(self._next_sleep.pop(0))

    def step(self, seconds: float) -> None:
        """Time passes."""
        self.time += timedelta(seconds=seconds)

    def put(self, seconds: float) -> None:
        """Somebody puts the clock forward, or back; no time passes."""
        self._put += timedelta(seconds=seconds)
        self.step(seconds)


def _happen(happens: BaseException | Callable[[], object]) -> None:
    if isinstance(happens, BaseException):
        raise happens
    happens()
