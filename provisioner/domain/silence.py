"""Nodes of which Puppet has said nothing for long."""

from __future__ import annotations

from collections import Counter

from enc.domain.model import Node
from enc.domain.silence import silent_since
from provisioner.domain.world import World


def silent(world: World) -> Counter[str]:
    """How many there are of each role."""
    return Counter(node.role for node in world.nodes.values() if _is_silent(world, node))


def _is_silent(world: World, node: Node) -> bool:
    known = world.roles.get(node.role)
    reports = known is not None and known.spec.fleet.ready_when == "report"
    return silent_since(node, world.now, reports=reports) is not None
