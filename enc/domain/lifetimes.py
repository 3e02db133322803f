"""What becomes of a node by itself, and from when on: one rule for converge and for explain.

Pure. Whether something stands in the way (a hold, a budget, clocks that differ, what EC2 says) is
for converge to know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from enc.domain.model import Kind, Node, State
from enc.domain.rolespec import FleetSpec

# Machines born together must not die together: each is replaced up to this part of max_age early.
_SPREAD = 0.1
# A machine with a life leaves DNS before it ends, but not for more than this part of the life.
_DRAIN_PART = 4
_SERVING = frozenset({State.RUNNING, State.READY})


class Change(Enum):
    """What becomes of a node."""

    EXPIRES = auto()  # its own life is over, and it ends
    DRAINS = auto()  # its own life is over soon
    FAILS = auto()  # it is not ready in time
    DRAINED = auto()  # it has drained, and ends
    GIVEN_UP = auto()  # it failed, has not become ready since, and ends
    ASKED = auto()  # it is replaced: somebody asked for that, or EC2 advised it
    OVER_SOON = auto()  # it is replaced, because its own life is over soon
    OTHER_SPEC = auto()  # it is replaced: its role's launch section is another by now
    TOO_OLD = auto()  # it is replaced for its age


# These wait for a window of the role, where it has some.
IN_WINDOWS = frozenset({Change.OTHER_SPEC, Change.TOO_OLD})


@dataclass(frozen=True)
class Ahead:
    """One change, and from when on it is due."""

    change: Change
    at: datetime


def life_of(node: Node, fleet: FleetSpec) -> Iterator[Ahead]:
    """What its state and its own life bring, the gravest first; nothing for a retiring node."""
    if node.state in (State.RETIRING, State.ARCHIVED):
        return
    if node.expires_at is not None:
        yield Ahead(Change.EXPIRES, node.expires_at)
    match node.state:
        case State.PENDING | State.RUNNING:
            yield Ahead(Change.FAILS, later(young_since(node), fleet.ready_timeout))
        case State.DRAINING:
            yield Ahead(Change.DRAINED, later(node.state_since, fleet.drain))
        case State.FAILED if node.kind is not Kind.EXTRA:
            # As long again: some become ready late, and a person may want to look.
            yield Ahead(Change.GIVEN_UP, later(node.state_since, fleet.ready_timeout))
    if node.expires_at is not None and node.state in _SERVING:
        yield Ahead(Change.DRAINS, node.expires_at - last_drain(node, fleet))


def replacements(node: Node, fleet: FleetSpec, spec_hash: str) -> Iterator[Ahead]:
    """Why a ready node of a fleet is replaced, the most urgent first; ``spec_hash`` is its role's.

    Nothing for other nodes, nor where the role keeps no fleet.
    """
    if node.state is not State.READY or node.kind is not Kind.FLEET or fleet.size is None:
        return
    if node.replace_because:
        yield Ahead(Change.ASKED, node.launched_at)
    if node.expires_at is not None:
        # Another can be ready by then.
        yield Ahead(Change.OVER_SOON, node.expires_at - fleet.ready_timeout - fleet.drain)
    if node.spec_hash and spec_hash and node.spec_hash != spec_hash:
        yield Ahead(Change.OTHER_SPEC, node.launched_at)
    if fleet.max_age is not None:
        allowed = allowed_age(node.certname, fleet.max_age)
        yield Ahead(Change.TOO_OLD, later(node.launched_at, allowed))


def young_since(node: Node) -> datetime:
    """From when on its time to become ready counts; stopped and started again, it has it anew."""
    return max(node.launched_at, node.state_since)


def last_drain(node: Node, fleet: FleetSpec) -> timedelta:
    """How long before the end of its own life a node drains."""
    if node.expires_at is None:
        return timedelta(0)
    life = max(node.expires_at - node.launched_at, timedelta(0))
    return min(timedelta(0) + fleet.drain, life / _DRAIN_PART)


def allowed_age(certname: str, max_age: timedelta) -> timedelta:
    """How old this one may get: ``max_age``, less its own part of a tenth."""
    return max_age * (1 - _SPREAD * spread(certname))


def spread(certname: str) -> float:
    """In [0, 1), always the same for one node."""
    digest = hashlib.sha256(certname.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def later(time: datetime, span: timedelta) -> datetime:
    """``span`` after ``time``; no later than there are times."""
    try:
        return time + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
