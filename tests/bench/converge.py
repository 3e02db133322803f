"""Passes of converge against EC2 in memory and a real Redis: without a change, and filling.

What EC2 lists is read from pages as large as EC2's, as the adapter reads them.

Passes are measured in a process of its own, with the in-memory EC2 in it; its memory is the whole
process's. The best of some passes counts, and growth is that of CPU time, ours and Redis': what
other programs take of the machine is not ours.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from enc.inventory import connect
from provisioner.loop.converge import Wish, converge
from provisioner.ports.ec2 import Instance
from tests.bench.fleets import SPEC, bench_on, machine, store
from tests.bench.listing import Listing
from tests.bench.table import Row
from tests.bench.watched import Asked, Watched, longest
from tests.builders import event
from tests.conftest import begin
from tests.fakes.cloud import FakeCloud
from tests.servers import RedisServer
from tests.workbench import Workbench, role

SIZES = (1_000, 10_000, 100_000)
SECONDS = {10_000: 3.0, 100_000: 30.0}
MEGABYTES = {10_000: 250, 100_000: 1_000}
EXPONENT = 1.1
PASSES = 3
# Round trips: one for so many nodes, and some that do not grow.
NODES_A_TRIP, MORE_TRIPS = 500, 40
LONGEST_MS = 50
FILL, FILL_CALLS = 1_000, 20
READS = frozenset({"account", "regions", "ground", "instances", "describe", "templates"})
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
                what=f"a pass over {size:,} nodes that changes nothing, the best of {PASSES}",
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
            _cpu_row(spent[size]),
            *_ec2_rows(size, spent[size]),
            *_redis_rows(size, spent[size]),
        ]
    return rows


def _cpu_row(spent: dict[str, float]) -> Row:
    """For whoever compares runs: no promise."""
    ours, redis = spent["cpu"], spent["redis"]
    return Row(
        what="the same: CPU time, the provisioner's and Redis'",
        measured=f"{ours:.2f} + {redis:.2f} s",
        bound="-",
        ok=True,
    )


def _ec2_rows(size: int, spent: dict[str, float]) -> list[Row]:
    most = size // 1_000
    return [
        Row(
            what="the same: describes",
            measured=f"{spent['describes']:.0f}",
            bound=f"<= {most}",
            ok=spent["describes"] <= most,
        ),
        Row(
            what="the same: EC2 calls besides",
            measured=f"{spent['calls']:.0f}",
            bound="= 0",
            ok=spent["calls"] == 0,
        ),
    ]


def _redis_rows(size: int, spent: dict[str, float]) -> list[Row]:
    most = size // NODES_A_TRIP + MORE_TRIPS
    return [
        Row(
            what="the same: round trips to Redis",
            measured=f"{spent['trips']:.0f}",
            bound=f"<= {most}",
            ok=spent["trips"] <= most,
        ),
        Row(
            what="the same: Redis' longest command",
            measured=f"{spent['longest']:.1f} ms",
            bound=f"< {LONGEST_MS} ms",
            ok=spent["longest"] < LONGEST_MS,
        ),
        Row(
            what="the same: kinds of commands that go over all keys",
            measured=f"{spent['over_all_keys']:.0f}",
            bound="= 0",
            ok=spent["over_all_keys"] == 0,
        ),
    ]


def _growth(spent: dict[int, dict[str, float]]) -> Row:
    few, many = min(SIZES), max(SIZES)
    cost = {size: spent[size]["cpu"] + spent[size]["redis"] for size in (few, many)}
    exponent = math.log(cost[many] / cost[few]) / math.log(many / few)
    return Row(
        what=f"growth of the CPU time from {few:,} to {many:,} nodes: exponent",
        measured=f"{exponent:.2f}",
        bound=f"<= {EXPONENT}",
        ok=exponent <= EXPONENT,
    )


def _fill(server: RedisServer) -> Row:
    bench = bench_on(server.url)
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
    store(server, size)
    words = [sys.executable, "-m", "tests.bench.converge", server.url, str(size)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class Spent:
    seconds: float
    cpu: float
    asked: Asked


class ListedCloud(FakeCloud):
    """EC2 in memory, whose listing comes in pages."""

    listing: Listing

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        super().instances(region, site, tags)
        return self.listing.instances()


def one(url: str, size: int, folder: Path) -> dict[str, float]:
    """A first pass writes down the names that EC2 gives; the next ones change nothing."""
    bench = bench_on(url)
    watched = Watched(bench.inventory.redis, connect(url, timeout=60))
    bench.cloud = cloud = ListedCloud(bench.clock)
    cloud.listing = Listing(folder, [machine(number) for number in range(size)])
    for each in cloud.listing.machines:
        cloud.machines.add(each)
    converge(bench.context, Wish())
    cloud.calls.clear()
    cloud.listing.region.calls = 0
    passes = [_idle(bench, watched) for _ in range(PASSES)]
    asked = [each.asked for each in passes]
    return {
        "seconds": min(each.seconds for each in passes),
        "cpu": min(each.cpu for each in passes),
        "redis": min(each.cpu for each in asked),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGA,
        "describes": cloud.listing.region.calls / PASSES,
        "calls": sum(action not in {"account", "instances"} for action, _ in cloud.calls),
        "trips": max(each.trips for each in asked),
        "longest": longest(asked),
        "over_all_keys": max(each.over_all_keys for each in asked),
    }


def _idle(bench: Workbench, watched: Watched) -> Spent:
    """A pass that changes nothing."""
    bench.clock.step(61)
    watched.begin()
    began, cpu = time.perf_counter(), time.process_time()
    came = converge(bench.context, Wish())
    spent = Spent(time.perf_counter() - began, time.process_time() - cpu, watched.found())
    if came.plan.actions or came.plan.notes:
        raise RuntimeError(f"the pass was to change nothing: {came.plan.actions[:3]}")
    return spent


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as pages:
        print(json.dumps(one(sys.argv[1], int(sys.argv[2]), Path(pages))))
