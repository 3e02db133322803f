"""Fleets of any size that are whole: as the inventory has them, and as the EC2 in memory does."""

from __future__ import annotations

from datetime import timedelta

from enc.domain.model import Kind, Market, Node, Role, State
from enc.inventory import Inventory, connect
from tests.builders import event, node
from tests.conftest import begin
from tests.fakes.clock import START, FakeClock
from tests.fakes.cloud import SUBNETS, FakeCloud
from tests.fakes.machines import Machine
from tests.servers import RedisServer
from tests.workbench import SITE, Workbench, role

A_ROLE = 10_000
SPEC = "0123456789abcdef"


def bench_on(url: str) -> Workbench:
    clock = FakeClock()
    return Workbench(Inventory.on(connect(url, timeout=60)), clock, FakeCloud(clock))


def store(server: RedisServer, size: int) -> None:
    """An inventory of ready nodes, whose fleets are whole."""
    inventory = bench_on(server.url).inventory
    inventory.redis.flushall()
    begin(inventory)
    inventory.roles.apply([_role(name, count) for name, count in _roles(size)], event())
    for start in range(0, size, 1_000):
        some = range(start, min(start + 1_000, size))
        born = [(_node(number), event("launched")) for number in some]
        inventory.nodes.create_many(born)
    inventory.sweeps.note(["us-east-1"], timedelta(hours=1))
    inventory.redis.close()


def _roles(size: int) -> list[tuple[str, int]]:
    return [(_role_of(start), min(A_ROLE, size - start)) for start in range(0, size, A_ROLE)]


def _role_of(number: int) -> str:
    return f"web{number // A_ROLE}"


def _role(name: str, size: int) -> Role:
    return role(name, fleet={"size": size, "max_age": "7d"}, spec_hash=SPEC)


def _id(number: int) -> str:
    return f"i-{number + 1:017x}"


def _node(number: int) -> Node:
    return node(
        _id(number),
        role=_role_of(number),
        kind=Kind.FLEET,
        state=State.READY,
        launch="l-00000000000000aa",
        spec_hash=SPEC,
        private_ip=_address(number),
        ready_at=START,
        report_at=START,
        report_status="unchanged",
        image="ami-0123456789abcdef0",
    )


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def machine(number: int) -> Machine:
    return Machine(
        id=_id(number),
        region="us-east-1",
        subnet=SUBNETS["subnet-a"],
        instance_type="c5.large",
        market=Market.SPOT,
        born=START,
        image="ami-0123456789abcdef0",
        address=_address(number),
        public=False,
        tags={
            "rolecall:site": SITE,
            "rolecall:launch": "l-00000000000000aa",
            "rolecall:role": _role_of(number),
            "rolecall:kind": "fleet",
            "rolecall:spec": f":{SPEC}",
        },
    )
