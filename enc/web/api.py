"""The inventory for other programs: nodes and roles as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from enc.certname import is_certname
from enc.inventory import CorruptError, Inventory
from enc.inventory.codec import iso
from enc.inventory.query import BadCursorError
from enc.inventory.ready import check_ready
from enc.inventory.runs import run_record
from enc.model import Node
from enc.web.documents import BAD_PARAMETER, ENDED_NODE, UNKNOWN_NODE
from enc.web.parameters import LONGEST_CURSOR, Parameters, limit, node_query
from enc.web.problems import ProblemError, corrupt
from enc.web.responses import answer
from enc.web.shapes import node_shape, role_shape

_FILTERS = ("role", "state", "market", "q", "limit", "cursor")


def blueprint(inventory: Inventory, site: str) -> Blueprint:
    routes = Blueprint("api", __name__)

    @routes.get("/v1/nodes")
    def nodes() -> Response:
        given = Parameters(request.args, _FILTERS)
        query, most = node_query(given), limit(given)
        cursor = given.text("cursor", most=LONGEST_CURSOR)
        check_ready(inventory.redis, site)
        try:
            page = inventory.queries.page(query, limit=most, cursor=cursor)
        except BadCursorError as error:
            raise ProblemError(BAD_PARAMETER, f"cursor: {error}") from error
        return answer({"nodes": [node_shape(n) for n in page.nodes], "cursor": page.cursor})

    @routes.get("/v1/nodes/<path:name>")
    def node(name: str) -> Response:
        Parameters(request.args, ())
        check_ready(inventory.redis, site)
        try:
            found = _named(inventory, name) or _absent(inventory, name)
            runs = _runs(inventory, found) if isinstance(found, Node) else []
        except CorruptError as error:
            raise corrupt(error) from error
        # Again: a store that is lost meanwhile must not be taken for one that never knew the node.
        check_ready(inventory.redis, site)
        if isinstance(found, ProblemError):
            raise found
        return answer({**node_shape(found), "runs": runs})

    @routes.get("/v1/roles")
    def roles() -> Response:
        Parameters(request.args, ())
        check_ready(inventory.redis, site)
        found = inventory.roles.all()
        counts = inventory.roles.counts(list(found))
        check_ready(inventory.redis, site)
        return answer({"roles": [role_shape(r, counts[n]) for n, r in found.items()]})

    return routes


def _named(inventory: Inventory, name: str) -> Node | None:
    """By certname first: a certname is somebody's for ever, names pass from machine to machine."""
    found = inventory.nodes.get(name) if is_certname(name) else None
    owner = None if found else inventory.nodes.named(name)
    return found or (inventory.nodes.get(owner) if owner else None)


def _runs(inventory: Inventory, node: Node) -> list[dict[str, Any]]:
    return [run_record(report) for report in inventory.reports.runs(node.certname)]


def _absent(inventory: Inventory, name: str) -> ProblemError:
    ended = inventory.nodes.archived(name) if is_certname(name) else None
    if ended:
        when, why = iso(ended.ended_at), ended.reason or "no reason was given"
        return ProblemError(ENDED_NODE, f"{name} ended at {when}: {why}")
    return ProblemError(UNKNOWN_NODE, f"no node has this certname, name or VPC:ADDRESS: {name!a}")
