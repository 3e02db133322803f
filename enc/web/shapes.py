"""What other programs get: times in ISO 8601 UTC, null for what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from enc.domain.model import ArchivedNode, Attempt, Hold, Launch, Node, Role
from enc.inventory.codec import iso

# The fingerprint of a machine's key is for signing its certificate, and for nobody else.
_PRIVATE = frozenset({"csr_key"})
NODE_FIELDS = tuple(f.name for f in fields(Node) if f.name not in _PRIVATE)
# The challenge passwords of its machines are made from a launch's key.
LAUNCH_FIELDS = tuple(f.name for f in fields(Launch) if f.name not in ("key", "attempts"))
ATTEMPT_FIELDS = tuple(f.name for f in fields(Attempt) if f.name != "answers")
HOLD_FIELDS = ("why", "since", "by", "cause", "nodes")
EVENT_FIELDS = ("at", "who", "what", "node", "role", "launch", "why")


def node_shape(node: Node) -> dict[str, Any]:
    return {name: _plain(getattr(node, name)) for name in NODE_FIELDS}


def archived_shape(ended: ArchivedNode) -> dict[str, Any]:
    return {
        **node_shape(ended.node),
        "ended_at": _plain(ended.ended_at),
        "reason": _plain(ended.reason),
    }


@dataclass(frozen=True, kw_only=True)
class RoleFacts:
    """What the store counts of a role's nodes.

    ``counts``: how many per ``kind:state:market``; ``runs``: how many per word of their last
    report; ``oldest``: when the oldest was launched; ``hold``: what stops the role itself.
    """

    counts: Mapping[str, int]
    runs: Mapping[str, int]
    oldest: datetime | None
    hold: Hold | None


def role_shape(role: Role, facts: RoleFacts) -> dict[str, Any]:
    return {
        "name": role.name,
        "rev": role.rev,
        "applied_at": _plain(role.applied_at),
        "applied_by": _plain(role.applied_by),
        "spec_hash": _plain(role.spec_hash),
        "definition": role.definition,
        "counts": dict(facts.counts),
        "nodes": sum(facts.counts.values()),
        "runs": dict(facts.runs),
        "oldest": _plain(facts.oldest),
        "hold": hold_shape(facts.hold) if facts.hold else None,
    }


def hold_shape(hold: Hold) -> dict[str, Any]:
    return {name: _plain(getattr(hold, name)) for name in HOLD_FIELDS}


def launch_shape(launch: Launch) -> dict[str, Any]:
    return {
        **{name: _plain(getattr(launch, name)) for name in LAUNCH_FIELDS},
        "attempts": [attempt_shape(one) for one in launch.attempts],
    }


def attempt_shape(attempt: Attempt) -> dict[str, Any]:
    answers = [
        {"pool": pool, "code": code, "message": message} for pool, code, message in attempt.answers
    ]
    return {
        **{name: _plain(getattr(attempt, name)) for name in ATTEMPT_FIELDS},
        "answers": answers,
    }


def event_shape(entry: str, told: Mapping[str, str]) -> dict[str, Any]:
    """``more`` has what is told besides: the states of a step, a name that moved, a verdict."""
    known = {name: told.get(name) for name in EVENT_FIELDS}
    more = {name: text for name, text in told.items() if name not in known}
    return {"id": entry, **known, "more": more}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, tuple):
        return list(value)
    return None if value == "" else value
