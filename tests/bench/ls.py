"""Lists of a large inventory: a few of many nodes, and the record of all that ever ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from redis import Redis

from enc.domain.model import Kind, Market, Node, State
from enc.inventory import Inventory, connect, keys
from enc.inventory.codec import iso, node_to_hash, score
from tests.bench.clock import cpu_seconds
from tests.bench.table import Row
from tests.builders import event, node, role
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer

NODES, FOUND, ROUNDS = 100_000, 20, 7
ENDED = int(os.environ.get("BENCH_ENDED", "100000"))
CLI = (sys.executable, "-m", "provisioner.cli")
FILTERS = {
    "--role": ("--role", "rare"),
    "--role, --state and --market": ("--role", "rare", "--state", "ready", "--market", "spot"),
    "-q, by certname": ("-q", "i-0fffffffffff"),
    "-q, by address": ("-q", "10.99."),
}
_CHUNK, _NOW = 5000, datetime.now(UTC)
_MEASURED = (
    "import sys; from provisioner.cli.main import run; code = run(sys.argv[1:]); "
    "sys.stderr.write(open('/proc/self/status').read()); sys.exit(code)"
)
LS_BOUND_S, MEMORY_BOUND = 1.0, 1.25


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder)).start()
        try:
            redis = connect(server.url, timeout=60)
            _fill(Inventory.on(redis))
            env = {**os.environ, "REDIS_URL": server.url}
            return [*_ls(redis, env), *_history(redis, env)]
        finally:
            server.stop()


def _ls(redis: Redis, env: dict[str, str]) -> list[Row]:
    return [_listed(redis, what, (*CLI, "ls", *words), env) for what, words in FILTERS.items()]


def _listed(redis: Redis, what: str, command: tuple[str, ...], env: dict[str, str]) -> Row:
    """One waits for the other, so what both compute is what it takes where nobody else does."""
    spent, lasted = [], []
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    if len(said.splitlines()) != FOUND + 1:
        raise RuntimeError(f"{command} found {said[:200]}")
    for _ in range(ROUNDS):
        began, served = time.perf_counter(), _served(redis)
        ours = cpu_seconds(command, env)
        spent.append(ours + _served(redis) - served)
        lasted.append(time.perf_counter() - began)
    return Row(
        what=f"provisioner ls {what}, {FOUND} of {NODES} nodes: CPU of it and Redis",
        measured=f"{median(spent):.2f} s (lasted {median(lasted):.2f} s, best {min(lasted):.2f} s)",
        bound=f"<= {LS_BOUND_S:.0f} s",
        ok=median(spent) <= LS_BOUND_S,
    )


def _served(redis: Redis) -> float:
    """CPU seconds of Redis so far."""
    found: Any = redis.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


def _history(redis: Redis, env: dict[str, str]) -> list[Row]:
    """Memory with all of them ended beside that with a tenth."""
    commands = {
        "--summary": ("history", "--summary", "--since", "400d"),
        "--format csv": ("history", "--since", "400d", "--format", "csv"),
    }
    _end(redis, 0, ENDED // 10)
    few = {name: _memory(words, env) for name, words in commands.items()}
    _end(redis, ENDED // 10, ENDED)
    rows = []
    for name, words in commands.items():
        served = _served(redis)
        many, spent = _memory(words, env), cpu_seconds((*CLI, *words), env)
        rows.append(_row(name, few[name], many, spent, (_served(redis) - served) / 2))
    return rows


def _row(name: str, few: int, many: int, spent: float, served: float) -> Row:
    return Row(
        what=f"provisioner history {name}: memory with {ENDED} ended / with {ENDED // 10}",
        measured=f"{many / few:.2f} ({many >> 10} MiB / {few >> 10} MiB; CPU {spent:.1f} s, "
        f"of Redis {served:.1f} s)",
        bound=f"<= {MEMORY_BOUND}",
        ok=many / few <= MEMORY_BOUND,
    )


def _memory(words: tuple[str, ...], env: dict[str, str]) -> int:
    """The most memory in KiB, by its own word: what wait4() tells counts ours before the exec."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *words],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stderr.rpartition("VmHWM:")[2].split()[0])


def _fill(inventory: Inventory) -> None:
    begin(inventory)
    inventory.roles.apply([role("web"), role("rare")], event("roles applied"))
    inventory.nodes.create_many((one, event()) for one in _nodes())


def _nodes() -> Iterator[Node]:
    """The rare ones are spread over all ages."""
    for n in range(NODES):
        rare = n % (NODES // FOUND) == 0
        name = f"i-0fffffffffff{n // (NODES // FOUND):05x}" if rare else f"i-{n:017x}"
        yield node(
            name,
            role="rare" if rare else "web",
            kind=Kind.FLEET,
            state=State.READY,
            market=Market.SPOT if rare or n % 2 else Market.ON_DEMAND,
            launched_at=START + timedelta(seconds=n),
            private_ip=f"10.{99 if rare else n >> 16}.{n >> 8 & 255}.{n & 255}",
            private_dns=f"ip-{n}.ec2.internal",
        )


def _end(redis: Redis, first: int, last: int) -> None:
    """As node.lua leaves what has ended, and the life of each left out."""
    for begin_at in range(first, last, _CHUNK):
        pipe = redis.pipeline(transaction=False)
        for n in range(begin_at, min(begin_at + _CHUNK, last)):
            one = _ended(n)
            at = one.launched_at + timedelta(days=1)
            more = {"state": "archived", "ended_at": iso(at), "reason": "it is 1d old (max_age 1d)"}
            pipe.hset(keys.archive(one.certname), mapping={**node_to_hash(one), **more})
            pipe.zadd(keys.ARCHIVED, {one.certname: score(at)})
        pipe.execute()


def _ended(n: int) -> Node:
    born = _NOW - timedelta(days=300) + timedelta(seconds=n)
    made = node(f"i-1{n:016x}", kind=Kind.FLEET, launched_at=born, state_since=born)
    return replace(made, ready_at=born + timedelta(seconds=60 + n * 7919 % 400))
