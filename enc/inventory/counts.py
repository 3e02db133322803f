"""``fleet:<role>`` and ``ran:<role>``: moved with each change of a node, put right where wrong."""

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

    def wrong(
        self, counted: Mapping[str, Mapping[str, Mapping[str, int]]], roles: Iterable[str]
    ) -> list[str]:
        """The roles whose counts are not what was ``counted``: by role, then by key.

        One whose nodes were changed while they were counted may be among them.
        """
        names = sorted({*roles, *counted})
        wanted = [(name, *each) for name in names for each in _texts(name, counted).items()]
        stored = readable(self._redis, "HGETALL", [key for _, key, _ in wanted])
        pairs = zip(wanted, stored, strict=True)
        return sorted({name for (name, _, now), said in pairs if said != now})

    def put_right(self, role: str, event: Event) -> bool:
        """Count the nodes of a role anew. False: it is right, or was changed while we counted."""
        before = dict(zip(_keys(role), readable(self._redis, "HGETALL", _keys(role)), strict=True))
        now = _texts(role, self._queries.everything(Query(role=role)).counts)
        if before == now:
            return False
        commands = [one for key in now for one in _commands(key, before[key], now[key])]
        same = [one for key in now for one in _same(key, before[key], now[key])]
        return self._writes.write(commands, [event], same=same) is None


def _keys(role: str) -> list[str]:
    return [keys.fleet(role), keys.ran(role)]


def _texts(
    role: str, counted: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> dict[str, dict[str, str]]:
    """What each of a role's keys should hold."""
    found = counted.get(role, {})
    return {
        key: {field: str(count) for field, count in found.get(key, {}).items()}
        for key in _keys(role)
    }


def _commands(key: str, before: Hash, now: dict[str, str]) -> list[Command]:
    writing = [hset(key, now)] if now else []
    if isinstance(before, StoreError):
        return [["DEL", key], *writing]
    over = sorted(before.keys() - now.keys())
    return [*writing, *([["HDEL", key, *over]] if over else [])]


def _same(key: str, before: Hash, now: Mapping[str, str]) -> list[tuple[Command, str]]:
    """A change of a node moves at least one of these, or one that we leave alone.

    While a key is no hash, no node of the role is changed at all.
    """
    if isinstance(before, StoreError):
        return []
    fields = sorted({*good(before), *now})
    return [(["HGET", key, field], before.get(field, "")) for field in fields]
