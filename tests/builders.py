"""Values for tests: complete, and plain where the test does not care."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import Kind, Launch, Market, Node, Role, State
from enc.inventory import Event
from tests.fakes.clock import START


def node(certname: str = "i-0aaaaaaaaaaaaaaa1", **fields: Any) -> Node:
    defaults: dict[str, Any] = {
        "role": "web",
        "kind": Kind.EXTRA,
        "state": State.RUNNING,
        "launched_at": START,
        "state_since": START,
        "instance_id": certname,
        "market": Market.SPOT,
        "instance_type": "c5.large",
        "zone": "us-east-1a",
        "region": "us-east-1",
        "vpc": "vpc-1",
    }
    return Node(certname=certname, **{**defaults, **fields})


def foreign(certname: str = "db1.example.com", **fields: Any) -> Node:
    defaults: dict[str, Any] = {
        "role": "web",
        "kind": Kind.FOREIGN,
        "state": State.READY,
        "launched_at": START,
        "state_since": START,
    }
    return Node(certname=certname, **{**defaults, **fields})


def role(name: str = "web", **fields: Any) -> Role:
    definition = {"classes": {f"role::{name}": {}}, "parameters": {}}
    return Role(name=name, **{"definition": definition, **fields})


def event(what: str = "test", *, at: datetime = START, **fields: Any) -> Event:
    return Event(what=what, who="alice@ops", at=at, **fields)


def launch(launch_id: str = "l-00000000000000aa", **fields: Any) -> Launch:
    defaults: dict[str, Any] = {
        "role": "web",
        "kind": Kind.EXTRA,
        "want": 2,
        "deadline": START + timedelta(minutes=5),
        "key_expires": START + timedelta(minutes=50),
        "owner": "alice@ops:1",
        "opened_at": START,
        "region": "us-east-1",
        "key": "0" * 64,
    }
    return Launch(id=launch_id, **{**defaults, **fields})
