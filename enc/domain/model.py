"""Who a machine is: nodes, roles and launches as plain values, and how a node may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from enc.domain.times import Timed


class Kind(StrEnum):
    """Why a node exists, and so what converge may do with it."""

    FLEET = "fleet"
    EXTRA = "extra"
    BURST = "burst"
    FOREIGN = "foreign"


class Market(StrEnum):
    SPOT = "spot"
    ON_DEMAND = "on-demand"


class State(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"
    LOST = "lost"
    RETIRING = "retiring"
    ARCHIVED = "archived"


ALLOWED: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.PENDING: frozenset({State.RUNNING, State.FAILED, State.LOST, State.RETIRING}),
        State.RUNNING: frozenset(
            {State.READY, State.DRAINING, State.FAILED, State.LOST, State.RETIRING}
        ),
        State.READY: frozenset({State.DRAINING, State.LOST, State.RETIRING}),
        State.DRAINING: frozenset({State.LOST, State.RETIRING}),
        State.FAILED: frozenset({State.READY, State.RETIRING}),
        State.LOST: frozenset({State.RUNNING, State.RETIRING}),
        State.RETIRING: frozenset({State.ARCHIVED}),
        State.ARCHIVED: frozenset(),
    }
)

# Puppet is answered for a draining, failed or even lost node: the machine may still run, and an
# agent that gets no catalogue is one more thing broken. Only the end of life is silent.
ANSWERED = frozenset(State) - {State.RETIRING, State.ARCHIVED}


class IllegalTransitionError(ValueError):
    """A node cannot go from its state to the one that was asked for."""

    def __init__(self, certname: str, old: State, new: State) -> None:
        self.certname, self.old, self.new = certname, old, new
        onward = ", ".join(sorted(ALLOWED[old]))
        way = f"from {old} it can become {onward}" if onward else f"{old} is final"
        super().__init__(f"{certname} is {old} and cannot become {new}; {way}")


def check_transition(certname: str, old: State, new: State) -> None:
    """Raise IllegalTransitionError unless a node may go from old to new; staying is no change."""
    if old != new and new not in ALLOWED[old]:
        raise IllegalTransitionError(certname, old, new)


@dataclass(frozen=True, kw_only=True)
class Node(Timed):
    """A machine that Puppet knows by its certname. Empty text means: not known, or has none.

    Times are aware, and become UTC in whole milliseconds. ``market`` is None for foreign nodes.
    ``held``: why converge leaves it alone. ``replace_because``: why converge is to replace it
    though neither its age nor its role says so.
    """

    certname: str
    role: str
    kind: Kind
    state: State
    launched_at: datetime
    state_since: datetime
    launch: str = ""
    instance_id: str = ""
    market: Market | None = None
    instance_type: str = ""
    zone: str = ""
    region: str = ""
    vpc: str = ""
    image: str = ""
    spec_hash: str = ""
    private_ip: str = ""
    private_dns: str = ""
    public_dns: str = ""
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    environment: str = ""
    csr_key: str = ""
    report_status: str = ""
    report_at: datetime | None = None
    retire_step: str = ""
    held: str = ""
    replace_because: str = ""
    rev: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names and addresses that people may call it by, as they stand after ``name:``."""
        address = f"{self.vpc}:{self.private_ip}" if self.private_ip else ""
        found = (self.private_dns, self.public_dns, address)
        return tuple(dict.fromkeys(name for name in found if name))


@dataclass(frozen=True, kw_only=True)
class ArchivedNode(Timed):
    """A node whose life is over: what it was, when it ended and why."""

    node: Node
    ended_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class Role(Timed):
    """What a node is. ``definition`` is the role's part of roles.yaml with every default filled in.

    ``spec_hash`` is taken over the launch section as written; "" for a role without one.
    """

    name: str
    definition: Mapping[str, Any]
    spec_hash: str = ""
    rev: int = 0
    applied_at: datetime | None = None
    applied_by: str = ""


# The owner of a launch that any pass of converge moves on: nobody beats for it.
CONVERGE = "converge"


class LaunchState(StrEnum):
    OPEN = "open"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Attempt(Timed):
    """One CreateFleet call of a launch, as EC2 answered it.

    ``answers`` maps each pool that refused (``market:type:zone``, or ``*`` for the whole call)
    to EC2's code and message. ``hopeless``: every pool of the market refused for what waiting does
    not change. ``barred``: why nothing more is to be asked at all. ``unfit``: pools that are not to
    be asked again, as what they refused for concerns them alone and will not pass.
    """

    number: int
    at: datetime
    market: Market
    wanted: int
    got: tuple[str, ...] = ()
    answers: tuple[tuple[str, str, str], ...] = ()
    hopeless: bool = False
    barred: str = ""
    unfit: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Launch(Timed):
    """One act of asking EC2 for machines. ``key`` is a secret: it makes the challenge passwords.

    ``image`` is what the role's image was when it was opened; ``market`` is the one asked first.
    ``asked`` counts the requests that were about to be sent, the last one at ``asked_at``: one that
    has no attempt lost its answer, or who asked died.
    """

    id: str
    role: str
    kind: Kind
    want: int
    deadline: datetime
    key_expires: datetime
    owner: str
    opened_at: datetime
    region: str = ""
    key: str = field(default="", repr=False)
    got: int = 0
    state: LaunchState = LaunchState.OPEN
    heartbeat: datetime | None = None
    template: str = ""
    spec_hash: str = ""
    image: str = ""
    market: Market | None = None
    asked: int = 0
    asked_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class SpoiltLaunch:
    """A launch whose record is damaged, and how; ``role`` "" where not even that can be read."""

    role: str
    why: str


class HoldCause(StrEnum):
    """Who stopped a role: a person, the breaker, or launches that never became ready.

    One whose record is damaged stops it, too, until somebody resumes it.
    """

    ASKED = "asked"
    BREAKER = "breaker"
    FAILURES = "failures"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class Hold(Timed):
    """Why converge leaves a role alone; ``role`` is "" for all of them.

    ``nodes`` are those that the breaker kept from being ended. ``spec_hash`` is that of the
    launches that failed: another one lifts the hold.
    """

    role: str = ""
    why: str
    since: datetime
    by: str
    cause: HoldCause = HoldCause.ASKED
    nodes: tuple[str, ...] = ()
    spec_hash: str = ""


@dataclass(frozen=True, kw_only=True)
class Backoff(Timed):
    """How often in a row the launches of a role failed, and until when none is opened.

    ``launches`` are those counted. Of these ``unready`` had machines, none of which became ready.
    ``pardoned`` are earlier ones, whose failed machines may still be there: they count no more.
    ``why`` is EC2's own reason for the end of a machine that died unready, where it gave one.
    """

    role: str
    spec_hash: str
    at: datetime
    until: datetime
    launches: tuple[str, ...] = ()
    unready: tuple[str, ...] = ()
    pardoned: tuple[str, ...] = ()
    why: str = ""
