"""The command line as its users meet it: `provisioner` as a process, before a simulated region.

An operator has an AWS region, a Redis database and a site of their own, so that many work at once
and nobody sees the others' machines, faults or capacity.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis import Redis

from enc.domain.limits import Limits
from enc.domain.model import Role
from enc.inventory import Event, Inventory
from enc.inventory.codec import iso
from provisioner.rolesfile.loading import load
from tests.conftest import begin
from tests.region.handle import Region, World
from tests.region_ring.terminal import Terminal
from tests.servers import wait_until
from tests.warm import Started, warm

CLI = (sys.executable, "-m", "provisioner.cli")
# What a command may take on a machine that is busy with others.
PATIENCE_S = 90.0
ACCOUNT = "123456789012"
CEILING = 10_000  # of machines: more than any test launches
_LAUNCH = re.compile(r"l-[0-9a-f]{16}")


@dataclass(frozen=True)
class Done:
    """How a command ended; ``code`` is below 0 for one that a signal has killed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> list[str]:
        """The lines of its last words."""
        at = self.err.rfind("provisioner: ")
        return self.err[at:].splitlines() if at >= 0 else []

    @property
    def launch(self) -> str:
        """The id that it named."""
        found = _LAUNCH.search(self.err)
        assert found, self
        return found[0]


@dataclass
class Running:
    """A command that has not ended yet."""

    process: Started

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: int) -> None:
        self.process.signal(number)

    def end(self) -> Done:
        return Done(*self.process.end(PATIENCE_S))


@dataclass
class Operator:
    """Somebody with a shell."""

    region: Region
    world: World
    redis: Redis
    env: dict[str, str]
    folder: Path

    @property
    def place(self) -> str:
        return self.world.region

    @property
    def inventory(self) -> Inventory:
        return Inventory.on(self.redis)

    def run(self, *words: str, **env: str) -> Done:
        """To its end. ``env`` has more variables; an empty one is taken away."""
        return self.start(*words, **env).end()

    def start(self, *words: str, **env: str) -> Running:
        module = CLI[-1]
        return Running(warm().start(module, *words, env=self._with(env), cwd=self.folder))

    def shell(self, line: str) -> Done:
        """A line for sh, in which $P stands for the command."""
        env = {**self.env, "P": " ".join(CLI)}
        done = subprocess.run(
            ["bash", "-c", line],
            check=False,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=self.folder,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def terminal(self, *words: str, columns: int = 200, **env: str) -> Iterator[Terminal]:
        """The command on a terminal of its own, stdout and stderr together."""
        screen = {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "50"}
        terminal = Terminal.open([*CLI, *words], {**self._with(env), **screen}, self.folder)
        try:
            yield terminal
        finally:
            terminal.close()

    def _with(self, env: Mapping[str, str]) -> dict[str, str]:
        return {name: text for name, text in {**self.env, **env}.items() if text}

    # -- what there is

    def begin(self) -> Operator:
        begin(self.inventory, at=datetime.now(UTC), site=self.place)
        self.redis.hset("meta", "account", ACCOUNT)
        return self

    def apply(self, text: str | None = None) -> Operator:
        """Store roles without the command, which costs a quarter of a second."""
        read = load(text or roles_yaml(self.world), source="roles.yaml", read_file=open_nothing)
        roles = [
            Role(name=name, definition=spec.definition(), spec_hash=spec.spec_hash)
            for name, spec in read.roles.items()
        ]
        at = datetime.now(UTC)
        applied = Event(what="roles applied", who="test", at=at)
        self.inventory.roles.apply(roles, applied)
        self.inventory.limits.put(read.limits or Limits(machines=CEILING), applied)
        return self

    def file(self, text: str | bytes, name: str = "roles.yaml") -> str:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    def stored(self) -> dict[str, Any]:
        """Everything in Redis, as it is."""
        raw = Redis.from_url(self.env["REDIS_URL"])
        try:
            return {key.decode(): raw.dump(key) for key in raw.scan_iter()}
        finally:
            raw.close()

    def nodes(self) -> list[str]:
        """Certnames in the inventory, sorted."""
        names: Any = self.redis.zrange("nodes", 0, -1)
        return sorted(names)

    def machines(self, *states: str) -> list[str]:
        """EC2's truth about this region: ids in these states; without any, those alive; sorted."""
        wanted = states or ("pending", "running", "stopping", "stopped")
        found = self.region.instances(*wanted)
        return sorted(one["id"] for one in found if one["region"] == self.place)

    def templates(self) -> list[str]:
        return [one["name"] for one in self.region.templates() if one["region"] == self.place]

    def calls(self, action: str | None = None) -> list[str]:
        """Actions that have come to this region."""
        found = self.region.calls(action)
        return [one["action"] for one in found if one["region"] == self.place]

    # -- what happens to it

    def fault(self, action: str, code: str | None = None, **more: Any) -> None:
        self.region.fault(action, code, region=self.place, **more)

    def spot(self, count: int | None) -> None:
        self.region.capacity(f"spot:*:{self.place}*", count)

    def on_demand(self, count: int | None) -> None:
        self.region.capacity(f"on-demand:*:{self.place}*", count)

    def wait_for_call(self, action: str) -> None:
        wait_until(f"{action} in {self.place}", lambda: bool(self.calls(action)))

    def silence(self, launch: str, seconds: float = 60) -> None:
        """As if its command had not been heard of for so long."""
        then = datetime.now(UTC) - timedelta(seconds=seconds)
        self.redis.hset(f"launch:{launch}", "heartbeat", iso(then))


def open_nothing(path: str) -> str:
    raise FileNotFoundError(path)


def roles_yaml(world: World, *, fleet: Mapping[str, Any] | None = None, **web: Any) -> str:
    """The role web falls back, batch does not, solid is on-demand, plain launches nothing.

    ``fleet`` and ``web`` replace keys of the role web and of its launch section.
    """
    launch = {
        "region": world.region,
        "subnets": world.one_per_zone,
        "security_groups": [world.security_group],
        "image": world.image,
        "key_name": world.key_name,
        "instance_types": ["c5.large", "c5a.large"],
        "spot_deadline": "1s",
        "max": 5,
        "puppet_server": {"host": "puppet", "address": "10.20.0.10"},
        "puppet": {"install": "none"},
    }
    roles = {
        "web": {"fleet": {"drain": "1s", **(fleet or {})}, "launch": {**launch, **web}},
        "batch": {"launch": {**launch, "fallback": "none"}},
        "solid": {"launch": {**launch, "market": "on-demand", "spot_deadline": "2s"}},
        "plain": {"classes": ["role::plain"]},
    }
    return json.dumps({"defaults": {"environment": "production"}, "roles": roles})
