"""The loop: a pass of converge, and after a while the next one, until it is told to stop."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from enc.inventory import LeaseHeldError, StoreError
from provisioner.calls import WrongAccountError
from provisioner.context import Context
from provisioner.loop.converge import Pass, Wish, converge
from provisioner.ports.errors import CloudError, PuppetError, advised
from provisioner.ports.host import Notifier, Reporter, Stop
from provisioner.settings import SettingError

log = logging.getLogger(__name__)
# Passes of several hosts, and of many sites, are not to fall on the same second.
_SPREAD = 0.1


class Meter(Protocol):
    """What is counted of the passes."""

    def passed(self, came: Pass, seconds: float) -> None: ...
    def failed(self, why: str) -> None: ...
    def standby(self) -> None: ...
    def close(self) -> None: ...


@dataclass
class Daemon:
    """``run`` returns when ``stop`` is asked, between two passes or two kinds of action."""

    context: Context
    interval: timedelta
    notifier: Notifier
    meter: Meter
    stop: Stop
    wish: Wish = field(default_factory=Wish)
    _told: str = ""

    def run(self) -> None:
        context = replace(self.context, reporter=_Alive(self.context.reporter, self.notifier))
        self.notifier.ready()
        while not self.stop.asked():
            self._pass(context)
            if self._rest():
                break
        self.notifier.stopping()
        self.meter.close()

    def _pass(self, context: Context) -> None:
        began = context.clock.monotonic()
        try:
            came = converge(context, self.wish, stop=self.stop.asked)
        except LeaseHeldError as held:
            self.meter.standby()
            self._tell(f"standing by: {held.holder} is at work")
        except (StoreError, CloudError, PuppetError, WrongAccountError, SettingError) as error:
            self.meter.failed(type(error).__name__)
            why = advised(error) if isinstance(error, (CloudError, PuppetError)) else str(error)
            self._tell(f"this pass failed: {why}", again=True)
        except Exception as error:
            # A fault of ours: a loop that is to go on for ever outlives it, and tells it each time.
            log.exception("this pass failed")
            self.meter.failed(type(error).__name__)
            self._tell(f"this pass failed: {type(error).__name__}: {error}", again=True)
        else:
            self.meter.passed(came, context.clock.monotonic() - began)
            self._report(came)

    def _report(self, came: Pass) -> None:
        failed = f", {len(came.failures)} failed" if came.failures else ""
        said = f"{len(came.world.nodes)} nodes; {len(came.done)} actions{failed}"
        self.notifier.status(said)
        notes = "; ".join(came.plan.notes)
        if notes and notes != self._told:
            for note in came.plan.notes:
                self.context.reporter.say(f"note: {note}")
        self._told = notes

    def _tell(self, text: str, *, again: bool = False) -> None:
        """What stays as it is is said once."""
        self.notifier.status(text)
        if again or text != self._told:
            self.context.reporter.say(text)
        self._told = text

    def _rest(self) -> bool:
        """Whether the waiting ended because it is time to stop."""
        left = self.interval.total_seconds() * (1 + _SPREAD * (self.context.jitter() - 0.5))
        while left > 0:
            self.notifier.alive()
            part = min(left, 5.0)
            if self.stop.wait(part):
                return True
            left -= part
        return False


@dataclass
class _Alive:
    """A reporter that lets the service manager know that something goes on."""

    reporter: Reporter
    notifier: Notifier

    def say(self, text: str) -> None:
        self.notifier.alive()
        self.reporter.say(text)

    def status(self, text: str) -> None:
        self.notifier.alive()
        self.reporter.status(text)
