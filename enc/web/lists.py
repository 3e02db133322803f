"""The API's lists: from the parameters of a request to one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enc.domain.model import Role
from enc.inventory import BadCursorError, Inventory
from enc.inventory.paging import Position, decode, encode
from enc.inventory.query import Query
from enc.web import operations
from enc.web.documents import BAD_PARAMETER
from enc.web.operations import Operation
from enc.web.parameters import NODE_FILTERS, Order
from enc.web.problems import ProblemError
from enc.web.shapes import (
    RoleFacts,
    archived_shape,
    event_shape,
    launch_shape,
    node_shape,
    role_shape,
)

Values = Mapping[str, Any]
Page = dict[str, Any]
# Roles are named, not dated: their places have no score.
_NO_SCORE = "0"


def _nodes(inventory: Inventory, given: Values) -> Page:
    filters = {one.name: given[one.name] for one in NODE_FILTERS}
    query = Query(**filters, newest=given["order"] is Order.NEWEST)
    page = inventory.queries.page(query, limit=given["limit"], cursor=given["cursor"])
    return {"nodes": [node_shape(one) for one in page.nodes], "cursor": page.cursor}


def _roles(inventory: Inventory, given: Values) -> Page:
    after = decode("roles", given["cursor"]).name if given["cursor"] else ""
    behind = [role for name, role in inventory.roles.all().items() if name > after]
    shown = behind[: given["limit"]]
    more = len(behind) > len(shown)
    cursor = encode("roles", Position(_NO_SCORE, shown[-1].name)) if more else None
    return {"roles": role_shapes(inventory, shown), "cursor": cursor}


def role_shapes(inventory: Inventory, roles: Sequence[Role]) -> list[dict[str, Any]]:
    names = [role.name for role in roles]
    counts, runs = inventory.roles.counts(names), inventory.roles.runs(names)
    oldest, holds = inventory.roles.oldest(names), inventory.holds.all(names)
    return [
        role_shape(
            role,
            RoleFacts(
                counts=counts[role.name],
                runs=runs[role.name],
                oldest=oldest.get(role.name),
                hold=holds.get(role.name),
            ),
        )
        for role in roles
    ]


def _launches(inventory: Inventory, given: Values) -> Page:
    page = inventory.launches.page(
        given["limit"], given["cursor"], role=given["role"], state=given["state"]
    )
    return {"launches": [launch_shape(one) for one in page.launches], "cursor": page.cursor}


def _events(inventory: Inventory, given: Values) -> Page:
    filters = {name: given[name] for name in ("node", "role", "who", "what")}
    if given["after"] is None:
        page = inventory.events.page(given["limit"], given["before"], **filters)
        return {"events": [event_shape(*one) for one in page.events], "cursor": page.cursor}
    if given["before"] is not None:
        raise ProblemError(BAD_PARAMETER, "give before or after, not both")
    wanted = {name: text for name, text in filters.items() if text is not None}
    found, last = inventory.events.since(given["after"], given["limit"], wanted)
    return {"events": [event_shape(*one) for one in found], "cursor": last}


def _archive(inventory: Inventory, given: Values) -> Page:
    page = inventory.nodes.archive_page(
        given["limit"], given["cursor"], since=given["since"], role=given["role"]
    )
    return {"nodes": [archived_shape(one) for one in page.nodes], "cursor": page.cursor}


_LISTS: Sequence[tuple[Operation, Callable[[Inventory, Values], Page]]] = (
    (operations.NODES, _nodes),
    (operations.ROLES, _roles),
    (operations.LAUNCHES, _launches),
    (operations.EVENTS, _events),
    (operations.ARCHIVE, _archive),
)
LISTS = {operation.path: (operation, read) for operation, read in _LISTS}


def page(path: str, inventory: Inventory, given: Values) -> Page:
    """The page of the list at ``path``; a cursor that is none is a ProblemError."""
    try:
        return LISTS[path][1](inventory, given)
    except BadCursorError as error:
        raise ProblemError(BAD_PARAMETER, f"cursor: {error}") from error
