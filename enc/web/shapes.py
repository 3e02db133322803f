"""Nodes and roles as other programs get them: times in ISO 8601 UTC, null for what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from enc.inventory.codec import iso
from enc.model import Node, Role

# The fingerprint of a machine's key is for signing its certificate, and for nobody else.
_PRIVATE = frozenset({"csr_key"})
_NODE_FIELDS = tuple(f.name for f in fields(Node) if f.name not in _PRIVATE)


def node_shape(node: Node) -> dict[str, Any]:
    return {name: _plain(getattr(node, name)) for name in _NODE_FIELDS}


def role_shape(role: Role, counts: Mapping[str, int]) -> dict[str, Any]:
    """``counts`` is how many nodes there are per ``kind:state:market``."""
    return {
        "name": role.name,
        "rev": role.rev,
        "applied_at": _plain(role.applied_at),
        "applied_by": _plain(role.applied_by),
        "spec_hash": _plain(role.spec_hash),
        "definition": role.definition,
        "counts": dict(counts),
        "nodes": sum(counts.values()),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return None if value == "" else value
