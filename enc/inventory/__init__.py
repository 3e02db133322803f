"""The inventory in Redis: the only place that knows a key."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from enc.inventory.archive import ArchivePage
from enc.inventory.connect import COMMAND_TIMEOUT, SERVICE_TIMEOUT, connect
from enc.inventory.counts import Counts
from enc.inventory.dns import Names
from enc.inventory.droughts import Droughts
from enc.inventory.errors import (
    AlreadyThereError,
    ArchivedError,
    BadCursorError,
    ConflictError,
    CorruptError,
    LaunchGoneError,
    LeaseHeldError,
    LeaseLostError,
    LimitReachedError,
    NotAllRecordedError,
    StoreError,
    StoreLostError,
    StoreRefusedError,
    StoreUnavailableError,
)
from enc.inventory.events import Event, EventPage, Events
from enc.inventory.holds import Approval, Backoffs, Holds, Suspects, Sweeps
from enc.inventory.launches import Launches, LaunchPage
from enc.inventory.leases import Lease, Leases
from enc.inventory.limits import SiteLimits
from enc.inventory.lookup import Found, LookUp, LookUps
from enc.inventory.meta import Meta, MetaStore, SchemaError
from enc.inventory.nodes import Nodes
from enc.inventory.orders import Orders
from enc.inventory.query import Damaged, Page, Queries, Query
from enc.inventory.reports import Reports
from enc.inventory.roles import Applied, RoleInUseError, Roles
from enc.inventory.signing import Signing

__all__ = [
    "COMMAND_TIMEOUT",
    "SERVICE_TIMEOUT",
    "AlreadyThereError",
    "Applied",
    "Approval",
    "ArchivePage",
    "ArchivedError",
    "BadCursorError",
    "ConflictError",
    "CorruptError",
    "Damaged",
    "Event",
    "EventPage",
    "Found",
    "Inventory",
    "LaunchGoneError",
    "LaunchPage",
    "Lease",
    "LeaseHeldError",
    "LeaseLostError",
    "LimitReachedError",
    "LookUp",
    "Meta",
    "NotAllRecordedError",
    "Page",
    "Query",
    "RoleInUseError",
    "SchemaError",
    "StoreError",
    "StoreLostError",
    "StoreRefusedError",
    "StoreUnavailableError",
    "connect",
]


@dataclass(frozen=True)
class Inventory:
    """Everything that the store holds, by duty."""

    redis: Redis
    meta: MetaStore
    nodes: Nodes
    lookups: LookUps
    names: Names
    queries: Queries
    roles: Roles
    limits: SiteLimits
    launches: Launches
    events: Events
    droughts: Droughts
    signing: Signing
    reports: Reports
    counts: Counts
    leases: Leases
    holds: Holds
    backoffs: Backoffs
    suspects: Suspects
    sweeps: Sweeps
    orders: Orders

    @classmethod
    def on(cls, redis: Redis, fence: str = "") -> Inventory:
        """``fence`` is a lease's value: nothing is written but while that lease holds.

        Not roles and reports, which are other programs' to write.
        """
        nodes, launches = Nodes(redis, fence=fence), Launches(redis, fence)
        lookups, queries = LookUps(redis), Queries(redis)
        return cls(
            redis=redis,
            meta=MetaStore(redis),
            nodes=nodes,
            lookups=lookups,
            names=Names(redis),
            queries=queries,
            roles=Roles(redis),
            limits=SiteLimits(redis),
            launches=launches,
            events=Events(redis),
            droughts=Droughts(redis, fence),
            signing=Signing(redis, nodes, launches, fence),
            reports=Reports(redis, nodes, lookups),
            counts=Counts(redis, queries, fence),
            leases=Leases(redis),
            holds=Holds(redis, fence),
            backoffs=Backoffs(redis, fence),
            suspects=Suspects(redis, fence),
            sweeps=Sweeps(redis, fence),
            orders=Orders(redis, fence),
        )

    def under(self, lease: Lease) -> Inventory:
        """The same store; whatever is written raises LeaseLostError once the lease is over."""
        return Inventory.on(self.redis, lease.value)
