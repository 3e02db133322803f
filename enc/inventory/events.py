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
from enc.inventory.errors import (
    BadCursorError,
    CorruptError,
    StoreError,
    StoreLostError,
    translated,
)
from enc.inventory.scripts import Script

# Entries kept in the log of all, and in the life of one node.
MAX_LENGTH = 1_000_000
LIFE_LENGTH = 200

# What one page looks at before it says "go on from here": a tenth of a second of Redis' time.
SCANNED = 20_000
_LOOK = 1000

_BEGINNING, _END = "-", "+"
_NOTHING_BEFORE = re.compile(r"0+-0+")
EVENT_ID = re.compile(r"[0-9]{1,19}(-[0-9]{1,19})?")

# A stream id, and what the event says.
Entry = tuple[str, dict[str, str]]


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


@dataclass(frozen=True)
class EventPage:
    """(stream id, fields) of each, the latest first. ``cursor`` asks for earlier ones.

    None: there are no earlier ones. A page with a cursor may still be short, or empty: as many
    were looked at as one call may.
    """

    events: tuple[Entry, ...]
    cursor: str | None


class Events:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = Script(redis, "events.lua")

    def after(self, last: str = _BEGINNING, count: int = 100) -> list[Entry]:
        """Up to ``count`` (stream id, fields), oldest first, later than the id ``last``.

        Raises BadCursorError for what is no stream id.
        """
        start = last if last == _BEGINNING else f"({_checked_id(last)}"
        with translated(keys.EVENTS):
            found: Any = self._redis.xrange(keys.EVENTS, min=start, count=count)
        if not found:
            check_begun(self._redis)
        return [(entry, dict(fields)) for entry, fields in found]

    def page(
        self,
        limit: int,
        before: str | None = None,
        *,
        node: str | None = None,
        role: str | None = None,
        who: str | None = None,
        what: str | None = None,
    ) -> EventPage:
        """Up to ``limit`` events that are so, earlier than the id ``before``, the latest first.

        Raises BadCursorError for what is no stream id, ValueError for a limit below 1.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        place = _END if before is None else _whole_id(before)
        if _NOTHING_BEFORE.fullmatch(place):
            check_begun(self._redis)
            return EventPage((), None)
        fields = {"node": node, "role": role, "who": who, "what": what}
        wanted = {name: text for name, text in fields.items() if text is not None}
        # One more than wanted tells whether there is a next page.
        found, last, is_over = self._walk(place, limit + 1, wanted)
        if len(found) > limit:
            return EventPage(tuple(found[:limit]), found[limit - 1][0])
        return EventPage(tuple(found), None if is_over else last)

    def since(self, last: str, limit: int, wanted: Mapping[str, str]) -> tuple[list[Entry], str]:
        """Up to ``limit`` events later than the id ``last`` whose fields are so, oldest first.

        And the id to go on from: of the last one that was looked at, ``SCANNED`` at most, or
        ``last`` again. Raises BadCursorError.
        """
        start = last if last == _BEGINNING else _checked_id(last)
        found, last, _ = self._walk(start, limit, wanted, forward=True)
        return found, last

    def _walk(
        self, place: str, want: int, wanted: Mapping[str, str], *, forward: bool = False
    ) -> tuple[list[Entry], str, bool]:
        """Up to ``want`` entries, the place of the last one looked at, and whether all were."""
        found: list[Entry] = []
        for _ in range(SCANNED // _LOOK):
            left = want - len(found)
            last, is_over, more = self._step(
                # Without a filter each that is looked at is one found.
                {"place": place, "look": _LOOK if wanted else left, "want": left,
                 "fields": dict(wanted), "forward": forward}
            )  # fmt: skip
            found += more
            place = last or place
            if is_over or len(found) == want:
                return found, place, is_over
        return found, place, False

    def _step(self, asked: Mapping[str, Any]) -> tuple[str, bool, list[Entry]]:
        match self._script.run([], dumps(asked), about=keys.EVENTS):
            case ["ok", last, over, *found]:
                entries = [(i, dict(zip(f[::2], f[1::2], strict=True))) for i, f in found]
                return last, over == "over", entries
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
            case other:
                raise StoreError(f"events.lua answered {other!r}; is another version there?")

    def life(self, certname: str) -> list[dict[str, str]]:
        """What happened to one node, oldest first: its last 200 events."""
        key = keys.life(certname)
        with translated(key):
            found: Any = self._redis.lrange(key, 0, -1)
        if not found:
            check_begun(self._redis)
        return [_entry(key, text) for text in found]


def _checked_id(text: str) -> str:
    if not EVENT_ID.fullmatch(text):
        raise BadCursorError(f"{text[:40]!r} is not the id of an event")
    return text


def _whole_id(text: str) -> str:
    """Redis takes the end of a range without its second number for the last of that moment."""
    return text if "-" in _checked_id(text) else f"{text}-0"


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
