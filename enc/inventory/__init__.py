"""The inventory in Redis: the only place that knows a key."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from enc.inventory.connect import COMMAND_TIMEOUT, SERVICE_TIMEOUT, connect
from enc.inventory.droughts import Droughts
from enc.inventory.errors import (
    AlreadyThereError,
    ArchivedError,
    BadCursorError,
    ConflictError,
    CorruptError,
    NotAllRecordedError,
    StoreError,
    StoreLostError,
    StoreRefusedError,
    StoreUnavailableError,
)
from enc.inventory.events import Event, Events
from enc.inventory.launches import Launches
from enc.inventory.lookup import Found, LookUp, LookUps
from enc.inventory.meta import Meta, MetaStore, SchemaError
from enc.inventory.nodes import Nodes
from enc.inventory.query import Page, Queries, Query
from enc.inventory.reports import Reports
from enc.inventory.roles import Applied, RoleInUseError, Roles
from enc.inventory.signing import Signing

__all__ = [
    "COMMAND_TIMEOUT",
    "SERVICE_TIMEOUT",
    "AlreadyThereError",
    "Applied",
    "ArchivedError",
    "BadCursorError",
    "ConflictError",
    "CorruptError",
    "Event",
    "Found",
    "Inventory",
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
    queries: Queries
    roles: Roles
    launches: Launches
    events: Events
    droughts: Droughts
    signing: Signing
    reports: Reports

    @classmethod
    def on(cls, redis: Redis) -> Inventory:
        nodes, launches, lookups = Nodes(redis), Launches(redis), LookUps(redis)
        return cls(
            redis=redis,
            meta=MetaStore(redis),
            nodes=nodes,
            lookups=lookups,
            queries=Queries(redis),
            roles=Roles(redis),
            launches=launches,
            events=Events(redis),
            droughts=Droughts(redis),
            signing=Signing(redis, nodes, launches),
            reports=Reports(redis, nodes, lookups),
        )
