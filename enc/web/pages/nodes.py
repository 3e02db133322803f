"""The list of nodes: searched, filtered, sorted by age, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from enc.domain.model import Kind, Market, Node, State
from enc.inventory import BadCursorError, Inventory, Query
from enc.inventory.query import Damaged, MarkedPage
from enc.web.documents import BAD_PARAMETER
from enc.web.operations import NODES
from enc.web.pages.rendering import Desk, given, link, looked
from enc.web.parameters import NODE_FILTERS, Order
from enc.web.parameters import asked as values_of
from enc.web.problems import ProblemError, corrupt

_LIVE = tuple(state for state in State if state is not State.ARCHIVED)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A field of the form: what it is called, what may be chosen, and what is."""

    name: str
    label: str
    options: tuple[str, ...]
    chosen: str


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/nodes")
    def nodes() -> Response:
        asked = given()
        found = values_of(asked, NODES.parameters)
        query, cursor = _query(found), found["cursor"]
        now, inventory = desk.begin(), desk.inventory
        names = inventory.roles.names()
        page = _page(inventory, query, found["limit"], cursor)
        total = _total(inventory, query, names)
        desk.check()
        flat = {name: asked[name] for name in asked if name != "cursor"}
        return desk.page(
            "nodes.html", now=now, nodes=rows(page.nodes), total=total, asked=asked,
            choices=_choices(flat, names), is_filtered=bool({*flat} - {"order", "limit"}),
            newest=query.newest, cursor=cursor,
            looked=looked(page.nodes, found["limit"], page.cursor, query.looked_at),
            turned=link(".nodes", flat, order=None if query.newest else "newest"),
            first=link(".nodes", flat),
            following=link(".nodes", flat, cursor=page.cursor) if page.cursor else None,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Spoilt:
    """A row of a node that cannot be shown: why."""

    certname: str
    damaged: str


def rows(found: Sequence[Node | Damaged]) -> list[Node | Spoilt]:
    """What is wrong is said without the error's own words, which quote what somebody put there."""
    return [
        Spoilt(certname=one.certname, damaged=corrupt(one.why).detail)
        if isinstance(one, Damaged)
        else one
        for one in found
    ]


def _query(found: Mapping[str, Any]) -> Query:
    filters = {one.name: found[one.name] for one in NODE_FILTERS}
    return Query(**filters, newest=found["order"] is Order.NEWEST)


def _page(inventory: Inventory, query: Query, most: int, cursor: str | None) -> MarkedPage:
    try:
        return inventory.queries.marked(query, limit=most, cursor=cursor)
    except BadCursorError as error:
        raise ProblemError(BAD_PARAMETER, f"cursor: {error}") from error


def _total(inventory: Inventory, query: Query, roles: list[str]) -> int | None:
    """How many there are, where it is known without reading them."""
    if query.q:
        return None
    if query == Query(newest=query.newest):
        return inventory.queries.total()
    counts = inventory.roles.counts(roles if query.role is None else [query.role])
    if query.role is None and _every(counts) != inventory.queries.total():
        # Some are of a role that is gone, whose counts nobody names.
        return None
    return sum(fitting(query, one) for one in counts.values())


def _every(counts: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(one.values()) for one in counts.values())


def fitting(query: Query, counts: Mapping[str, int]) -> int:
    """Of a role's counts per ``kind:state:market``, those that a query asks for."""
    wanted = (query.kind, query.state, query.market)
    return sum(
        count
        for text, count in counts.items()
        if all(want in (None, got) for want, got in zip(wanted, text.split(":"), strict=False))
    )


def _choices(asked: Mapping[str, Any], roles: list[str]) -> list[Choice]:
    found = {
        "role": tuple(roles),
        "state": tuple(state.value for state in _LIVE),
        "market": tuple(market.value for market in Market),
        "kind": tuple(kind.value for kind in Kind),
    }
    return [
        Choice(
            name=name, label=name.capitalize(), chosen=asked.get(name, ""),
            # A role that is gone can still be asked for, and its nodes are still there.
            options=_with(options, asked.get(name, "")),
        )
        for name, options in found.items()
    ]  # fmt: skip


def _with(options: tuple[str, ...], chosen: str) -> tuple[str, ...]:
    return options if not chosen or chosen in options else (chosen, *options)
