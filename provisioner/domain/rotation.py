"""Which ready machines are to be replaced, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from enc.domain.ages import allowed_age, replaced_from
from enc.domain.durations import for_people
from enc.domain.model import Node
from enc.domain.times import sane
from provisioner.domain.windows import is_open
from provisioner.domain.world import KnownRole, World
from provisioner.ports.tags import SPEC_TAG


@dataclass(frozen=True, kw_only=True)
class Due:
    """A ready node that is to be replaced, and why."""

    node: Node
    why: str


def due_of(world: World, known: KnownRole, node: Node) -> Due | None:
    if node.held:
        return None
    why = node.replace_because or _soon_over(world, known, node)
    if not why and is_open(known.spec.fleet.windows, world.now) and not world.untimed:
        why = _other_spec(world, known, node) or _too_old(world, known, node)
    return Due(node=node, why=why) if why else None


def urgency(due: Due) -> tuple[bool, datetime, str]:
    """What was asked for, or advised, first; then the oldest."""
    return not due.node.replace_because, due.node.launched_at, due.node.certname


def _soon_over(world: World, known: KnownRole, node: Node) -> str:
    if world.untimed or node.expires_at is None:
        return ""
    fleet = known.spec.fleet
    soon = replaced_from(node.expires_at, fleet.ready_timeout, fleet.drain)
    return f"its life ends at {node.expires_at:%H:%M} UTC" if world.now >= soon else ""


def _other_spec(world: World, known: KnownRole, node: Node) -> str:
    """Not for a role that is older than the machine: then the store was restored, not the role."""
    wanted = known.role.spec_hash
    if not wanted or not node.spec_hash or node.spec_hash == wanted:
        return ""
    instance = world.instance(node)
    made_from = applied_at(instance.tags.get(SPEC_TAG, "")) if instance else None
    applied = known.role.applied_at
    if made_from and applied and applied.replace(microsecond=0) < made_from:
        return ""
    return "the role's launch section has changed"


def applied_at(tag: str) -> datetime | None:
    """When the role was applied that a machine was launched from, as its tag says."""
    try:
        return sane(datetime.fromisoformat(tag.rpartition(":")[0]))
    except ValueError:
        return None


def _too_old(world: World, known: KnownRole, node: Node) -> str:
    most, age = known.spec.fleet.max_age, world.now - node.launched_at
    if most is None or age < allowed_age(node.certname, most):
        return ""
    return f"it is {for_people(age)} old (max_age {for_people(timedelta(0) + most)})"
