"""What one pass of converge knows when it decides: facts, each with whether it could be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from enc.domain.limits import Limits
from enc.domain.model import (
    Backoff,
    Hold,
    HoldCause,
    Kind,
    Launch,
    Node,
    Role,
    SpoiltLaunch,
    State,
)
from enc.domain.rolespec import FleetSpec, RoleSpec
from enc.domain.stored_fleet import GONE
from enc.domain.timeouts import Timeouts
from provisioner.ports.ec2 import Instance
from provisioner.ports.notices import Warned


@dataclass(frozen=True, kw_only=True)
class KnownRole:
    """A role as it is stored, and as it is read."""

    role: Role
    spec: RoleSpec


@dataclass(frozen=True, kw_only=True)
class Region:
    """All that EC2 listed there, or ``error``: then nothing is known of it, and nothing decided.

    ``templates`` are (name, launch id); None where they were not asked for.
    """

    name: str
    instances: Mapping[str, Instance] = field(default_factory=dict)
    templates: tuple[tuple[str, str], ...] | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the invariants hang on; tests put in wrong ones, and must see them caught."""

    counted: frozenset[State] = frozenset({State.PENDING, State.RUNNING, State.READY})
    force: bool = False  # no breaker
    prune: bool = False  # nodes whose role is gone end


@dataclass(frozen=True, kw_only=True)
class World:
    """What is known now: ``store_now`` is Redis' clock, by which commands say that they live.

    ``untimed``: why no decision may hang on the time; "" where the clocks agree.
    ``archived``: which of the unrecorded machines are known to have ended. ``quotas``: those that
    are lately used up. ``requests``: whose certificate requests wait; None where there is no CA, or
    ``ca_error`` says why it said nothing; ``ca_warning``: why not every request is known.
    ``unreadable``: certnames whose records are damaged, and how: they are there, and left alone.
    So are ``unreadable_roles``, which are not among ``roles``, and ``spoilt_launches``, which are
    not among ``launches``. ``miscounted``: roles whose counts in the store are wrong.
    ``recent``: how many launches were opened within the last hour, by role and state.
    ``limits``: the site's; ``limits_error`` says why they cannot be read. ``planned``: (machines,
    launches) that this pass has decided on so far, by role. ``unordered``: nodes that drain or
    retire by their record, and of whom nobody ordered it.
    ``damaged_counts``: per role, how many damaged nodes the store counts as ``kind:state:market``.
    """

    now: datetime
    store_now: datetime
    site: str
    roles: Mapping[str, KnownRole]
    nodes: Mapping[str, Node]
    regions: Mapping[str, Region]
    launches: Mapping[str, Launch] = field(default_factory=dict)
    archived: frozenset[str] = frozenset()
    suspects: Mapping[str, datetime] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    approved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    backoffs: Mapping[str, Backoff] = field(default_factory=dict)
    quotas: frozenset[str] = frozenset()
    requests: tuple[str, ...] | None = None
    warned: Mapping[str, Warned] = field(default_factory=dict)
    untimed: str = ""
    unordered: frozenset[str] = frozenset()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    unreadable_roles: Mapping[str, str] = field(default_factory=dict)
    spoilt_launches: Mapping[str, SpoiltLaunch] = field(default_factory=dict)
    miscounted: frozenset[str] = frozenset()
    damaged_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    recent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    limits_error: str = ""
    planned: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    ca_error: str = ""
    ca_warning: str = ""
    timeouts: Timeouts = field(default_factory=Timeouts)
    rules: Rules = field(default_factory=Rules)

    @property
    def paused(self) -> Hold | None:
        return self.holds.get("")

    def hold(self, role: str) -> Hold | None:
        """What stops this role: the pause of all of them, or its own hold."""
        return self.paused or self.holds.get(role)

    def instance(self, node: Node) -> Instance | None:
        region = self.regions.get(node.region)
        return region.instances.get(node.instance_id) if region else None

    def readable(self, region: str) -> bool:
        found = self.regions.get(region)
        return found is not None and not found.error

    def fleet(self, role: str) -> FleetSpec:
        """What the role says of its fleet; of a role that is gone, too."""
        known = self.roles.get(role)
        return known.spec.fleet if known else GONE

    def seen_twice(self, what: str) -> bool:
        """Whether an earlier pass, long enough ago, has seen this suspicion too."""
        first = self.suspects.get(what)
        return (
            not self.untimed
            and first is not None
            and self.store_now - first >= self.timeouts.suspect
        )


def stopped_by_a_person(hold: Hold | None) -> bool:
    """Or by what cannot be read, which may be a person's."""
    return hold is not None and hold.cause in (HoldCause.ASKED, HoldCause.UNREADABLE)


def launched_by_us(node: Node) -> bool:
    return node.kind is not Kind.FOREIGN
