"""Calls to the world: of the right account, again where a repeat helps, several at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from enc.inventory import StoreError, StoreUnavailableError
from provisioner.context import Context
from provisioner.ports.errors import CloudError, PuppetError, Trouble

log = logging.getLogger(__name__)
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0

# The same call may be sent again: it was not heard, or its token makes the repeat harmless.
REPEATABLE = frozenset(
    {Trouble.NOT_YET, Trouble.THROTTLED, Trouble.UNAVAILABLE, Trouble.UNKNOWN_OUTCOME}
)


def wait_before(repeat: int, jitter: float) -> timedelta:
    """Grows from half a second to eight, each spread by half."""
    grown = min(_FIRST_WAIT * 2 ** min(repeat, 10), _LONGEST_WAIT)
    return timedelta(seconds=grown * (0.5 + jitter))


def retry(
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
            span = wait_before(repeat, context.jitter()).total_seconds()
            if not _repeatable(error) or clock.monotonic() + span > end:
                raise
            context.reporter.status(f"{error}; trying again in {span:.0f} s")
            clock.sleep(span)
    raise AssertionError("unreachable: the deadline ends the loop")


def _repeatable(error: CloudError | PuppetError) -> bool:
    """Every call to Puppet's CA and to PuppetDB may be sent again."""
    return error.passing if isinstance(error, PuppetError) else error.trouble in REPEATABLE


def retry_write(context: Context, write: Callable[[], T]) -> T:
    """Run a write that must not be lost, again while Redis is away; raises when its span is over.

    The write must be safe to repeat: the first one may have been done and only its answer lost.
    """
    clock = context.clock
    until = clock.monotonic() + context.timeouts.record.total_seconds()
    while True:
        try:
            return write()
        except StoreUnavailableError as error:
            if clock.monotonic() > until:
                raise
            context.reporter.status(f"{error}; trying again")
            clock.sleep(1.0)


def in_parallel(context: Context, act: Callable[[A], B], over: Sequence[A]) -> list[B]:
    """``act`` on each; the answers in the order of ``over``. The first error is raised."""
    if context.parallel_calls <= 1 or len(over) <= 1:
        return [act(one) for one in over]
    with ThreadPoolExecutor(max_workers=context.parallel_calls) as pool:
        return list(pool.map(act, over))


class Heartbeat:
    """Calls ``beat`` every ``seconds`` from a thread, as long as the ``with`` block lasts.

    A thread, because a single EC2 call may take longer than a dead launch is silent.
    """

    def __init__(self, beat: Callable[[], None], seconds: float) -> None:
        self._beat, self._seconds = beat, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._beat()
            except StoreError as error:
                # The next beat tells whether it passed; the launch itself meets Redis anyway.
                log.warning("heartbeat missed", extra={"why": str(error)})


class WrongAccountError(Exception):
    """The credentials belong to another AWS account than the inventory."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(
            f"the credentials are for AWS account {found}, this inventory is of {wanted}; "
            "see 'aws sts get-caller-identity' and set AWS_PROFILE, or point REDIS_URL elsewhere"
        )


def check_account(context: Context) -> None:
    """Raises WrongAccountError, CloudError, StoreError. An inventory may have no account.

    Machines launched elsewhere would never be seen again, and those of ours, not found there,
    would be taken for gone.
    """
    wanted = context.inventory.meta.require().account
    if wanted and (found := context.cloud.account()) != wanted:
        raise WrongAccountError(found, wanted)
