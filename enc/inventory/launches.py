"""Launches: what was asked of EC2, by whom, and how each attempt went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import attempt_to_text, iso, launch_from_hash, launch_to_hash, score
from enc.inventory.connect import transact
from enc.inventory.errors import ConflictError, StoreLostError, translated
from enc.inventory.events import Event, append
from enc.model import Attempt, Launch, LaunchState


class Launches:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def get(self, launch_id: str) -> Launch | None:
        key = keys.launch(launch_id)
        with translated(key):
            found: Any = self._redis.hgetall(key)
        return launch_from_hash(launch_id, found) if found else None

    def latest(self, count: int) -> list[Launch]:
        """The last ones opened, newest first."""
        with translated(keys.LAUNCHES):
            names: Any = self._redis.zrange(keys.LAUNCHES, 0, count - 1, desc=True)
        found = [self.get(name) for name in names]
        return [launch for launch in found if launch is not None]

    def open(self, launch: Launch, event: Event) -> None:
        """Write the intent, before EC2 hears of it."""

        def act(pipe: Any) -> None:
            pipe.hset(keys.launch(launch.id), mapping=launch_to_hash(launch))
            pipe.zadd(keys.LAUNCHES, {launch.id: score(launch.opened_at)})
            append(pipe, replace(event, launch=launch.id, role=launch.role))

        self._write(launch.id, act, must_exist=False)

    def beat(self, launch_id: str, at: datetime) -> None:
        """The owner is alive."""
        key = keys.launch(launch_id)
        self._write(launch_id, lambda pipe: pipe.hset(key, "heartbeat", iso(at)))

    def record_attempt(self, launch_id: str, attempt: Attempt, event: Event) -> None:
        def act(pipe: Any) -> None:
            field = f"attempt:{attempt.number}"
            pipe.hset(keys.launch(launch_id), field, attempt_to_text(attempt))
            append(pipe, replace(event, launch=launch_id))

        self._write(launch_id, act)

    def close(self, launch_id: str, state: LaunchState, event: Event) -> None:
        """It asks for nothing more; its template is gone or about to be."""
        fields = {"state": state.value, "why": event.why}

        def act(pipe: Any) -> None:
            pipe.hset(keys.launch(launch_id), mapping=fields)
            append(pipe, replace(event, launch=launch_id))

        self._write(launch_id, act)

    def _write(
        self, launch_id: str, act: Callable[[Any], object], *, must_exist: bool = True
    ) -> None:
        key = keys.launch(launch_id)

        def guarded(pipe: Any) -> None:
            if not pipe.exists(keys.META):
                raise StoreLostError
            if must_exist and not pipe.exists(key):
                raise ConflictError(f"launch {launch_id} is no longer in the store")
            pipe.multi()
            act(pipe)

        with translated(key):
            transact(self._redis, guarded, keys.META, key)
