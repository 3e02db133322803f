"""Which ready machines are to be replaced, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from enc.domain.durations import for_people
from enc.domain.lifetimes import IN_WINDOWS, Change, replacements
from enc.domain.model import Node
from enc.domain.times import sane
from enc.domain.windows import is_open
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
    fleet = known.spec.fleet
    open_ = is_open(fleet.windows, world.now) and not world.untimed
    for one in replacements(node, fleet, known.role.spec_hash):
        if one.change in IN_WINDOWS and not open_:
            continue
        timely = one.change is Change.ASKED or (one.at <= world.now and not world.untimed)
        if timely and (why := _why(world, known, node, one.change)):
            return Due(node=node, why=why)
    return None


def urgency(due: Due) -> tuple[bool, datetime, str]:
    """What was asked for, or advised, first; then the oldest."""
    return not due.node.replace_because, due.node.launched_at, due.node.certname


def _why(world: World, known: KnownRole, node: Node, change: Change) -> str:
    """In words; "" where EC2's tag says that the role is older than the machine."""
    match change:
        case Change.ASKED:
            return node.replace_because
        case Change.OVER_SOON:
            return f"its life ends at {node.expires_at:%H:%M} UTC"
        case Change.OTHER_SPEC:
            return "" if _is_older(world, known, node) else "the role's launch section has changed"
    most, age = known.spec.fleet.max_age or timedelta(0), world.now - node.launched_at
    return f"it is {for_people(age)} old (max_age {for_people(timedelta(0) + most)})"


def _is_older(world: World, known: KnownRole, node: Node) -> bool:
    """Whether the role is: then the store was restored, and the role did not change."""
    instance, applied = world.instance(node), known.role.applied_at
    made_from = applied_at(instance.tags.get(SPEC_TAG, "")) if instance else None
    return bool(made_from and applied and applied.replace(microsecond=0) < made_from)


def applied_at(tag: str) -> datetime | None:
    """When the role was applied that a machine was launched from, as its tag says."""
    try:
        return sane(datetime.fromisoformat(tag.rpartition(":")[0]))
    except ValueError:
        return None
