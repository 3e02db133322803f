"""Pools that lately had no capacity. They are tried last, never dropped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import iso, parse_iso
from enc.inventory.errors import translated

FIRST_SPAN = timedelta(seconds=90)
LONGEST_SPAN = timedelta(minutes=30)
# A drought that ended is remembered for as long again, so that a repeat grows the span.
_MEMORY = 2


class Droughts:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def note(self, pools: Iterable[str], now: datetime) -> None:
        """These pools (``market:type:zone``) had nothing: dry for a span that doubles."""
        for pool in pools:
            key = keys.drought(pool)
            with translated(key):
                times = int(str(self._redis.hincrby(key, "times", 1)))
                span = min(FIRST_SPAN * 2 ** min(times - 1, 10), LONGEST_SPAN)
                self._redis.hset(key, "until", iso(now + span))
                self._redis.expire(key, span * _MEMORY)

    def dry(self, pools: Iterable[str], now: datetime) -> frozenset[str]:
        """Those of the pools that are in a drought now."""
        asked = list(pools)
        if not asked:
            return frozenset()
        with translated("drought:*"), self._redis.pipeline(transaction=False) as pipe:
            for pool in asked:
                pipe.hget(keys.drought(pool), "until")
            answers: list[Any] = pipe.execute()
        return frozenset(
            pool
            for pool, until in zip(asked, answers, strict=True)
            if until and parse_iso(until) > now
        )
