"""``fleet:<role>``: moved with each change of a node, and put right where it has gone wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redis import Redis

from enc.inventory import keys
from enc.inventory.batch import Hash, good, readable
from enc.inventory.errors import StoreError
from enc.inventory.events import Event
from enc.inventory.query import Queries, Query
from enc.inventory.writes import Command, Writes, hset


class Counts:
    def __init__(self, redis: Redis, queries: Queries, fence: str = "") -> None:
        self._redis, self._queries = redis, queries
        self._writes = Writes(redis, fence)

    def wrong(self, counted: Mapping[str, Mapping[str, int]], roles: Iterable[str]) -> list[str]:
        """The roles whose counts are not what was ``counted``.

        One whose nodes were changed while they were counted may be among them.
        """
        names = sorted({*roles, *counted})
        stored = readable(self._redis, "HGETALL", [keys.fleet(name) for name in names])
        pairs = zip(names, stored, strict=True)
        return [name for name, said in pairs if said != _texts(counted.get(name, {}))]

    def put_right(self, role: str, event: Event) -> bool:
        """Count the nodes of a role anew. False: it is right, or was changed while we counted."""
        key = keys.fleet(role)
        [before] = readable(self._redis, "HGETALL", [key])
        now = _texts(self._queries.everything(Query(role=role)).counts.get(role, {}))
        if before == now:
            return False
        commands, same = _commands(key, before, now), _same(key, before, now)
        return self._writes.write(commands, [event], same=same) is None


def _texts(counted: Mapping[str, int]) -> dict[str, str]:
    return {field: str(count) for field, count in counted.items()}


def _commands(key: str, before: Hash, now: dict[str, str]) -> list[Command]:
    writing = [hset(key, now)] if now else []
    if isinstance(before, StoreError):
        return [["DEL", key], *writing]
    over = sorted(before.keys() - now.keys())
    return [*writing, *([["HDEL", key, *over]] if over else [])]


def _same(key: str, before: Hash, now: Mapping[str, str]) -> list[tuple[Command, str]]:
    """A change of a node moves at least one of these, or one that we leave alone.

    While the key is no hash, no node of the role is changed at all.
    """
    if isinstance(before, StoreError):
        return []
    fields = sorted({*good(before), *now})
    return [(["HGET", key, field], before.get(field, "")) for field in fields]
