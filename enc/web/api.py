"""The inventory for other programs, as JSON: each path as its table in ``operations`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, request

from enc.domain.certname import is_certname
from enc.domain.explain import explanation_shape
from enc.domain.model import ArchivedNode, Node
from enc.domain.retention import KEPT
from enc.inventory import CorruptError, Inventory
from enc.inventory.clock import redis_now
from enc.inventory.codec import iso
from enc.inventory.explanation import explained
from enc.inventory.health import check_ready
from enc.inventory.runs import run_record
from enc.web import lists, operations
from enc.web.documents import ENDED_NODE, UNKNOWN_LAUNCH, UNKNOWN_NODE, UNKNOWN_ROLE
from enc.web.openapi import openapi
from enc.web.parameters import asked
from enc.web.problems import ProblemError, corrupt
from enc.web.responses import answer
from enc.web.shapes import launch_shape, node_shape

Shape = dict[str, Any]


def blueprint(inventory: Inventory, site: str) -> Blueprint:
    routes = Blueprint("api", __name__)
    described = openapi(operations.OPERATIONS, version("rolecall"))

    def listed() -> Response:
        """The list at the path of the request."""
        path = request.path
        given = asked(request.args, lists.LISTS[path][0].parameters)
        check_ready(inventory.redis, site)
        return answer(lists.page(path, inventory, given))

    def one(read: _Reading, name: str) -> Response:
        asked(request.args, ())
        return answer(_read(inventory, site, read, name))

    for path in lists.LISTS:
        routes.add_url_rule(path, path.rpartition("/")[2], listed, methods=["GET"])

    @routes.get("/v1/openapi.json")
    def description() -> Response:
        asked(request.args, ())
        return answer(described)

    for path, read in _SINGLE.items():
        rule = _BRACES.sub("<path:name>", path)
        routes.add_url_rule(rule, read.__name__, partial(one, read), methods=["GET"])
    return routes


_Reading = Callable[[Inventory, str], Shape | ProblemError]


def _read(inventory: Inventory, site: str, read: _Reading, name: str) -> Shape:
    check_ready(inventory.redis, site)
    try:
        found = read(inventory, name)
    except CorruptError as error:
        raise corrupt(error) from error
    # Again: a store that is lost meanwhile must not be taken for one that never knew it.
    check_ready(inventory.redis, site)
    if isinstance(found, ProblemError):
        raise found
    return found


def _node(inventory: Inventory, name: str) -> Shape | ProblemError:
    found = named(inventory, name)
    if isinstance(found, Node):
        runs = [run_record(report) for report in inventory.reports.runs(found.certname)]
        return {**node_shape(found), "runs": runs}
    if found is None:
        return _unknown(name)
    when, why = iso(found.ended_at), found.reason or "no reason was given"
    return ProblemError(ENDED_NODE, f"{name} ended at {when}: {why}")


def _explained(inventory: Inventory, name: str) -> Shape | ProblemError:
    found = named(inventory, name)
    if found is None:
        return _unknown(name)
    return explanation_shape(explained(inventory, found, redis_now(inventory.redis)))


def _role(inventory: Inventory, name: str) -> Shape | ProblemError:
    found = inventory.roles.get(name)
    if found is None:
        return ProblemError(
            UNKNOWN_ROLE, f"no role has this name: {name!a}; /v1/roles lists them all"
        )
    return lists.role_shapes(inventory, [found])[0]


def _launch(inventory: Inventory, name: str) -> Shape | ProblemError:
    found = inventory.launches.get(name)
    if found is None:
        said = f"no launch has this id: {name!a}; launches are kept for {KEPT.days} days"
        return ProblemError(UNKNOWN_LAUNCH, said)
    return launch_shape(found)


def named(inventory: Inventory, name: str) -> Node | ArchivedNode | None:
    """By certname first: a certname is somebody's for ever, names pass from machine to machine."""
    alive = inventory.nodes.get(name) if is_certname(name) else None
    owner = None if alive else inventory.nodes.named(name)
    found = alive or (inventory.nodes.get(owner) if owner else None)
    return found or (inventory.nodes.archived(name) if is_certname(name) else None)


def _unknown(name: str) -> ProblemError:
    return ProblemError(UNKNOWN_NODE, f"no node has this certname, name or VPC:ADDRESS: {name!a}")


_BRACES = re.compile(r"\{[a-z]+\}")
_SINGLE: Mapping[str, Callable[[Inventory, str], Shape | ProblemError]] = {
    operations.NODE.path: _node,
    operations.EXPLAIN.path: _explained,
    operations.ROLE_ALONE.path: _role,
    operations.LAUNCH.path: _launch,
}
