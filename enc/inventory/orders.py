"""Who ordered that a node drains or ends: the state in its own record proves nothing.

The service may change a node's record, for a report makes it ready; so whoever has its login can
write any state there. Converge ends a node only if ``order:<certname>`` says the same, which is the
provisioner's key alone. node.lua moves it with the state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import keys
from enc.inventory.batch import CHUNK, answers, check_begun
from enc.inventory.errors import translated
from enc.inventory.writes import Command, Writes

ORDERED = frozenset({State.DRAINING, State.RETIRING})


class Orders:
    """Raises StoreError's kinds."""

    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis, self._writes = redis, Writes(redis, fence)

    def lacking(self, nodes: Iterable[Node]) -> frozenset[str]:
        """Those that are at their end by their record, and of whom nobody ordered it.

        None of them while the store is as a version left it that knew no orders: see ``begin``.
        """
        ending = [node for node in nodes if node.state in ORDERED]
        if not ending or not self._begun():
            return frozenset()
        found: list[Any] = []
        for start in range(0, len(ending), CHUNK):
            chunk = [("GET", keys.order(n.certname)) for n in ending[start : start + CHUNK]]
            found += answers(self._redis, chunk, keys.ORDERS)
        pairs = zip(ending, found, strict=True)
        # It may have gone on to its end since it was read.
        enough = State.RETIRING.value
        return frozenset(n.certname for n, said in pairs if said not in (n.state.value, enough))

    def give(self, node: Node) -> None:
        """Order what is the node's state already, because a person says so."""
        self._writes.write([_order(node.certname, node.state)], [])

    def begin(self) -> None:
        """Once: what was at its end when no version knew orders yet ends by one, too."""
        if self._begun():
            return
        check_begun(self._redis)
        orders = [_order(name, state) for state in sorted(ORDERED) for name in self._in(state)]
        self._writes.write([*orders, ["SET", keys.ORDERS, "1"]], [])

    def _begun(self) -> bool:
        with translated(keys.ORDERS):
            return bool(self._redis.exists(keys.ORDERS))

    def _in(self, state: State) -> list[str]:
        key = keys.nodes_in_state(state)
        with translated(key):
            found: Any = self._redis.zrange(key, 0, -1)
        return list(found)


def _order(certname: str, state: State) -> Command:
    return ["SET", keys.order(certname), state.value]
