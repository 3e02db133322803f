"""What people are told of a fleet that does not get what it should, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from enc.domain.model import Hold, HoldCause
from provisioner.domain.fleet import Fleet
from provisioner.domain.rotation import Due
from provisioner.domain.world import World

_NAMED = 3


def waiting(fleet: Fleet, why_not: str) -> str:
    """Why what is due still stands, so that "too old" is never a riddle."""
    what = f"{fleet.name}: {len(fleet.due)} due to be replaced ({listed(fleet.due)})"
    if fleet.hold is not None:
        return f"{what}, and left alone: {held(fleet)}"
    if why_not:
        return f"{what}; waiting: {why_not}"
    return f"{what}; waiting until replacements are ready ({len(fleet.ready)} of {fleet.target})"


def held(fleet: Fleet) -> str:
    hold = fleet.hold
    if hold is None:
        return ""
    whose = f"{fleet.name} is held" if hold.role else "everything is paused"
    again = f"'provisioner resume{' ' + hold.role if hold.role else ''}'"
    return f"{whose} {stopped_by(hold)}; {again}"


def stopped_by(hold: Hold) -> str:
    if hold.cause is HoldCause.UNREADABLE:
        return f"by what cannot be read: {hold.why}"
    return f"since {hold.since:%Y-%m-%d %H:%M} UTC by {hold.by}: {hold.why}"


def listed(due: Sequence[Due]) -> str:
    named = ", ".join(f"{one.node.certname}: {one.why}" for one in due[:_NAMED])
    return f"{named} and {len(due) - _NAMED} more" if len(due) > _NAMED else named


def unheeded(fleet: Fleet) -> Iterator[str]:
    """Nodes that a person wants replaced, and that are not, for other reasons than budgets."""
    for node in fleet.ready:
        if node.replace_because and node.held:
            again = f"'provisioner unhold {node.certname}'"
            yield f"{node.certname} is to be replaced, and held: {node.held}; {again}"
        elif node.replace_because and fleet.role.spec.fleet.size is None:
            again = f"'provisioner retire {node.certname}'"
            yield f"{node.certname} is to be replaced, and {fleet.name} has no size; {again}"


def out_of_sight(world: World, fleet: Fleet) -> Iterator[str]:
    """The role may have moved to another region: this one's machines count while we see nothing."""
    for name, count in sorted(fleet.elsewhere.items()):
        error = world.regions[name].error if name in world.regions else "it was not listed"
        yield (
            f"{fleet.name}: {count} of its nodes are in region {name}, which cannot be read; "
            f"they count as they were last seen ({error})"
        )
