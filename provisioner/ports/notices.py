"""What EC2 says by itself of machines: warnings, which wait in an SQS queue.

An EventBridge rule puts them there. They are hints: they come at least once, in any order,
minutes late or never, and of machines that are not ours. Without them a loss is found by listing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from enc.domain.region_name import REGION

MOST = 1000  # at one take


class Warned(StrEnum):
    INTERRUPTION = "interruption"  # EC2 takes the spot machine back, two minutes later at best
    REBALANCE = "rebalance"  # it may do so soon


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One machine, one kind: the newest word of it. ``at`` is EC2's time of it.

    ``action`` is what an interruption will do (terminate, stop or hibernate; "" where EC2 says
    something that we do not know). The handles delete the message, and those that were merged
    into it: see ``Notices``.
    """

    instance_id: str
    region: str
    kind: Warned
    at: datetime
    action: str = ""
    handle: str = field(repr=False)
    merged: tuple[str, ...] = field(default=(), repr=False)

    @property
    def handles(self) -> tuple[str, ...]:
        return (self.handle, *self.merged)


class Notices(Protocol):
    """A queue: of a site's own, one for each region. Who takes a notice also ends it.

    What was taken stays in the queue, hidden for a while, and comes again unless it is ``done``.
    So a notice is done only after what it caused is written to the store: whoever dies in between
    loses nothing, and the next one meets the notice again. One that causes nothing (the machine is
    known not to be ours, is gone, or was drained by an earlier copy) is done at once; one of a
    machine that is not in the inventory *yet* may be left to come again. Until then nothing else
    deletes it but the queue's own retention time, so a site needs a queue of its own: of a shared
    one each would delete the others' notices.

    Messages that are no notices (broken, of another account or service, of another kind of
    event) are deleted by ``take`` itself, and a line tells how many of each kind there were.
    """

    @property
    def url(self) -> str:
        """Which queue it is, for people."""

    def take(self, most: int = MOST) -> tuple[Notice, ...]:
        """What is there now, without waiting for more: one notice a machine and kind.

        Raises CloudError when the queue cannot be read. That some were read and no more came is
        no error: what is missing comes with the next take.
        """

    def done(self, notices: Sequence[Notice]) -> None:
        """Delete them. What cannot be deleted for now is told, and comes again: no harm.

        Raises CloudError only for what will not pass by itself, such as a missing permission.
        """


@dataclass(frozen=True, kw_only=True)
class QueuePlace:
    """Where a queue is. ``region`` is "" for one on this machine: boto3's own counts there."""

    region: str
    account: str


_NAME = r"/(?P<account>[0-9]{12})/[A-Za-z0-9_-]{1,80}(?:\.fifo)?"
_AWS = re.compile(rf"https://sqs(?:-fips)?\.(?P<region>{REGION})(?:\.[a-z0-9-]+)+{_NAME}")
_LOOPBACK = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])"
_LOCAL = re.compile(rf"http://(?P<region>){_LOOPBACK}(?::[0-9]{{1,5}})?{_NAME}")


def place_of(url: str) -> QueuePlace | None:
    """Of the queue with this URL; None if it is not the URL of a queue."""
    found = _AWS.fullmatch(url) or _LOCAL.fullmatch(url)
    return found and QueuePlace(region=found["region"], account=found["account"])
