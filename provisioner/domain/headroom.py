"""How many machines the limits let a role launch now, as far as this pass can see.

The store counts again with the intent: see enc/inventory/write.lua.
"""

from __future__ import annotations

from dataclasses import replace

from enc.domain.limits import NO_BOUND, bounds
from enc.domain.model import LaunchState, Node, State
from provisioner.domain.retirement import Step, step_of
from provisioner.domain.world import KnownRole, World, launched_by_us

_GONE = frozenset({State.LOST, State.ARCHIVED})


def room(world: World, known: KnownRole, want: int) -> tuple[int, str]:
    """(how many more machines, why not ``want``); the second is "" where all of them may be."""
    if world.limits_error:
        return 0, world.limits_error
    name, least, why = known.role.name, NO_BOUND, ""
    for bound in bounds(world.limits, name, known.spec.limits.limits):
        there = _counts(world, bound.role)
        if (left := bound.left(**there)) < min(want, least):
            least, why = max(left, 0), bound.reached(want, **there)
    return least, why


def with_planned(world: World, role: str, count: int) -> World:
    machines, launches = world.planned.get(role, (0, 0))
    return replace(world, planned={**world.planned, role: (machines + count, launches + 1)})


def _counts(world: World, role: str) -> dict[str, int]:
    """Of a role, or of all where it is "": what lives, is asked for, and was opened lately."""
    planned = [counts for name, counts in world.planned.items() if role in ("", name)]
    nodes = [n for n in world.nodes.values() if launched_by_us(n) and _lives(n)]
    open_ = [one for one in world.launches.values() if one.state is LaunchState.OPEN]
    asked = sum(max(one.want - one.got, 0) for one in open_ if role in ("", one.role))
    opened = sum(n for (name, _), n in world.recent.items() if role in ("", name))
    return {
        "living": sum(role in ("", node.role) for node in nodes),
        "asked": asked + sum(machines for machines, _ in planned),
        "opened": opened + sum(launches for _, launches in planned),
    }


def _lives(node: Node) -> bool:
    """A retiring one until EC2 was told to end it: where that is denied, its machine runs on."""
    if node.state is State.RETIRING:
        return step_of(node) is Step.TERMINATE
    return node.state not in _GONE
