"""Targets for Prometheus, as its HTTP service discovery takes them.

https://prometheus.io/docs/prometheus/latest/http_sd/: a list of groups of targets with labels.
What is told of a node are ``__meta_`` labels, as of all of Prometheus' own discoveries: they end
with relabelling, so a node that becomes ready does not become another series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from enc.domain.model import Node, Role
from enc.outputs import Refused, address_of, checks_of

Group = dict[str, Any]
PREFIX = "__meta_rolecall_"
# Of a node; "" where it has none, which to Prometheus is the same as no label.
NODE_LABELS = (
    *("certname", "role", "kind", "state", "market", "instance_type", "instance_id"),
    *("zone", "region", "environment"),
)
CHECK = "check"
# Of ten thousand nodes each time.
_NAMES = [PREFIX + name for name in NODE_LABELS]
_VALUES = attrgetter(*NODE_LABELS)
# What can stand before the port of a target. Prometheus itself only knows that "/" cannot.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|[0-9A-Fa-f]*(?::[0-9A-Fa-f]*)+")


def groups(
    nodes: Iterable[Node], roles: Mapping[str, Role], port: int | None = None
) -> tuple[list[Group], list[Refused]]:
    """A group for each target: one for each check with a port, or one at ``port`` if given.

    Refused are nodes whose address is not known, or is none.
    """
    found: list[Group] = []
    refused: list[Refused] = []
    ports = {name: list(_ports(role, port)) for name, role in roles.items()}
    for node in nodes:
        address = address_of(node)
        if not address:
            refused.append(Refused(certname=node.certname, why="its address is not known"))
        elif not _HOST.fullmatch(address):
            why = f"its address {address[:80]!a} is none"
            refused.append(Refused(certname=node.certname, why=why))
        else:
            host = f"[{address}]" if ":" in address else address
            for check, at in ports.get(node.role, _default(port)):
                found.append({"targets": [f"{host}:{at}"], "labels": _labels(node, check)})
    return found, refused


def _ports(role: Role, port: int | None) -> Iterator[tuple[str, int]]:
    if port is not None:
        yield "", port
        return
    for check in checks_of(role):
        if check.port is not None:
            yield check.name, check.port


def _default(port: int | None) -> list[tuple[str, int]]:
    """Of a role that has no definition."""
    return [] if port is None else [("", port)]


def _labels(node: Node, check: str) -> dict[str, str]:
    labels = {name: value or "" for name, value in zip(_NAMES, _VALUES(node), strict=True)}
    labels[PREFIX + CHECK] = check
    return labels
