"""Lists that are paged by cursor: a place in a sorted set, which outlives the member at it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from redis import Redis

from enc.certname import is_certname
from enc.inventory.batch import CHUNK, Hash, good, hash_of, hashes
from enc.inventory.errors import (
    BadCursorError,
    CorruptError,
    StoreError,
    StoreLostError,
    translated,
)
from enc.inventory.events import dumps
from enc.inventory.scripts import Script

T = TypeVar("T")

MAX_LIMIT = 1000
# What one step looks at where a filter passes over most of it: some milliseconds of Redis' time.
_LOOK = 1000
_LONGEST_CURSOR = 512
# As Redis writes the scores that we gave it: epoch seconds, up to 17 digits.
_SCORE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,17})?")
# What each list's cursors begin with: a place in one is none in another.
_MARK = re.compile(r"[a-z]*")


class Place(NamedTuple):
    """Where a walk stands: the index's score and member."""

    score: str
    name: str


BEGINNING = Place("", "")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What to walk through: the members that all of ``indexes`` hold, by score.

    ``of`` stands before a member's name in the key of its hash, ``mark`` (lower case letters)
    before this list's cursors. ``fields`` must be so in the hash. ``q`` is a prefix of name, DNS
    name or address, which ``texts`` holds. ``since`` is the lowest score.
    """

    indexes: Sequence[str]
    of: str
    mark: str
    newest: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    q: str = ""
    texts: str = ""
    since: str = ""

    @property
    def passes_over(self) -> bool:
        return bool(self.q or self.fields or len(self.indexes) > 1)


class Walks:
    """Whatever changes between two steps, a member that did not is neither lost nor repeated."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = Script(redis, "page.lua")

    def page(
        self,
        listing: Listing,
        read: Callable[[str, Mapping[str, str]], T],
        *,
        limit: int,
        cursor: str | None,
    ) -> tuple[tuple[T, ...], str | None]:
        """What ``read`` makes of up to ``limit`` names and hashes, and the next page's cursor.

        Raises BadCursorError, ValueError for a limit below 1, and StoreError's kinds.
        """
        if limit < 1:
            raise ValueError(f"a page of {limit} is none; ask for 1 or more")
        place = BEGINNING if cursor is None else decode(listing.mark, cursor)
        # One more than wanted tells whether there is a next page.
        found = list(islice(self.hashes(listing, place, limit + 1), limit + 1))
        items = tuple(read(place.name, good(fields)) for place, fields in found[:limit])
        last = found[limit - 1][0] if len(found) > limit else None
        return items, encode(listing.mark, last) if last else None

    def hashes(
        self, listing: Listing, place: Place = BEGINNING, want: int = CHUNK
    ) -> Iterator[tuple[Place, Hash]]:
        """Every member behind the place, with its hash, in chunks of about ``want``."""
        while True:
            place, found = self._step(listing, place, min(want, CHUNK))
            for name, score, flat in found:
                yield Place(score, name), hash_of(listing.of + name, flat)
            if place == BEGINNING:
                return

    def _step(self, listing: Listing, place: Place, want: int) -> tuple[Place, Sequence[Any]]:
        """Up to ``want`` members behind the place, and where the walk goes on."""
        try:
            answer = self._script.run([], _asked(listing, place, want), about=listing.indexes[0])
        except CorruptError:
            self._name_the_bad(listing)
            raise
        match answer:
            case ["ok", score, name, *found]:
                return Place(score, name), found
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
        raise StoreError(f"page.lua answered {answer!r}; is another version there?")

    def _name_the_bad(self, listing: Listing) -> None:
        """Some text in an answer was not UTF-8: raise the CorruptError that says whose."""
        with translated(listing.indexes[0]):
            names: Any = self._redis.zrange(listing.indexes[0], 0, -1)
        for _ in hashes(self._redis, [listing.of + name for name in names]):
            pass


def _asked(listing: Listing, place: Place, want: int) -> str:
    return dumps(
        {
            "indexes": list(listing.indexes),
            "of": listing.of,
            "newest": listing.newest,
            "score": place.score,
            "name": place.name,
            "since": listing.since,
            # Where nothing is passed over each member looked at is one found.
            "look": _LOOK if listing.passes_over else want,
            "want": want,
            "fields": dict(listing.fields),
            "q": listing.q,
            "texts": listing.texts,
        }
    )


def encode(mark: str, place: Place) -> str:
    """The cursor that asks for what follows the place in the list that ``mark`` names."""
    text = mark + ":".join(place)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(mark: str, cursor: str) -> Place:
    """Raises BadCursorError."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise _bad() from error
    own = _MARK.match(text)
    found = own.group() if own else ""
    score, _, name = text[len(found) :].partition(":")
    if len(cursor) > _LONGEST_CURSOR or not _SCORE.fullmatch(score) or not is_certname(name):
        raise _bad()
    if found != mark:
        raise BadCursorError("the cursor is of another list, or of this one in another order")
    return Place(score, name)


def _bad() -> BadCursorError:
    return BadCursorError("the cursor is not one that this service gave out")
