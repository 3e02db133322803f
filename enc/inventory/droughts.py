"""Pools that lately had no capacity. They are tried last, never dropped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from redis import Redis
from redis.exceptions import ResponseError

from enc.inventory import keys
from enc.inventory.batch import answers
from enc.inventory.codec import iso, parse_iso
from enc.inventory.errors import CorruptError, StoreLostError, as_ours
from enc.inventory.scripts import Script

FIRST_SPAN = timedelta(seconds=90)
LONGEST_SPAN = timedelta(minutes=30)
# A drought that ended is remembered for as long again, so that a repeat grows the span.
_MEMORY = 2
_LEAST, _SPREAD = 0.8, 0.4
_SPANS = tuple(min(FIRST_SPAN * 2**step, LONGEST_SPAN) for step in range(6))


class Droughts:
    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis = redis
        self._script = Script(redis, "drought.lua", fence)

    def note(self, pools: Iterable[str], now: datetime, jitter: float = 0.5) -> None:
        """These pools (``market:type:zone``) had nothing: dry for a span from now on.

        ``market:*family:region`` is a quota, of a family of instance types. ``jitter`` in [0, 1)
        spreads the ends of droughts that began together.

        The span doubles when a pool is still or again dry after the span before, up to
        LONGEST_SPAN; another refusal within that span only makes it last from now on.
        """
        dry = [keys.drought(pool) for pool in pools]
        if not dry:
            return
        ladder = chain.from_iterable(
            (
                iso(now + span * (_LEAST + _SPREAD * jitter)),
                str(int(span.total_seconds()) * _MEMORY),
            )
            for span in _SPANS
        )
        match self._script.run(dry, iso(now), *ladder):
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")

    def dry(self, pools: Iterable[str], now: datetime) -> frozenset[str]:
        """Those of the pools that are in a drought now."""
        asked = list(pools)
        if not asked:
            return frozenset()
        commands = [("HGET", keys.drought(pool), "until") for pool in asked]
        found = answers(self._redis, commands, commands[0][1])
        return frozenset(p for p, until in zip(asked, found, strict=True) if _is_dry(p, until, now))


def _is_dry(pool: str, until: object, now: datetime) -> bool:
    key = keys.drought(pool)
    if isinstance(until, ResponseError):
        raise as_ours(until, key) from until
    try:
        return bool(until) and parse_iso(str(until)) > now
    except ValueError as error:
        raise CorruptError(key, f"has until = {str(until)[:80]!r}") from error
