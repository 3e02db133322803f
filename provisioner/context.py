"""What every act of the provisioner is given: its ports, and how it speaks to the one who asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from enc.inventory import Event, Inventory
from enc.inventory.clock import redis_now
from provisioner.ports.ec2 import Cloud
from provisioner.ports.host import Clock, Reporter
from provisioner.ports.notices import Notices
from provisioner.ports.puppet import CA, PuppetDB


@dataclass(frozen=True, kw_only=True)
class Spans:
    """How long we wait for what. Tests shorten these; the reasons stand beside each."""

    heartbeat: timedelta = timedelta(seconds=5)
    # A launch that has not beaten for this long is dead: six beats, so one slow call is none.
    dead: timedelta = timedelta(seconds=30)
    # EC2 takes about 5 s from pending to running; what takes 5 minutes has gone wrong.
    running: timedelta = timedelta(minutes=5)
    # Names may come a little after the machine runs.
    names: timedelta = timedelta(seconds=10)
    # Shutting down may wait for the operating system.
    terminated: timedelta = timedelta(minutes=10)
    # "Absent" counts only when a second look, this much later, says so again.
    suspect: timedelta = timedelta(seconds=60)
    # Machines that end one after the other share one writing of the CA's revocation list.
    gather: timedelta = timedelta(seconds=10)
    # How long we try to write down what EC2 gave us when Redis is away.
    record: timedelta = timedelta(seconds=30)
    # How long a call that may pass by itself is tried again where no other deadline rules.
    patience: timedelta = timedelta(seconds=30)
    # EC2's listings may miss a new machine for minutes.
    young: timedelta = timedelta(minutes=5)
    # A converge that is silent for so long has lost its lease; it says that it lives three times.
    lease: timedelta = timedelta(seconds=60)
    # A pass repeats a call for this long: what does not come waits for the next pass.
    pass_patience: timedelta = timedelta(seconds=10)
    # Clocks that differ by more than this: nothing is decided that hangs on the time.
    skew: timedelta = timedelta(seconds=60)
    # So often every region, and every launch template, is looked at.
    sweep: timedelta = timedelta(hours=1)
    first_backoff: timedelta = timedelta(minutes=1)
    longest_backoff: timedelta = timedelta(minutes=30)
    # A launch that has asked for nothing for so long beyond its deadline belongs to the past.
    stale: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Context:
    """``shielded()`` holds Ctrl-C back while EC2 and the store would otherwise disagree.

    ``ca`` and ``puppetdb`` are None, and ``notices``, one for each queue, (), where they are not
    configured. ``spared()`` tells the certnames whose certificates are never revoked, each with its
    reason: without them nothing works.
    ``parallel_calls`` is how many calls a pass of converge has under way at a time, at most;
    ``store_now`` is what Redis' clock says, where it is not Redis who is asked.
    """

    cloud: Cloud
    inventory: Inventory
    clock: Clock
    reporter: Reporter
    site: str
    who: str
    jitter: Callable[[], float]
    token: Callable[[int], str]  # n -> 2n random hex digits, for keys and ids
    spans: Spans = field(default_factory=Spans)
    shielded: Callable[[], AbstractContextManager[Any]] = nullcontext
    ca: CA | None = None
    puppetdb: PuppetDB | None = None
    spared: Callable[[], Mapping[str, str]] = dict
    notices: tuple[Notices, ...] = ()
    parallel_calls: int = 8
    store_now: Callable[[], datetime] | None = None

    def store_time(self) -> datetime:
        """By Redis' clock, which all share. Raises StoreUnavailableError."""
        return self.store_now() if self.store_now else redis_now(self.inventory.redis)

    def event(self, what: str, **fields: Any) -> Event:
        return Event(what=what, who=self.who, at=self.clock.now(), **fields)
