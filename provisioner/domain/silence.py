"""Nodes of which Puppet has said nothing for long."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from enc.model import Node, State
from provisioner.domain.world import World

# Two runs, as agents run by default: one may fall out.
LONG = timedelta(hours=1)
# A draining or lost node may be silent, and of a failed one it is known.
_HEARD = frozenset({State.RUNNING, State.READY})


def silent(world: World) -> Counter[str]:
    """How many there are of each role."""
    return Counter(node.role for node in world.nodes.values() if _is_silent(world, node))


def _is_silent(world: World, node: Node) -> bool:
    """One that has never reported counts from its launch, if its role waits for reports."""
    if node.state not in _HEARD:
        return False
    known = world.roles.get(node.role)
    reports = known is not None and known.spec.fleet.ready_when == "report"
    heard = node.report_at or (node.launched_at if reports else None)
    return heard is not None and world.now - heard > LONG
