"""Passes of converge against EC2 in memory and a real Redis: without a change, and filling.

A pass is measured in a process of its own, with the in-memory EC2 in it; its memory is the whole
process's.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from enc.inventory import Inventory, connect
from enc.model import Kind, Market, Node, Role, State
from provisioner.converge import Wish, converge
from tests.bench.table import Row
from tests.builders import event, node
from tests.conftest import begin
from tests.fakes.clock import START, FakeClock
from tests.fakes.cloud import SUBNETS, FakeCloud
from tests.fakes.machines import Machine
from tests.servers import RedisServer
from tests.workbench import SITE, Workbench, role

SIZES = (1_000, 10_000, 100_000)
SECONDS = {10_000: 3.0, 100_000: 30.0}
MEGABYTES = {10_000: 200, 100_000: 1_000}
EXPONENT = 1.1
FILL, FILL_CALLS = 1_000, 20
READS = frozenset({"account", "regions", "ground", "instances", "describe", "templates"})
A_ROLE = 10_000
SPEC = "0123456789abcdef"
_MEGA = 1 << 10  # ru_maxrss is in KiB


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder)).start()
        try:
            spent = {size: _measured(server, size) for size in SIZES}
            filling = _fill(server)
        finally:
            server.stop()
    return [*_rows(spent), _growth(spent), filling]


def _rows(spent: dict[int, dict[str, float]]) -> list[Row]:
    rows = []
    for size, most in SECONDS.items():
        seconds, mega = spent[size]["seconds"], spent[size]["megabytes"]
        rows += [
            Row(
                what=f"a pass over {size:,} nodes that changes nothing",
                measured=f"{seconds:.2f} s",
                bound=f"< {most:.0f} s",
                ok=seconds < most,
            ),
            Row(
                what=f"the same: memory, with {size:,} machines of the EC2 in memory",
                measured=f"{mega:.0f} MB",
                bound=f"< {MEGABYTES[size]} MB",
                ok=mega < MEGABYTES[size],
            ),
            Row(
                what="the same: EC2 calls besides the listing (of 1,000 a page)",
                measured=f"{spent[size]['calls']:.0f}",
                bound="= 0",
                ok=spent[size]["calls"] == 0,
            ),
        ]
    return rows


def _growth(spent: dict[int, dict[str, float]]) -> Row:
    few, many = min(SIZES), max(SIZES)
    ratio = spent[many]["seconds"] / spent[few]["seconds"]
    exponent = math.log(ratio) / math.log(many / few)
    return Row(
        what=f"growth from {few:,} to {many:,} nodes: exponent",
        measured=f"{exponent:.2f}",
        bound=f"<= {EXPONENT}",
        ok=exponent <= EXPONENT,
    )


def _fill(server: RedisServer) -> Row:
    bench = _bench(server.url)
    bench.inventory.redis.flushall()
    begin(bench.inventory)
    ours = role("web", fleet={"size": FILL, "max_unavailable": 1}, max=FILL, spec_hash=SPEC)
    bench.inventory.roles.apply([ours], event())
    for _ in range(3):
        converge(bench.context, Wish())
        bench.clock.step(61)
    if len(bench.cloud.alive) != FILL:
        raise RuntimeError("the fleet was not filled")
    calls = sum(action not in READS for action, _ in bench.cloud.calls)
    return Row(
        what=f"filling from 0 to {FILL:,}: EC2 calls besides describes",
        measured=str(calls),
        bound=f"<= {FILL_CALLS}",
        ok=calls <= FILL_CALLS,
    )


# One size -------------------------------------------------------------------------------------


def _measured(server: RedisServer, size: int) -> dict[str, float]:
    _store(server, size)
    words = [sys.executable, "-m", "tests.bench.converge", server.url, str(size)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _bench(url: str) -> Workbench:
    clock = FakeClock()
    return Workbench(Inventory.on(connect(url, timeout=60)), clock, FakeCloud(clock))


def _store(server: RedisServer, size: int) -> None:
    """An inventory of ready nodes, whose fleets are whole."""
    inventory = _bench(server.url).inventory
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


def _machine(number: int) -> Machine:
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


def one(url: str, size: int) -> dict[str, float]:
    """A first pass writes down the names that EC2 gives; the second changes nothing."""
    bench = _bench(url)
    for number in range(size):
        bench.cloud.machines.add(_machine(number))
    converge(bench.context, Wish())
    bench.cloud.calls.clear()
    bench.clock.step(61)
    began = time.perf_counter()
    came = converge(bench.context, Wish())
    seconds = time.perf_counter() - began
    if came.plan.actions or came.plan.notes:
        raise RuntimeError(f"the pass was to change nothing: {came.plan.actions[:3]}")
    calls = sum(action not in {"account", "instances"} for action, _ in bench.cloud.calls)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGA
    return {"seconds": seconds, "megabytes": peak, "calls": calls}


if __name__ == "__main__":
    print(json.dumps(one(sys.argv[1], int(sys.argv[2]))))
