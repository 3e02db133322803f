"""Nodes, launches and events as plain records, for every output format."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from enc.model import ArchivedNode, Launch, Node


def node_record(node: Node) -> dict[str, Any]:
    """All that may be shown of a node; times as ISO 8601 UTC."""
    return {
        "node": node.certname,
        "role": node.role,
        "kind": node.kind.value,
        "state": node.state.value,
        "state_since": iso(node.state_since),
        "market": node.market.value if node.market else "",
        "type": node.instance_type,
        "region": node.region,
        "zone": node.zone,
        "vpc": node.vpc,
        "image": node.image,
        "launch": node.launch,
        "private_ip": node.private_ip,
        "private_dns": node.private_dns,
        "public_dns": node.public_dns,
        "environment": node.environment,
        "launched_at": iso(node.launched_at),
        "ready_at": iso(node.ready_at),
        "expires_at": iso(node.expires_at),
        "report_status": node.report_status,
        "report_at": iso(node.report_at),
        "retire_step": node.retire_step,
        "held": node.held,
    }


def archived_record(ended: ArchivedNode) -> dict[str, Any]:
    lived = (ended.ended_at - ended.node.launched_at).total_seconds() / 3600
    return {
        **node_record(ended.node),
        "state": "archived",
        "ended_at": iso(ended.ended_at),
        "hours": round(lived, 2),
        "reason": ended.reason,
    }


def launch_record(launch: Launch) -> dict[str, Any]:
    """Everything but the key."""
    return {
        "launch": launch.id,
        "role": launch.role,
        "kind": launch.kind.value,
        "state": launch.state.value,
        "why": launch.why,
        "want": launch.want,
        "got": launch.got,
        "region": launch.region,
        "owner": launch.owner,
        "opened_at": iso(launch.opened_at),
        "deadline": iso(launch.deadline),
        "heartbeat": iso(launch.heartbeat),
        "template": launch.template,
    }


def iso(time: datetime | None) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else ""
