"""Lists of nodes: filtered, paged by cursor, never the whole inventory in memory."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from redis import Redis

from enc.certname import is_certname
from enc.inventory import keys
from enc.inventory.batch import CHUNK, GoneError, Hash, check_begun, good, hash_of, hashes, readable
from enc.inventory.codec import count_field, node_from_hash
from enc.inventory.errors import (
    BadCursorError,
    CorruptError,
    StoreError,
    StoreLostError,
    translated,
)
from enc.inventory.scripts import Script
from enc.model import Market, Node, State

__all__ = ["MAX_LIMIT", "BadCursorError", "Page", "Queries", "Query"]

MAX_LIMIT = 1000
_LONGEST_CURSOR = 512
# As Redis writes the scores that we gave it: epoch seconds, up to 17 digits.
_SCORE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,17})?")


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


class _Place(NamedTuple):
    """Where a walk stands: the index's score and member. Places outlive the nodes at them."""

    score: str
    certname: str


_BEGINNING = _Place("", "")


_ALL = Query()


@dataclass(frozen=True, kw_only=True)
class Everything:
    """Nodes by certname, what is wrong with those whose hash is none of a node, and the counts.

    ``counts`` is what ``fleet:<role>`` should say by these, damaged ones with it; ``damaged`` is
    these alone.
    """

    nodes: dict[str, Node]
    spoilt: dict[str, StoreError]
    counts: Mapping[str, Mapping[str, int]]
    damaged: Mapping[str, Mapping[str, int]]


class Queries:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = Script(redis, "page.lua")

    def page(self, query: Query, *, limit: int, cursor: str | None = None) -> Page:
        """Raises BadCursorError, ValueError for a limit below 1, and StoreError's kinds.

        Whatever changes between two pages, a node that did not is neither lost nor repeated.
        """
        if limit < 1:
            raise ValueError(f"a page of {limit} nodes is none; ask for 1 or more")
        place = _BEGINNING if cursor is None else _decode(cursor)
        # One more than wanted tells whether there is a next page.
        found = list(islice(self._walk(query, place, limit + 1), limit + 1))
        nodes = tuple(node for node, _ in found[:limit])
        return Page(nodes, _encode(found[limit - 1][1]) if len(found) > limit else None)

    def count(self, query: Query) -> int:
        """How many nodes a query has. With ``q`` every node of the other criteria is read."""
        if query.q:
            return sum(1 for _ in self.every(query))
        index = query.index_keys()
        with translated(index[0]):
            if len(index) == 1:
                count = int(str(self._redis.zcard(index[0])))
            else:
                count = len(self._redis.zinter(index))
        if not count:
            check_begun(self._redis)
        return count

    def every(self, query: Query) -> Iterator[Node]:
        """All of them, in chunks."""
        for node, _ in self._walk(query, _BEGINNING, CHUNK):
            yield node

    def everything(self, query: Query = _ALL) -> Everything:
        """All nodes of one role, or of all, also where some are damaged."""
        try:
            return _everything((name, h) for name, _, h in self._hashes(query, _BEGINNING, CHUNK))
        except CorruptError:
            # Text that is not UTF-8 ends a whole step; one by one we learn whose it is.
            return _everything(self._one_by_one(query))

    def _walk(self, query: Query, place: _Place, want: int) -> Iterator[tuple[Node, _Place]]:
        for certname, score, fields in self._hashes(query, place, want):
            if isinstance(fields, GoneError):
                continue
            yield node_from_hash(certname, good(fields)), _Place(score, certname)

    def _hashes(self, query: Query, place: _Place, want: int) -> Iterator[tuple[str, str, Hash]]:
        """(certname, score, hash) of each."""
        while True:
            place, found = self._step(query, place, min(want, CHUNK))
            for certname, score, flat in found:
                yield certname, score, hash_of(keys.node(certname), flat)
            if place == _BEGINNING:
                return

    def _one_by_one(self, query: Query) -> Iterator[tuple[str, Hash]]:
        [index] = query.index_keys()
        with translated(index):
            names: Any = self._redis.zrange(index, 0, -1)
        found = readable(self._redis, "HGETALL", [keys.node(name) for name in names])
        for name, fields in zip(names, found, strict=True):
            if fields:
                yield name, fields
            elif self._redis.zscore(index, name) is not None:
                yield name, GoneError(keys.node(name))

    def _step(self, query: Query, place: _Place, want: int) -> tuple[_Place, Sequence[Any]]:
        """Up to ``want`` nodes behind the place, and where the walk goes on."""
        # Without a filter each member looked at is one found.
        look = CHUNK if query.q or len(query.index_keys()) > 1 else want
        arguments = (*place, str(look), str(want), query.q or "")
        try:
            answer = self._script.run(query.index_keys(), *arguments)
        except CorruptError:
            self._name_the_bad(query.index_keys()[0])
            raise
        match answer:
            case ["ok", str(score), str(certname), str(found)]:
                return _Place(score, certname), json.loads(found)
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
        raise StoreError(f"page.lua answered {answer!r}; is another version there?")

    def _name_the_bad(self, index: str) -> None:
        """Some text in an answer was not UTF-8: raise the CorruptError that says whose."""
        with translated(index):
            names: Any = self._redis.zrange(index, 0, -1)
        for _ in hashes(self._redis, [keys.node(name) for name in names]):
            pass


def _everything(found: Iterable[tuple[str, Hash]]) -> Everything:
    nodes: dict[str, Node] = {}
    spoilt: dict[str, StoreError] = {}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    damaged: dict[str, Counter[str]] = defaultdict(Counter)
    for certname, fields in found:
        try:
            nodes[certname] = node_from_hash(certname, good(fields))
        except CorruptError as error:
            spoilt[certname] = error
        if isinstance(fields, dict) and (field := count_field(fields)):
            counts[fields["role"]][field] += 1
            damaged[fields["role"]][field] += certname in spoilt
    return Everything(nodes=nodes, spoilt=spoilt, counts=counts, damaged=damaged)


def _encode(place: _Place) -> str:
    return base64.urlsafe_b64encode(":".join(place).encode()).decode().rstrip("=")


def _decode(cursor: str) -> _Place:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise _bad() from error
    score, _, certname = text.partition(":")
    if len(cursor) > _LONGEST_CURSOR or not _SCORE.fullmatch(score) or not is_certname(certname):
        raise _bad()
    return _Place(score, certname)


def _bad() -> BadCursorError:
    return BadCursorError("the cursor is not one that this service gave out")
