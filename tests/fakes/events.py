"""What EventBridge writes of EC2's machines, as a queue holds it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from provisioner.domain.notices import KINDS
from provisioner.ports.notices import Warned
from tests.fakes.clock import START
from tests.fakes.cloud import ACCOUNT, REGION

MACHINE, OTHER = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
TYPES = {kind: name for name, kind in KINDS.items()}


def event(
    kind: Warned | str,
    instance_id: str = MACHINE,
    *,
    at: datetime = START,
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """``kind``, if not ours, is the detail-type itself."""
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": TYPES[kind] if isinstance(kind, Warned) else kind,
        "source": "aws.ec2",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}"],
        "detail": {"instance-id": instance_id, **(detail or {})},
        **changes,
    }


def interruption(instance_id: str = MACHINE, action: str = "terminate", **said: Any) -> str:
    detail = {"instance-action": action}
    return json.dumps(event(Warned.INTERRUPTION, instance_id, detail=detail, **said))


def rebalance(instance_id: str = MACHINE, **said: Any) -> str:
    return json.dumps(event(Warned.REBALANCE, instance_id, **said))


def state_change(instance_id: str = MACHINE, state: str = "terminated", **said: Any) -> str:
    """Nothing that we heed."""
    detail = {"state": state}
    name = "EC2 Instance State-change Notification"
    return json.dumps(event(name, instance_id, detail=detail, **said))


def wrapped(body: str, **changes: Any) -> str:
    """As SNS hands it on where raw delivery is off, as it is by default."""
    said = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:spot",
        "Message": body,
        "Timestamp": "2026-01-01T12:00:01.000Z",
        "SignatureVersion": "1",
        **changes,
    }
    return json.dumps(said)
