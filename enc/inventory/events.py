"""The audit log: who did what to which node, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import iso, parsed
from enc.inventory.errors import translated

MAX_LENGTH = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. ``who`` is ``user@host`` or the program; never holds a secret."""

    what: str
    who: str
    at: datetime
    why: str = ""
    node: str = ""
    role: str = ""
    launch: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def to_fields(self) -> dict[str, str]:
        texts = {
            "at": iso(self.at),
            "who": self.who,
            "what": self.what,
            "node": self.node,
            "role": self.role,
            "launch": self.launch,
            "why": self.why,
            **self.more,
        }
        return {name: text for name, text in texts.items() if text}


class Events:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def after(self, last: str = "-", count: int = 100) -> list[tuple[str, dict[str, str]]]:
        """Up to ``count`` (stream id, fields), oldest first, later than the id ``last``."""
        start = last if last == "-" else f"({last}"
        with translated(keys.EVENTS):
            found: Any = self._redis.xrange(keys.EVENTS, min=start, count=count)
        return [(entry, dict(fields)) for entry, fields in found]

    def life(self, certname: str) -> list[dict[str, str]]:
        """What happened to one node, oldest first: its last 200 events."""
        key = keys.life(certname)
        with translated(key):
            found: Any = self._redis.lrange(key, 0, -1)
        return [parsed(key, text) for text in found]


def append(pipe: Redis, event: Event) -> None:
    """Queue an event that is about no node (those go with the node's change)."""
    fields: Any = event.to_fields()
    pipe.xadd(keys.EVENTS, fields, maxlen=MAX_LENGTH, approximate=True)


def flat(event: Event) -> list[str]:
    return [text for pair in event.to_fields().items() for text in pair]


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
