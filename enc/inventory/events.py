"""The audit log: who did what to which node, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.batch import check_begun
from enc.inventory.codec import iso, parsed
from enc.inventory.errors import BadCursorError, CorruptError, translated

# Entries kept in the log of all, and in the life of one node.
MAX_LENGTH = 1_000_000
LIFE_LENGTH = 200

_BEGINNING = "-"
_STREAM_ID = re.compile(r"[0-9]{1,19}(-[0-9]{1,19})?")


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
        }
        # Twice: our own come first, and nothing in ``more`` replaces them.
        return {name: text for name, text in {**texts, **self.more, **texts}.items() if text}


class Events:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def after(self, last: str = _BEGINNING, count: int = 100) -> list[tuple[str, dict[str, str]]]:
        """Up to ``count`` (stream id, fields), oldest first, later than the id ``last``.

        Raises BadCursorError for what is no stream id.
        """
        if last != _BEGINNING and not _STREAM_ID.fullmatch(last):
            raise BadCursorError(f"{last[:40]!r} is not the id of an event")
        start = last if last == _BEGINNING else f"({last}"
        with translated(keys.EVENTS):
            found: Any = self._redis.xrange(keys.EVENTS, min=start, count=count)
        if not found:
            check_begun(self._redis)
        return [(entry, dict(fields)) for entry, fields in found]

    def life(self, certname: str) -> list[dict[str, str]]:
        """What happened to one node, oldest first: its last 200 events."""
        key = keys.life(certname)
        with translated(key):
            found: Any = self._redis.lrange(key, 0, -1)
        if not found:
            check_begun(self._redis)
        return [_entry(key, text) for text in found]


def append(event: Event) -> list[str]:
    """The command for an event that is about no node (those go with the node's change)."""
    return ["XADD", keys.EVENTS, "MAXLEN", "~", str(MAX_LENGTH), "*", *flat(event)]


def flat(event: Event) -> list[str]:
    return [text for pair in event.to_fields().items() for text in pair]


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _entry(key: str, text: str) -> dict[str, str]:
    entry = parsed(key, text)
    if not isinstance(entry, dict):
        raise CorruptError(key, "holds an event that is not a map")
    return entry
