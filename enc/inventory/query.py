"""Lists of nodes: filtered, paged by cursor, never the whole inventory in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from redis import Redis

from enc.domain.model import Kind, Market, Node, State
from enc.inventory import keys
from enc.inventory.batch import GoneError, Hash, check_begun, good
from enc.inventory.codec import count_fields, node_from_hash
from enc.inventory.errors import BadCursorError, CorruptError, StoreError, translated
from enc.inventory.events import dumps
from enc.inventory.paging import MAX_LIMIT, Listing, Walks
from enc.inventory.scripts import Script

__all__ = ["MAX_LIMIT", "BadCursorError", "Damaged", "MarkedPage", "Page", "Queries", "Query"]

# What one page looks at before it says "go on from here": most are passed over by their indexes
# alone, half a second of Redis' time.
LOOKED_AT = 100_000
# Where each of them must be read to be compared with ``q``.
LOOKED_AT_BY_TEXT = 20_000


def fold(prefix: str) -> str:
    """What somebody typed as ``q``: certnames and DNS names are written in small letters."""
    return prefix.strip().lower()


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which nodes: all that are given must hold. ``q`` is a prefix of certname, name or address.

    Oldest launch first; with ``newest`` the other way round.
    """

    role: str | None = None
    kind: Kind | None = None
    state: State | None = None
    market: Market | None = None
    q: str | None = None
    newest: bool = False

    def index_keys(self) -> list[str]:
        found = []
        if self.role is not None:
            found.append(keys.nodes_of_role(self.role))
        if self.kind is not None:
            found.append(keys.nodes_of_kind(self.kind))
        if self.state is not None:
            found.append(keys.nodes_in_state(self.state))
        if self.market is not None:
            found.append(keys.nodes_of_market(self.market))
        return found or [keys.NODES]

    @property
    def looked_at(self) -> int:
        """How many nodes one page looks at."""
        return LOOKED_AT_BY_TEXT if self.q else LOOKED_AT

    def listing(self) -> Listing:
        return Listing(
            indexes=self.index_keys(),
            of=keys.node(""),
            mark="newest" if self.newest else "",
            newest=self.newest,
            q=self.q or "",
            texts=keys.TEXTS,
            most=self.looked_at,
        )


@dataclass(frozen=True)
class Page:
    """In the query's order. ``cursor`` asks for what follows; None at the end.

    A page with a cursor may be short, or empty: as many were looked at as one call may.
    """

    nodes: tuple[Node, ...]
    cursor: str | None


@dataclass(frozen=True)
class Damaged:
    """A node whose record cannot be read, and why."""

    certname: str
    why: CorruptError


@dataclass(frozen=True)
class MarkedPage:
    """As Page, damaged ones in their place."""

    nodes: tuple[Node | Damaged, ...]
    cursor: str | None


_ALL = Query()


@dataclass(frozen=True, kw_only=True)
class Everything:
    """Nodes by certname, what is wrong with those whose hash is none of a node, and the counts.

    ``counts`` is what ``fleet:<role>`` and ``ran:<role>`` should say by these, damaged ones with
    it: by role, then by key. ``damaged`` is these alone, by role as ``fleet:<role>`` counts.
    """

    nodes: dict[str, Node]
    spoilt: dict[str, StoreError]
    counts: Mapping[str, Mapping[str, Mapping[str, int]]]
    damaged: Mapping[str, Mapping[str, int]]


class Queries:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._walks = Walks(redis)
        self._indexes = Script(redis, "indexes.lua")

    def page(self, query: Query, *, limit: int, cursor: str | None = None) -> Page:
        """Raises BadCursorError, ValueError for a limit below 1, and StoreError's kinds.

        Whatever changes between two pages, a node that did not is neither lost nor repeated. A
        cursor serves any filters, and the order that it was given out in.
        """
        found = self._walks.page(query.listing(), node_from_hash, limit=limit, cursor=cursor)
        return Page(*found)

    def marked(self, query: Query, *, limit: int, cursor: str | None = None) -> MarkedPage:
        """As ``page``, where what cannot be read is in its place as Damaged."""
        found = self._walks.page(query.listing(), _node, limit=limit, cursor=cursor, spoilt=Damaged)
        return MarkedPage(*found)

    def total(self) -> int:
        """How many nodes there are."""
        with translated(keys.NODES):
            count = int(str(self._redis.zcard(keys.NODES)))
        if not count:
            check_begun(self._redis)
        return count

    def every(self, query: Query) -> Iterator[Node]:
        """All of them, in chunks."""
        for place, fields in self._walks.hashes(query.listing()):
            if not isinstance(fields, GoneError):
                yield node_from_hash(place.name, good(fields))

    def _check_indexes(self) -> None:
        """One that is gone would look like an empty fleet; every node is in that of its state."""
        by_state = [keys.nodes_in_state(state) for state in State]
        total, together = self._indexes.run([], dumps(by_state), about="nodes:state:*")
        if total != together:
            raise CorruptError("nodes:state:*", f"name {together} nodes, and {keys.NODES} {total}")

    def everything(self, query: Query = _ALL) -> Everything:
        """All nodes of one role, or of all, also where some are damaged."""
        walk = self._walks.hashes(query.listing())
        return _everything((place.name, fields) for place, fields in walk)

    def among(self, states: Sequence[State]) -> tuple[dict[str, Node], dict[str, StoreError]]:
        """Nodes in any of these states, and what is wrong with those that cannot be read.

        One that passes from one of the states to a later one meanwhile is there once, in its newer.
        """
        nodes: dict[str, Node] = {}
        spoilt: dict[str, StoreError] = {}
        for state in states:
            found = self.everything(Query(state=state))
            nodes |= found.nodes
            spoilt |= found.spoilt
        self._check_indexes()
        return nodes, {name: why for name, why in spoilt.items() if name not in nodes}


def _node(certname: str, fields: Mapping[str, str]) -> Node | Damaged:
    return node_from_hash(certname, fields)


def _everything(found: Iterable[tuple[str, Hash]]) -> Everything:
    nodes: dict[str, Node] = {}
    spoilt: dict[str, StoreError] = {}
    counts: dict[str, dict[str, Counter[str]]] = {}
    damaged: dict[str, Counter[str]] = defaultdict(Counter)
    for certname, fields in found:
        try:
            nodes[certname] = node_from_hash(certname, good(fields))
        except CorruptError as error:
            spoilt[certname] = error
            if isinstance(fields, dict) and (counted := count_fields(fields)):
                damaged[fields["role"]][counted[0]] += 1
        if isinstance(fields, dict):
            _count(counts, fields)
    return Everything(nodes=nodes, spoilt=spoilt, counts=counts, damaged=damaged)


def _count(counts: dict[str, dict[str, Counter[str]]], fields: Mapping[str, str]) -> None:
    if counted := count_fields(fields):
        role = fields["role"]
        if role not in counts:
            counts[role] = {keys.fleet(role): Counter(), keys.ran(role): Counter()}
        for counter, field in zip(counts[role].values(), counted, strict=True):
            counter[field] += 1
