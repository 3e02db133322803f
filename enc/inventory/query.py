"""Lists of nodes: filtered, paged by cursor, never the whole inventory in memory."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import score
from enc.inventory.errors import StoreLostError, translated
from enc.inventory.nodes import Nodes
from enc.model import Market, Node, State

MAX_LIMIT = 1000
_CHUNK = 500
_Cursor = tuple[str, str]  # launch time in epoch seconds, certname


class BadCursorError(ValueError):
    """The cursor is not one of ours."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which nodes: all that are given must hold. ``q`` is a prefix of certname, name or address."""

    role: str | None = None
    state: State | None = None
    market: Market | None = None
    q: str | None = None

    def index_keys(self) -> list[str]:
        found = []
        if self.role is not None:
            found.append(keys.nodes_of_role(self.role))
        if self.state is not None:
            found.append(keys.nodes_in_state(self.state))
        if self.market is not None:
            found.append(keys.nodes_of_market(self.market))
        return found or [keys.NODES]


@dataclass(frozen=True)
class Page:
    """Oldest launch first. ``cursor`` asks for what follows; None at the end."""

    nodes: tuple[Node, ...]
    cursor: str | None


class Queries:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._nodes = Nodes(redis)

    def page(self, query: Query, *, limit: int, cursor: str | None = None) -> Page:
        """Raises BadCursorError and StoreError's kinds.

        Whatever changes between two pages, a node that did not is neither lost nor repeated.
        """
        position = _decode(cursor) if cursor else None
        found: list[Node] = []
        for member in self._walk(query, position):
            if len(found) == limit:
                self._check_still_there()
                return Page(tuple(found), _encode(found[-1]))
            found.append(member)
        self._check_still_there()
        return Page(tuple(found), None)

    def count(self, query: Query) -> int:
        """How many nodes a query has, without ``q``; several criteria are intersected."""
        index = query.index_keys()
        with translated(index[0]):
            if len(index) == 1:
                return int(str(self._redis.zcard(index[0])))
            return len(self._redis.zinter(index))

    def every(self, query: Query) -> Iterator[Node]:
        """All of them, in chunks."""
        yield from self._walk(query, None)
        self._check_still_there()

    def _check_still_there(self) -> None:
        # Looked at after the reading: a store that was lost meanwhile answers nothing, not less.
        with translated(keys.META):
            if not self._redis.exists(keys.META):
                raise StoreLostError

    def _walk(self, query: Query, position: _Cursor | None) -> Iterator[Node]:
        index = self._smallest_first(query.index_keys())
        while True:
            start = self._rank_after(index[0], position) if position else 0
            with translated(index[0]):
                chunk: Any = self._redis.zrange(
                    index[0], start, start + _CHUNK - 1, withscores=True
                )
            yield from self._matching([name for name, _ in chunk], index[1:], query.q)
            if len(chunk) < _CHUNK:
                return
            # By place, not by rank: ranks shift when a node ends while we walk.
            name, launched = chunk[-1]
            position = (f"{launched:.3f}", name)

    def _matching(self, names: list[str], others: list[str], q: str | None) -> Iterator[Node]:
        for key in others:
            if names:
                with translated(key):
                    scores: Any = self._redis.zmscore(key, names)
                names = [n for n, found in zip(names, scores, strict=True) if found is not None]
        for node in self._nodes.many(names):
            if q is None or _starts(node, q):
                yield node

    def _smallest_first(self, index: list[str]) -> list[str]:
        if len(index) == 1:
            return index
        with translated(index[0]), self._redis.pipeline(transaction=False) as pipe:
            for key in index:
                pipe.zcard(key)
            sizes = pipe.execute()
        return [key for _, key in sorted(zip(sizes, index, strict=True))]

    def _rank_after(self, key: str, position: _Cursor) -> int:
        """The rank behind (launch time, certname), whether that node is still there or not."""
        launched, certname = position
        with translated(key), self._redis.pipeline(transaction=True) as pipe:
            pipe.zrank(key, certname)
            pipe.zscore(key, certname)
            rank, there = pipe.execute()
        if rank is not None and there == float(launched):
            return int(rank) + 1
        return self._rank_by_halving(key, launched, certname)

    def _rank_by_halving(self, key: str, launched: str, certname: str) -> int:
        """Members of one score stand in the order of their bytes."""
        with translated(key):
            low = int(str(self._redis.zcount(key, "-inf", f"({launched}")))
            high = low + int(str(self._redis.zcount(key, launched, launched)))
            while low < high:
                middle = (low + high) // 2
                there: Any = self._redis.zrange(key, middle, middle)
                if there and there[0] <= certname:
                    low = middle + 1
                else:
                    high = middle
        return low


def _starts(node: Node, q: str) -> bool:
    names = (node.certname, node.private_dns, node.public_dns, node.private_ip)
    return any(name.startswith(q) for name in names)


def _encode(node: Node) -> str:
    position = [score(node.launched_at), node.certname]
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _decode(cursor: str) -> _Cursor:
    try:
        launched, certname = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        finite = math.isfinite(float(launched))
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadCursorError("the cursor is not one that this service gave out") from error
    if not finite:
        raise BadCursorError("the cursor is not one that this service gave out")
    return str(launched), str(certname)
