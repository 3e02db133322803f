"""Nodes, launches and events as plain records, for every output format.

Fields are named as in the service's API; times are ISO 8601 UTC; what is not known is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from enc.domain.durations import for_people
from enc.domain.model import ArchivedNode, Attempt, Launch, Node
from enc.inventory.codec import iso

# What a machine's certificate is signed by is nobody else's business; nor is a launch's key.
_PRIVATE = frozenset({"csr_key", "key"})
# What people look for first; the rest follows as the model has it.
_FIRST = ("certname", "role", "kind", "state", "state_since", "market", "instance_type", "zone")

NODE_FIELDS = tuple(
    dict.fromkeys((*_FIRST, *(f.name for f in fields(Node) if f.name not in _PRIVATE)))
)
MACHINE_FIELDS = (*NODE_FIELDS, "pool", "ended_at", "hours", "reason")
EVENT_FIELDS = ("at", "who", "what", "node", "role", "launch", "why")


def node_record(node: Node) -> dict[str, Any]:
    return {name: _plain(getattr(node, name)) for name in NODE_FIELDS}


def listed_record(node: Node, now: datetime) -> dict[str, Any]:
    """With what a table has besides: how old it is, and how long ago Puppet's last run was."""
    reported = age(node.report_at, now) if node.report_at else None
    return {
        **node_record(node),
        "age": age(node.launched_at, now),
        "report": _plain(node.report_status),
        "reported": reported,
    }


def archived_record(ended: ArchivedNode) -> dict[str, Any]:
    return {
        **node_record(ended.node),
        "state": "archived",
        "pool": _pool(ended.node),
        "ended_at": _plain(ended.ended_at),
        "hours": _hours(ended.node, ended.ended_at),
        "reason": _plain(ended.reason),
    }


def machine_record(one: Node | ArchivedNode, now: datetime) -> dict[str, Any]:
    return archived_record(one) if isinstance(one, ArchivedNode) else living_record(one, now)


def living_record(node: Node, now: datetime) -> dict[str, Any]:
    """A machine that has not ended beside those that have: its hours so far."""
    lived = {"ended_at": None, "hours": _hours(node, now), "reason": None}
    return {**node_record(node), "pool": _pool(node), **lived}


def launch_record(launch: Launch) -> dict[str, Any]:
    """Everything but the key."""
    return {
        "launch": launch.id,
        **{
            name: _plain(getattr(launch, name))
            for name in (
                *("role", "kind", "state", "why", "want", "got", "region", "owner"),
                *("opened_at", "deadline", "heartbeat", "template"),
            )
        },
    }


def attempt_record(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "at": _plain(attempt.at),
        "market": attempt.market.value,
        "wanted": attempt.wanted,
        "got": list(attempt.got),
        "answers": [
            {"pool": pool, "code": code, "message": message}
            for pool, code, message in attempt.answers
        ],
    }


def event_record(event: Mapping[str, str]) -> dict[str, Any]:
    return {name: event.get(name) for name in EVENT_FIELDS} | dict(event)


def age(since: datetime, now: datetime) -> str:
    """Without a blank, so that a line of a table stays one word a column: ``1d3h``."""
    return for_people(max(now - since, timedelta(0))).replace(" ", "")


def _pool(node: Node) -> str | None:
    """``market:type:zone``; of a foreign node none."""
    known = node.market and node.instance_type and node.zone
    return f"{node.market}:{node.instance_type}:{node.zone}" if known else None


def _hours(node: Node, until: datetime) -> float:
    return round(max(until - node.launched_at, timedelta(0)).total_seconds() / 3600, 2)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return None if value == "" else getattr(value, "value", value)
