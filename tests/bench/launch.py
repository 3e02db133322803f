"""`provisioner launch -n 500` against EC2 in memory and a real Redis."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from enc.inventory import Inventory, connect
from provisioner.launching.follow import follow_to_running
from provisioner.launching.launch import launch
from tests.bench.table import Row
from tests.conftest import begin
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.servers import RedisServer
from tests.workbench import Workbench

MACHINES = 500
ROUNDS = 5
PENDING_S = 5.0
READS = frozenset({"account", "regions", "ground", "instances", "describe", "templates"})
CALLS_BOUND, CPU_BOUND, WAIT_BOUND = 12, 5.0, 1.0


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder)).start()
        try:
            rounds = [_round(server) for _ in range(ROUNDS)]
        finally:
            server.stop()
    calls, reads, cpu, waited = (median(column) for column in zip(*rounds, strict=True))
    what = f"launch -n {MACHINES}"
    return [
        Row(
            what=f"{what}: EC2 calls (besides {reads:.0f} describes)",
            measured=f"{calls:.0f}",
            bound=f"<= {CALLS_BOUND}",
            ok=calls <= CALLS_BOUND,
        ),
        Row(
            what=f"{what}: its own CPU",
            measured=f"{cpu:.2f} s",
            bound=f"< {CPU_BOUND:.0f} s",
            ok=cpu < CPU_BOUND,
        ),
        Row(
            what=f"{what}: waiting that is ours (EC2 takes {PENDING_S:.0f} s to running)",
            measured=f"{waited:.2f} s",
            bound=f"< {WAIT_BOUND:.0f} s",
            ok=waited < WAIT_BOUND,
        ),
    ]


def _round(server: RedisServer) -> tuple[float, float, float, float]:
    """EC2 calls that are no reads, reads, CPU seconds, seconds waited beyond EC2's own."""
    redis = connect(server.url, timeout=5)
    redis.flushall()
    inventory, clock = Inventory.on(redis), FakeClock()
    begin(inventory)
    bench = Workbench(inventory, clock, FakeCloud(clock))
    bench.cloud.manners.pending_s = PENDING_S
    bench.apply("web", max=MACHINES)
    order = bench.order(MACHINES)
    began = time.process_time()
    nodes = launch(bench.context, order).nodes
    found = follow_to_running(bench.context, nodes, ready_when_running=False)
    spent = time.process_time() - began
    if len(found) != MACHINES or any(node.state != "running" for node in found):
        raise RuntimeError("the launch that was measured did not succeed")
    reads = sum(action in READS for action, _ in bench.cloud.calls)
    redis.close()
    return len(bench.cloud.calls) - reads, reads, spent, sum(clock.slept) - PENDING_S
