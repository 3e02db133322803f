"""What every act of the provisioner is given: its ports, and how it speaks to the one who asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from enc.domain.timeouts import Timeouts
from enc.inventory import Event, Inventory
from enc.inventory.clock import redis_now
from provisioner.ports.ec2 import Cloud
from provisioner.ports.host import Clock, Reporter
from provisioner.ports.notices import Notices
from provisioner.ports.puppet import CA, PuppetDB


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
    timeouts: Timeouts = field(default_factory=Timeouts)
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
