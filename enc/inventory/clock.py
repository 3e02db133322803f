"""Redis' clock: the one that all who write to the store share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redis import Redis

from enc.inventory.errors import translated


def redis_now(redis: Redis) -> datetime:
    """UTC. Raises StoreUnavailableError."""
    with translated():
        seconds, microseconds = _pair(redis.time())
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


def _pair(answer: Any) -> tuple[int, int]:
    seconds, microseconds = answer
    return int(seconds), int(microseconds)
