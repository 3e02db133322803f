"""What the service costs: a look-up beside a bare Flask route, under the same gunicorn settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from enc.inventory import Inventory, connect
from tests.bench import load
from tests.bench.table import Row
from tests.builders import event, node, role
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer, Service, stop, wait_until

LEAST_RATE = 0.6
MOST_P99 = 3.0
NODES = 1000
CLASSES = {f"role::web::part{n}": {"workers": n, "name": f"part {n}"} for n in range(10)}
ROUNDS = 9
SECONDS = 1.5
WARM_UP = 3.0
_COUNTED = 50


@dataclass(frozen=True)
class _Sides:
    """Sockets: of the service, and of the bare route."""

    ours: str
    bare: str
    paths: list[str]


def measure() -> list[Row]:
    with TemporaryDirectory(prefix="rolecall-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.stop)
        names = _filled(redis.url)
        ours = stack.enter_context(_service(folder / "ours", redis.url, "enc.wsgi:app"))
        bare = stack.enter_context(_service(folder / "bare", redis.url, "tests.bench.bare:app"))
        sides = _Sides(ours, bare, [f"/v1/enc/{name}" for name in names])
        return [*_speed(sides), _round_trips(sides, redis)]


def _filled(url: str) -> list[str]:
    """The certnames of nodes that have lived a while, and have most of their fields."""
    redis = connect(url, timeout=10)
    inventory = Inventory.on(redis)
    begin(inventory)
    definition = {"classes": CLASSES, "parameters": {"tier": "front"}, "environment": "production"}
    inventory.roles.apply([role(definition=definition)], event())
    names = [f"i-{n:017x}" for n in range(NODES)]
    hour = START + timedelta(hours=1)
    lived = {"launch": "l-1", "ready_at": hour, "report_at": hour, "report_status": "unchanged"}
    made = {"image": "ami-0123456789abcdef0", "spec_hash": "0" * 40}
    inventory.nodes.create_many(
        (node(name, private_ip=f"10.0.{n // 250}.{n % 250}", **lived, **made), event())
        for n, name in enumerate(names)
    )
    redis.close()
    return names


@contextmanager
def _service(folder: Path, redis_url: str, app: str) -> Iterator[str]:
    """The path of a unix socket on which gunicorn serves ``app`` as it serves the service."""
    folder.mkdir()
    served = Service(folder, redis_url, bind=f"unix:{folder}/socket")
    with served.log.open("ab") as log:
        served.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:enc.gunicorn_conf", app],
            env={"PATH": os.environ["PATH"], "REDIS_URL": redis_url, "ENC_BIND": served.bind},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        wait_until(app, served._listens, alive=served._alive)
        yield f"{folder}/socket"
    finally:
        stop(served.process)


def _speed(sides: _Sides) -> list[Row]:
    """Both sides in turn, so that whatever else the machine does falls on both alike."""
    load.run(sides.bare, ["/constant"], WARM_UP)
    load.run(sides.ours, sides.paths, WARM_UP)
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(load.run(sides.bare, ["/constant"], SECONDS))
        ours.append(load.run(sides.ours, sides.paths, SECONDS))
    pairs = list(zip(ours, bare, strict=True))
    rate = median(our.rate / their.rate for our, their in pairs)
    p99 = median(our.p99 / their.p99 for our, their in pairs)
    a_second = f"{median(m.rate for m in ours):.0f}/s : {median(m.rate for m in bare):.0f}/s"
    slowest = f"{median(m.p99 for m in ours):.1f} ms : {median(m.p99 for m in bare):.1f} ms"
    return [
        Row(
            "service: look-ups, of a bare Flask route's requests",
            f"{rate:.2f} x ({a_second})",
            f">= {LEAST_RATE} x",
            rate >= LEAST_RATE,
        ),
        Row(
            "service: p99 of a look-up, of a bare Flask route's",
            f"{p99:.2f} x ({slowest})",
            f"<= {MOST_P99:.0f} x",
            p99 <= MOST_P99,
        ),
    ]


def _round_trips(sides: _Sides, redis: RedisServer) -> Row:
    """What Redis was asked meanwhile, as it says itself; what scripts call inside is no trip."""
    client = redis.client()
    with client.monitor() as monitor:
        asked = load.ask_each(sides.ours, sides.paths[:_COUNTED])
        client.set("the end", "")
        trips = 0
        for said in monitor.listen():
            if said["command"].startswith("SET the end"):
                break
            trips += said["client_type"] != "lua"
    client.close()
    return Row(
        "service: Redis round trips of a look-up",
        f"{trips / asked:.2f}",
        "1",
        trips == asked,
    )
