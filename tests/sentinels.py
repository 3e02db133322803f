"""Real servers that fail over: a primary, replicas, and Sentinels that watch them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests import redis_binaries
from tests.servers import RedisServer, free_port, stop, wait_until

NAME = "mymaster"
# Milliseconds after which a silent primary counts as down.
DOWN_AFTER = 500
QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


@dataclass
class Sentinel:
    """One that asks a quorum of two before it fails over."""

    folder: Path
    primary: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Sentinel:
        self.folder.mkdir(parents=True, exist_ok=True)
        (conf := self.folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.primary} 2\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\n"
            f"sentinel failover-timeout {NAME} 3000\n"
        )
        with (self.folder / "sentinel.log").open("ab") as log:
            self.process = subprocess.Popen(
                [redis_binaries.default().path, str(conf), "--sentinel"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        wait_until("Sentinel", lambda: bool(self.says("PING")))
        return self

    def says(self, *words: str) -> Any:
        """None for an error, and for silence."""
        with Redis(port=self.port, decode_responses=True, protocol=2, socket_timeout=2) as client:
            try:
                return client.execute_command(*words)
            except RedisError:
                return None

    def primary_of(self) -> int:
        found = self.says("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return int(found[1]) if found else 0

    def state(self) -> dict[str, str]:
        flat = self.says("SENTINEL", "MASTER", NAME) or []
        if isinstance(flat, dict):
            return flat
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            stop(self.process)


@dataclass
class Watched:
    """Two servers and three Sentinels. ``servers`` by port; the first is the primary at first."""

    servers: dict[int, RedisServer]
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}/0"

    def primary(self) -> RedisServer:
        return self.servers[self.sentinels[0].primary_of()]

    def wait_for_another_than(self, old: RedisServer) -> RedisServer:
        wait_until("a failover", lambda: all(self._moved(one, old) for one in self.sentinels))
        return self.primary()

    def _moved(self, one: Sentinel, old: RedisServer) -> bool:
        return one.primary_of() not in (0, old.port)


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    first = RedisServer(folder / "a", options=QUICK).start()
    second = RedisServer(folder / "b", options=QUICK).start()
    servers = [first, second]
    with second.client() as client:
        client.replicaof("127.0.0.1", str(first.port))
    sentinels = [Sentinel(folder / f"s{number}", first.port) for number in range(3)]
    try:
        for one in sentinels:
            one.start()
        wait_until("all know each other", lambda: all(map(_knows_all, sentinels)))
        yield Watched({one.port: one for one in servers}, sentinels)
    finally:
        for each in (*sentinels, *servers):
            each.end()


def _knows_all(one: Sentinel) -> bool:
    state = one.state()
    return (state.get("num-slaves"), state.get("num-other-sentinels")) == ("1", "2")
