"""The command line: what it costs to be asked for help, and to list a thousand nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from enc.inventory import Inventory, connect
from tests.bench.clock import PASS, medians
from tests.bench.table import Row
from tests.builders import event, node
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer

ROUNDS = 15
HELP_BOUND, LS_BOUND = 12, 50
NODES = 1000
HEAVY = ("redis", "pydantic", "boto3", "requests")
CLI = (sys.executable, "-m", "provisioner.cli")


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder)).start()
        try:
            _fill(Inventory.on(connect(server.url, timeout=5)))
            env = {**os.environ, "REDIS_URL": server.url}
            commands = {"pass": PASS, "help": (*CLI, "--help"), "ls": (*CLI, "ls")}
            spent = medians(commands, env, ROUNDS)
        finally:
            server.stop()
    return [
        _row("--help", spent, "help", HELP_BOUND),
        _imports(),
        _row("ls", spent, "ls", LS_BOUND),
    ]


def _fill(inventory: Inventory) -> None:
    begin(inventory)
    inventory.nodes.create_many(
        (node(f"i-{n:017x}", launched_at=START + timedelta(seconds=n)), event())
        for n in range(NODES)
    )


def _row(what: str, spent: dict[str, float], name: str, bound: int) -> Row:
    ratio = spent[name] / spent["pass"]
    through = f" through a pipe, {NODES} nodes" if name == "ls" else ""
    return Row(
        what=f"provisioner {what}{through}: CPU / `python3 -c pass`",
        measured=f"{ratio:.1f} ({spent[name] * 1000:.0f} ms / {spent['pass'] * 1000:.0f} ms)",
        bound=f"<= {bound}",
        ok=ratio <= bound,
    )


def _imports() -> Row:
    command = [sys.executable, "-X", "importtime", "-m", "provisioner.cli", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}
    found = sorted(names & set(HEAVY))
    return Row(
        what=f"provisioner --help imports none of {', '.join(HEAVY)}",
        measured=", ".join(found) or "none",
        bound="none",
        ok=not found,
    )
