"""The site's limits, as they were last applied: ``limits`` in ``meta``."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

from redis import Redis

from enc.domain.limits import Limits
from enc.inventory import keys
from enc.inventory.batch import check_begun
from enc.inventory.codec import parsed
from enc.inventory.errors import CorruptError, translated
from enc.inventory.events import Event
from enc.inventory.writes import Writes, hset


class SiteLimits:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._writes = Writes(redis)

    def get(self) -> Limits:
        """Raises CorruptError where they cannot be read: then nobody knows what may be launched."""
        text = self._text()
        if not text:
            check_begun(self._redis)
        return _from_text(text) if text else Limits()

    def put(self, limits: Limits, event: Event) -> bool:
        """False where they are so already."""
        after = _to_text(limits)
        if self._text() == after:
            return False
        told = replace(event, what="limits applied", why=after or "none")
        self._writes.write([hset(keys.META, {"limits": after})], [told])
        return True

    def _text(self) -> str:
        with translated(keys.META):
            return str(self._redis.hget(keys.META, "limits") or "")


def _to_text(limits: Limits) -> str:
    """JSON of those that there are; "" for none."""
    said = {name: most for name, most in asdict(limits).items() if most is not None}
    return json.dumps(said, sort_keys=True) if said else ""


def _from_text(text: str) -> Limits:
    said = parsed(keys.META, text)
    known = {field.name for field in fields(Limits)}
    good = isinstance(said, dict) and said.keys() <= known
    if not good or any(type(most) is not int for most in said.values()):
        raise CorruptError(keys.META, f"has bad limits: {text[:80]}")
    return Limits(**said)
