"""All that an explanation of one node needs, read so that what is damaged is told, not fatal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from enc.domain.damage import Unreadable
from enc.domain.explain import Explanation, explain
from enc.domain.model import ArchivedNode, Hold, HoldCause, Node
from enc.inventory import Inventory
from enc.inventory.errors import CorruptError

T = TypeVar("T")
# Without the error's own words, which quote what somebody put there.
_DAMAGED = "its record in Redis is damaged, and holds it all the same"


def explained(inventory: Inventory, found: Node | ArchivedNode, now: datetime) -> Explanation:
    """Why it is here, and gets what it gets.

    Raises StoreError's kinds, but nothing for a role, launch or hold that is damaged: that stands
    in the explanation.
    """
    node = found.node if isinstance(found, ArchivedNode) else found
    launches = inventory.launches
    launch = _read(lambda: launches.get(node.launch)) if node.launch else None
    role = _read(lambda: inventory.roles.get(node.role))
    holds = told_holds(inventory, [node.role])
    hold = holds.get("") or holds.get(node.role)
    life = _read(lambda: inventory.events.life(node.certname))
    told = () if isinstance(life, Unreadable) else life
    ordered = not inventory.orders.lacking([node])
    return explain(found, role, launch, now=now, hold=hold, life=told, ordered=ordered)


def told_holds(inventory: Inventory, roles: Iterable[str]) -> dict[str, Hold]:
    """By role; "" is the pause of all. Of a damaged one it is said that it is."""
    return {
        role: replace(hold, why=_DAMAGED) if hold.cause is HoldCause.UNREADABLE else hold
        for role, hold in inventory.holds.all(roles).items()
    }


def _read(read: Callable[[], T]) -> T | Unreadable:
    try:
        return read()
    except CorruptError as error:
        return Unreadable(error.key)
