"""Exports for as long as the inventory changes: soon after each event, and now and then anyway."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enc.inventory import StoreError
from provisioner.exporting.export import ExportResult
from provisioner.ports.exports import ExportError
from provisioner.ports.host import Clock

if TYPE_CHECKING:
    from provisioner.ports.host import Notifier, Stop

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """In seconds."""

    # Between two looks at the newest event: one small question to Redis.
    look: float = 1.0
    # What changes together, as in a retirement of several nodes, is one reload.
    gather: float = 1.0
    # Between two exports: a reload costs Nagios seconds.
    rest: float = 10.0
    # A failed one is tried again after ``rest``, then after twice as long, up to this.
    longest: float = 60.0
    # Without any event: for what nobody told of, and for the file's own sake.
    again: float = 300.0


@dataclass(kw_only=True)
class Following:
    """``export`` makes one; ``newest`` is the id of the newest event; ``stood`` says since when."""

    export: Callable[[], ExportResult]
    newest: Callable[[], str]
    told: Callable[[ExportResult], str]
    stood: Callable[[], str]
    say: Callable[[str], None]
    clock: Clock
    notifier: Notifier
    stop: Stop
    pace: Pace = field(default_factory=Pace)
    _seen: str | None = None
    _stirred: float | None = None
    _not_before: float = 0.0
    _due: float = 0.0
    _failures: int = 0
    _trouble: str = ""
    _warned: tuple[str, ...] = ()

    def run(self) -> None:
        """Returns when ``stop`` is asked: between two looks, or after an export."""
        self._not_before = self._due = self.clock.monotonic()
        self.notifier.ready()
        while not self.stop.asked():
            self._look()
            self.notifier.alive()
            if self.stop.wait(self.pace.look):
                break
        self.notifier.stopping()

    def _look(self) -> None:
        """Whatever fails, the next look goes on; what stays as it is is said once."""
        try:
            self._follow()
        except StoreError as error:
            self._fail(f"{error}; {self.stood()}", wait=self.pace.look)
        except ExportError as error:
            self._fail(str(error), wait=self._backoff())
        except Exception as error:
            # A fault of ours: what is to go on for ever outlives it.
            log.exception("this export failed")
            self._fail(f"{type(error).__name__}: {error}", wait=self._backoff())

    def _follow(self) -> None:
        # Read before the inventory: what changes while that is read has a later event.
        newest, now = self.newest(), self.clock.monotonic()
        if newest != self._seen and self._stirred is None:
            self._stirred = now
        gathered = self._stirred is not None and now >= self._stirred + self.pace.gather
        if now < self._not_before or not (gathered or now >= self._due):
            return
        came = self.export()
        self._seen, self._stirred = newest, None
        self._succeed(came)

    def _succeed(self, came: ExportResult) -> None:
        now = self.clock.monotonic()
        self._not_before, self._due = now + self.pace.rest, now + self.pace.again
        if self._trouble or came.written or came.reloaded:
            self.say(f"{'all is well again: ' if self._trouble else ''}{self.told(came)}")
        for warning in came.warnings:
            if warning not in self._warned:
                self.say(f"warning: {warning}")
        self._trouble, self._failures, self._warned = "", 0, came.warnings
        self.notifier.status(self.told(came))

    def _fail(self, text: str, *, wait: float) -> None:
        self._not_before = self._due = self.clock.monotonic() + wait
        self.notifier.status(text)
        if text != self._trouble:
            self.say(text)
        self._trouble = text

    def _backoff(self) -> float:
        self._failures += 1
        return float(min(self.pace.rest * 2 ** min(self._failures - 1, 10), self.pace.longest))
