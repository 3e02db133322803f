"""Trying again what may pass by itself, until a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from enc.inventory import StoreUnavailableError
from provisioner.context import Context
from provisioner.ports import CloudError, PuppetError, Trouble

T = TypeVar("T")

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0

# The same call may be sent again: it was not heard, or its token makes the repeat harmless.
REPEATABLE = frozenset(
    {Trouble.NOT_YET, Trouble.THROTTLED, Trouble.UNAVAILABLE, Trouble.UNKNOWN_OUTCOME}
)


def wait_before(repeat: int, luck: float) -> timedelta:
    """Grows from half a second to eight, each spread by half."""
    grown = min(_FIRST_WAIT * 2 ** min(repeat, 10), _LONGEST_WAIT)
    return timedelta(seconds=grown * (0.5 + luck))


def patiently(
    context: Context,
    act: Callable[[], T],
    until: datetime,
    *,
    noticed: Callable[[CloudError], None] = lambda _: None,
) -> T:
    """Run ``act``, again while the trouble of EC2 or Puppet may pass, until ``until``; then raise.

    A clock that is put forward or back meanwhile changes nothing.
    ``noticed`` is told of each of EC2's errors, the last one too.
    """
    clock = context.clock
    end = clock.monotonic() + (until - clock.now()).total_seconds()
    for repeat in range(1_000_000):
        try:
            return act()
        except (CloudError, PuppetError) as error:
            if isinstance(error, CloudError):
                noticed(error)
            span = wait_before(repeat, context.luck()).total_seconds()
            if not _repeatable(error) or clock.monotonic() + span > end:
                raise
            context.reporter.status(f"{error}; trying again in {span:.0f} s")
            clock.sleep(span)
    raise AssertionError("unreachable: the deadline ends the loop")


def _repeatable(error: CloudError | PuppetError) -> bool:
    """Every call to Puppet's CA and to PuppetDB may be sent again."""
    return error.passing if isinstance(error, PuppetError) else error.trouble in REPEATABLE


def stubbornly(context: Context, write: Callable[[], T]) -> T:
    """Run a write that must not be lost, again while Redis is away; raises when its span is over.

    The write must be safe to repeat: the first one may have been done and only its answer lost.
    """
    clock = context.clock
    until = clock.monotonic() + context.spans.record.total_seconds()
    while True:
        try:
            return write()
        except StoreUnavailableError as error:
            if clock.monotonic() > until:
                raise
            context.reporter.status(f"{error}; trying again")
            clock.sleep(1.0)
