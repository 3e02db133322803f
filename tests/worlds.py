"""What a pass of converge knows, for tests of its decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import CONVERGE, Kind, Launch, Market, Node, State
from enc.domain.rolespec import RoleSpec
from provisioner.domain.world import KnownRole, Region, World
from provisioner.ports.ec2 import Instance, InstanceState
from tests.builders import launch as a_launch
from tests.builders import node as a_node
from tests.fakes.clock import START
from tests.workbench import SITE, role

REGION = "us-east-1"
SPEC = "0123456789abcdef"
LAUNCH = "l-00000000000000aa"


def known(
    name: str = "web", *, applied_at: datetime = START - timedelta(days=9), **fleet: Any
) -> KnownRole:
    given = {"size": 3, "surge": 1, "max_age": "24h", "ready_timeout": "15m", **fleet}
    made = replace(role(name, fleet=given, spec_hash=SPEC), applied_at=applied_at)
    return KnownRole(role=made, spec=RoleSpec.of(made))


def of_fleet(number: int, state: State = State.READY, **fields: Any) -> Node:
    defaults: dict[str, Any] = {
        "kind": Kind.FLEET,
        "state": state,
        "launch": LAUNCH,
        "spec_hash": SPEC,
        "ready_at": START if state is State.READY else None,
    }
    return a_node(f"i-{number:017x}", **{**defaults, **fields})


def machine(node: Node, state: InstanceState = InstanceState.RUNNING, **fields: Any) -> Instance:
    """As EC2 lists the machine of a node."""
    tags = {
        "rolecall:site": SITE,
        "rolecall:launch": node.launch or LAUNCH,
        "rolecall:role": node.role,
        "rolecall:kind": node.kind.value,
        "rolecall:spec": f"{(START - timedelta(days=9)).isoformat()}:{node.spec_hash}",
    }
    given: dict[str, Any] = {"launched_at": node.launched_at, "tags": tags, **fields}
    return Instance(
        id=node.certname,
        state=state,
        region=REGION,
        zone=node.zone,
        instance_type=node.instance_type,
        market=node.market or Market.SPOT,
        **given,
    )


def world(
    nodes: Iterable[Node] = (),
    *,
    instances: Iterable[Instance] | None = None,
    roles: Iterable[KnownRole] | None = None,
    now: datetime = START + timedelta(hours=1),
    error: str = "",
    **fields: Any,
) -> World:
    """``instances`` None: EC2 lists the machine of each node running."""
    there = list(nodes)
    listed = [machine(node) for node in there] if instances is None else list(instances)
    region = Region(name=REGION, instances={one.id: one for one in listed}, error=error)
    given = list(roles) if roles is not None else [known()]
    return World(
        now=now,
        store_now=now,
        site=SITE,
        roles={one.role.name: one for one in given},
        nodes={node.certname: node for node in there},
        regions={REGION: region},
        **fields,
    )


def opened(**fields: Any) -> Launch:
    """A launch of converge's that is open."""
    defaults: dict[str, Any] = {
        "kind": Kind.FLEET,
        "owner": CONVERGE,
        "market": Market.SPOT,
        "spec_hash": SPEC,
        "opened_at": START + timedelta(hours=1),
        "deadline": START + timedelta(hours=1, minutes=5),
    }
    return a_launch(**{"launch_id": LAUNCH, **defaults, **fields})
