"""The nodes for the tools that work with them: each tool's own format, the whole of it or a 503."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from enc.inventory import CorruptError, Inventory, StoreError
from enc.inventory.snapshot import Snapshot, read_snapshot
from enc.logs import Log
from enc.outputs import SERVING, Refused, ansible, nagios, prometheus
from enc.web import operations
from enc.web.documents import STORE_CORRUPT, UNKNOWN_ROLE
from enc.web.metrics import Metrics
from enc.web.operations import Operation
from enc.web.parameters import asked
from enc.web.problems import ProblemError, corrupt
from enc.web.responses import answer, text_answer

Values = Mapping[str, Any]
# A tool asks every minute, and each time it is logged who is left out.
_NAMED = 20
_log = Log("enc.discovery")


@dataclass(frozen=True, kw_only=True)
class Made:
    """An answer, whom it leaves out though they are there, and what else is to be told of it."""

    response: Response
    refused: Sequence[Refused] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Tool:
    """``make`` raises StoreError's kinds where the answer would lack what cannot be read."""

    name: str
    operation: Operation
    make: Callable[[Snapshot, Values], Made]


def blueprint(inventory: Inventory, site: str, counts: Metrics) -> Blueprint:
    routes = Blueprint("discovery", __name__)

    def discovered(tool: Tool) -> Response:
        given = asked(request.args, tool.operation.parameters)
        found = read_snapshot(inventory, site, given["role"])
        _check_known(found, given["role"])
        made = tool.make(found, given)
        _tell(tool.name, found, made, counts)
        return made.response

    for tool in TOOLS:
        view = partial(discovered, tool)
        routes.add_url_rule(tool.operation.path, tool.name, view, methods=["GET"])
    return routes


def _prometheus(found: Snapshot, given: Values) -> Made:
    if given["port"] is None:
        _check_checks(found)
    groups, refused = prometheus.groups(found.nodes, found.roles, given["port"])
    return Made(response=answer(groups), refused=refused)


def _ansible(found: Snapshot, _given: Values) -> Made:
    made = ansible.inventory(found.nodes, {*found.roles, *found.spoilt_roles})
    return Made(response=answer(made.document), refused=made.refused, notes=made.notes)


def _nagios(found: Snapshot, given: Values) -> Made:
    _check_checks(found)
    # A lost machine stays in the file that 'export nagios' keeps. Here nobody knows whether it had
    # ever been a host.
    ready = [node for node in found.nodes if node.state in SERVING]
    asked_for = {name: role for name, role in found.roles.items() if given["role"] in (None, name)}
    made = nagios.objects(ready, asked_for)
    return Made(response=text_answer(made.text), refused=made.refused, notes=made.notes)


def _check_checks(found: Snapshot) -> None:
    """Without its checks a role has no ports or services, and its nodes would seem to be gone."""
    for role in sorted({node.role for node in found.nodes} - found.roles.keys()):
        if role in found.spoilt_roles:
            raise found.spoilt_roles[role]
        raise ProblemError(
            STORE_CORRUPT,
            f"role {role[:80]!a} is gone, and nodes have it: without its checks they would seem to "
            "be gone, too; 'provisioner roles apply' brings it back, 'provisioner assign' gives "
            "them another",
        )


TOOLS: Sequence[Tool] = (
    Tool(name="prometheus", operation=operations.PROMETHEUS, make=_prometheus),
    Tool(name="ansible", operation=operations.ANSIBLE_INVENTORY, make=_ansible),
    Tool(name="nagios", operation=operations.NAGIOS, make=_nagios),
)


def _check_known(found: Snapshot, role: str | None) -> None:
    """To a tool, no nodes would mean that they are all gone; a mistyped role must not say that."""
    nodes = found.nodes or found.spoilt
    if role is None or nodes or role in found.roles or role in found.spoilt_roles:
        return
    raise ProblemError(UNKNOWN_ROLE, "there is no role with this name; /v1/roles lists them all")


def _tell(tool: str, found: Snapshot, made: Made, counts: Metrics) -> None:
    left_out = {name: _of_key(error) for name, error in found.spoilt.items()}
    left_out |= {one.certname: one.why for one in made.refused}
    counts.left_out(tool, len(left_out))
    for certname in sorted(left_out)[:_NAMED]:
        _log.warning("node left out", tool=tool, node=certname, why=left_out[certname])
    if len(left_out) > _NAMED:
        _log.warning("more nodes left out", tool=tool, nodes=len(left_out) - _NAMED)
    for note in made.notes[:_NAMED]:
        _log.warning("told otherwise", tool=tool, why=note)


def _of_key(error: StoreError) -> str:
    return corrupt(error).detail if isinstance(error, CorruptError) else str(error)
