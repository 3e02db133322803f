"""Inventories for the pages to show: of any size, and with something of everything in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import (
    Attempt,
    Hold,
    HoldCause,
    Kind,
    Launch,
    LaunchState,
    Market,
    Node,
    Role,
    State,
)
from enc.inventory import Event, Inventory
from enc.inventory.clock import redis_now
from tests.builders import foreign, launch, node
from tests.conftest import begin
from tests.summaries import report

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ROLES = {
    "web": ("Serves what was converted", 12, "7d"),
    "pdf2swf": ("Turns PDF into SWF", 40, "24h"),
    "search-index": ("Keeps the index of all documents", 8, "3d"),
    "batch": ("", None, None),
    "db": ("PostgreSQL, by hand", None, None),
}
TYPES = ("c5.large", "c5a.large", "m5.xlarge", "t3.small")
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
STATES = (*[State.READY] * 40, *[State.RUNNING] * 3, State.PENDING, State.DRAINING, State.FAILED)
RUNS = (*["unchanged"] * 12, *["changed"] * 4, "failed", "noop")
LAUNCH = "l-00000000000000aa"
FULL = "m5.xlarge in us-east-1b has no capacity at present; try another type or another zone."
LATE = "the deadline passed before spot had everything; the rest came on-demand"


def roles() -> list[Role]:
    return [_role(name, *told) for name, told in ROLES.items()]


def _role(name: str, description: str, size: int | None, max_age: str | None) -> Role:
    definition: dict[str, Any] = {
        "description": description,
        "classes": {f"role::{name.replace('-', '_')}": {"workers": 4, "queue": f"q-{name}"}},
        "parameters": {"tier": "conversion"},
        "environment": "production",
        "launch": {
            "region": "us-east-1",
            "instance_types": list(TYPES[:2]),
            "market": "spot",
            "spot_deadline": "5m",
        },
    }
    if size is not None:
        definition["fleet"] = {"size": size, "max_age": max_age, "surge": 2, "ready_timeout": "15m"}
    return Role(name=name, definition=definition, spec_hash="5" * 40)


def set_up(inventory: Inventory, count: int) -> datetime:
    """``count`` nodes, with roles, launches, holds, runs and an archive; the time it is."""
    now = redis_now(inventory.redis)
    begin(inventory, at=now - 30 * DAY)
    if not count:
        return now
    inventory.roles.apply(roles(), _event("roles applied", now - 2 * DAY))
    _launches(inventory, now)
    inventory.nodes.create_many(
        (one, _event(one.state.value, one.launched_at, why="spot has 10 of 12"))
        for one in _nodes(count, now)
    )
    _runs(inventory, now)
    _archive(inventory, min(count, 200), now)
    hold = Hold(
        role="search-index",
        why="5 of 8 ready nodes would end without a replacement, more than a third",
        since=now - 3 * HOUR,
        by="converge@ops",
        cause=HoldCause.BREAKER,
        nodes=("i-1", "i-2"),
    )
    inventory.holds.put(hold, _event("role held", now - 3 * HOUR, why=hold.why))
    return now


def first() -> str:
    """The certname of the node that has everything a node's page can show."""
    return certname(0)


def certname(number: int) -> str:
    return f"i-0{number:016x}"


def _nodes(count: int, now: datetime) -> Iterator[Node]:
    chance = random.Random(7)
    for number in range(count):
        one = _node(number, now, chance)
        yield one if number > 2 else _launched(one, now)
    if count > 2:
        for number in (1, 2):
            name = f"db{number}.example.com"
            yield foreign(name, role="db", launched_at=now - 90 * DAY, state_since=now)


def _node(number: int, now: datetime, chance: random.Random) -> Node:
    role = chance.choices(list(ROLES), weights=[12, 40, 8, 5, 0])[0]
    size, max_age = ROLES[role][1:]
    state = chance.choice(STATES)
    born = now - _age(max_age, chance, fresh=state in (State.PENDING, State.RUNNING))
    reported = state not in (State.PENDING, State.RUNNING)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return node(
        certname(number),
        role=role,
        kind=Kind.FLEET if size else Kind.EXTRA,
        state=state,
        launched_at=born,
        state_since=min(born + 4 * MINUTE, now),
        ready_at=born + chance.uniform(2, 7) * MINUTE if reported else None,
        market=chance.choice([Market.SPOT] * 5 + [Market.ON_DEMAND]),
        instance_type=chance.choice(TYPES),
        zone=chance.choice(ZONES),
        launch=LAUNCH if number < 3 else f"l-{number // 3 - 1:016x}",
        image="ami-0123456789abcdef0",
        spec_hash="5" * 40,
        private_ip=address,
        private_dns=f"ip-{address.replace('.', '-')}.ec2.internal",
        report_status=chance.choice(RUNS) if reported else "",
        report_at=now - chance.uniform(1, 40) * MINUTE if reported else None,
        held="under investigation by ann" if number == 1 else "",
    )


def _launched(one: Node, now: datetime) -> Node:
    """One of those that the launch with all kinds of attempts has made."""
    born = now - 26 * HOUR + MINUTE / 2
    last = one.certname == certname(2)
    return replace(
        one, role="web", kind=Kind.FLEET, state=State.READY, launched_at=born,
        state_since=born + 3 * MINUTE, ready_at=born + 3 * MINUTE, report_status="", report_at=None,
        market=Market.ON_DEMAND if last else Market.SPOT, instance_type=TYPES[0], zone=ZONES[0],
    )  # fmt: skip


def _age(max_age: str | None, chance: random.Random, *, fresh: bool) -> timedelta:
    if fresh:
        return chance.uniform(0.5, 9) * MINUTE
    days = {None: 20, "7d": 7, "3d": 3, "24h": 1}[max_age]
    return chance.uniform(0.02, 1.04) * days * DAY


def _launches(inventory: Inventory, now: datetime) -> None:
    for number, state in enumerate((*[LaunchState.COMPLETE] * 8, LaunchState.PARTIAL)):
        _closed(inventory, f"l-{number:016x}", 3 * number + 3, state, now - (number + 2) * HOUR)
    _closed(inventory, LAUNCH, 0, LaunchState.COMPLETE, now - 26 * HOUR)
    inventory.launches.open(
        replace(_launch("l-00000000000000bb", now - 2 * MINUTE), owner="converge"),
        _event("launch", now - 2 * MINUTE),
    )


def _launch(name: str, at: datetime) -> Launch:
    return launch(
        name, kind=Kind.FLEET, want=3, market=Market.SPOT, opened_at=at,
        deadline=at + 5 * MINUTE, key_expires=at + HOUR, owner="ann@ops:4711",
    )  # fmt: skip


def _closed(inventory: Inventory, name: str, first: int, state: LaunchState, at: datetime) -> None:
    """It got nodes ``first`` and the next as spot, and the one after these on-demand."""
    inventory.launches.open(_launch(name, at), _event("launch", at))
    refused = tuple(
        (f"spot:{kind}:{zone}", "InsufficientInstanceCapacity", FULL)
        for kind in TYPES[:2]
        for zone in ZONES[:2]
    )
    tries = (
        Attempt(
            number=1,
            at=at,
            market=Market.SPOT,
            wanted=3,
            got=(certname(first), certname(first + 1)),
        ),
        Attempt(number=2, at=at + MINUTE, market=Market.SPOT, wanted=1, answers=refused),
        Attempt(
            number=3,
            at=at + 5 * MINUTE,
            market=Market.ON_DEMAND,
            wanted=1,
            got=(certname(first + 2),),
        ),
    )
    for attempt in tries:
        inventory.launches.record_attempt(name, attempt, _event("asked", attempt.at))
    inventory.launches.close(name, state, _event("launch closed", at + 6 * MINUTE, why=LATE))


def _runs(inventory: Inventory, now: datetime) -> None:
    for number in range(5):
        failed = number == 2
        one = report(
            first(),
            time=now - (150 - 30 * number) * MINUTE,
            status="failed" if failed else "changed" if number == 4 else "unchanged",
            errors=["Could not start Service[nginx]: port 80 is in use"] if failed else [],
        )
        inventory.reports.take(one, site="default", who="ship-reports")


def _archive(inventory: Inventory, count: int, now: datetime) -> None:
    chance = random.Random(11)
    reasons = ("older than max_age of 24h", "EC2 takes it back", "retired by ann@ops", "expired")
    born = [
        replace(
            _node(10**6 + number, now, chance),
            state=State.RETIRING,
            launched_at=now - chance.uniform(2, 29) * DAY,
        )
        for number in range(count)
    ]
    born = [replace(one, ready_at=one.launched_at + chance.uniform(1, 14) * MINUTE) for one in born]
    made = inventory.nodes.create_many((one, _event("pending", one.launched_at)) for one in born)
    for one in made:
        end = min(one.launched_at + chance.uniform(0.1, 1.2) * DAY, now)
        inventory.nodes.archive(one, _event("archived", end, why=chance.choice(reasons)))


def _event(what: str, at: datetime, why: str = "") -> Event:
    return Event(what=what, who="ann@ops", at=at, why=why)
