"""Changing a node while Puppet and EC2 tell of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from enc.domain.model import Node
from enc.inventory import ConflictError, Inventory
from provisioner.domain.retirement import only_news

# Reports come a few times a minute at most.
_READINGS = 4
T = TypeVar("T")


def despite_news(inventory: Inventory, node: Node, act: Callable[[Node], T]) -> T:
    """Act on the node as it is now: a report that came since it was read is no reason to stop.

    Raises ConflictError where anything else was changed meanwhile, or again and again.
    """
    for _ in range(_READINGS - 1):
        try:
            return act(node)
        except ConflictError:
            fresh = inventory.nodes.get(node.certname)
            if fresh is None or not only_news(node, fresh):
                raise
            node = fresh
    return act(node)
