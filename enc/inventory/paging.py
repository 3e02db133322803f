"""Lists that are paged by cursor: a place in a sorted set, which outlives the member at it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from redis import Redis

from enc.domain.certname import is_certname
from enc.inventory.batch import CHUNK, GoneError, Hash, check_begun, good, hash_of, readable
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
# What one page looks at before it says "go on from here": a tenth of a second of Redis' time.
LOOKED_AT = 20_000
_LONGEST_CURSOR = 512
# As Redis writes the scores that we gave it: epoch seconds, up to 17 digits.
_SCORE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,17})?")
# What each list's cursors begin with: a place in one is none in another.
_MARK = re.compile(r"[a-z]*")


class Position(NamedTuple):
    """Where a walk stands: the index's score and member."""

    score: str
    name: str


BEGINNING = Position("", "")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What to walk through: the members that all of ``indexes`` hold, by score.

    ``of`` stands before a member's name in the key of its hash, ``mark`` (lower case letters)
    before this list's cursors. ``fields`` must be so in the hash. ``q`` is a prefix of name, DNS
    name or address, which ``texts`` holds. ``since`` is the lowest score. ``most`` is how many
    members one page looks at.
    """

    indexes: Sequence[str]
    of: str
    mark: str
    newest: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    q: str = ""
    texts: str = ""
    since: str = ""
    most: int = LOOKED_AT

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
        spoilt: Callable[[str, CorruptError], T] | None = None,
    ) -> tuple[tuple[T, ...], str | None]:
        """What ``read`` makes of up to ``limit`` names and hashes, and the next page's cursor.

        As many members are looked at as the listing says: a page that has a cursor may be short,
        or empty. ``spoilt`` says what stands for a damaged one; without it that is an error.
        Raises BadCursorError, ValueError for a limit below 1, and StoreError's kinds.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        place = BEGINNING if cursor is None else decode(listing.mark, cursor)
        # One more than wanted tells whether there is a next page.
        found, place = self._look(listing, place, limit + 1)
        items = tuple(_read(read, spoilt, at.name, fields) for at, fields in found[:limit])
        if len(found) > limit:
            place = found[limit - 1][0]
        return items, None if place == BEGINNING else encode(listing.mark, place)

    def sound(
        self,
        listing: Listing,
        read: Callable[[str, Mapping[str, str]], T],
        *,
        limit: int,
        cursor: str | None,
        spoilt: Callable[[CorruptError], object] | None,
    ) -> tuple[tuple[T, ...], str | None]:
        """A page without the damaged, of which ``spoilt`` is told; without it they are an error."""

        def told(_: str, error: CorruptError) -> None:
            if spoilt is not None:
                spoilt(error)

        items, onward = self.page(
            listing, read, limit=limit, cursor=cursor, spoilt=told if spoilt else None
        )
        return tuple(one for one in items if one is not None), onward

    def _look(
        self, listing: Listing, place: Position, want: int
    ) -> tuple[list[tuple[Position, Hash]], Position]:
        """Up to ``want`` members behind the place, and the place of the last one looked at."""
        found: list[tuple[Position, Hash]] = []
        left = listing.most
        look = _LOOK if listing.passes_over else min(want, CHUNK)
        while left > 0:
            asked = _asked(listing, place, min(want - len(found), CHUNK), look)
            place, more = self._step(listing, asked)
            # What was found gone by another look is passed over as well.
            found += [one for one in more if not isinstance(one[1], GoneError)]
            if len(found) == want or place == BEGINNING:
                break
            left, look = left - look, _LOOK
        return found, place

    def hashes(self, listing: Listing) -> Iterator[tuple[Position, Hash]]:
        """Every member with its hash, or why that cannot be read, a chunk at a time."""
        place = BEGINNING
        while True:
            look = _LOOK if listing.passes_over else CHUNK
            asked = {**_asked(listing, place, CHUNK, look), "gone": True}
            place, found = self._step(listing, asked)
            yield from found
            if place == BEGINNING:
                return

    def _step(
        self, listing: Listing, asked: Mapping[str, Any]
    ) -> tuple[Position, list[tuple[Position, Hash]]]:
        """What ``page.lua`` finds, and where the walk goes on."""
        try:
            place, found = self._answer(asked)
        except CorruptError:
            # Text that is not UTF-8 spoils the whole answer; one by one we learn whose it is.
            place, found = self._answer({**asked, "bare": True})
            places = [Position(score, name) for name, score, _ in found]
            return place, self._one_by_one(listing, places)
        return place, [
            (Position(score, name), hash_of(listing.of + name, flat)) for name, score, flat in found
        ]

    def _answer(self, asked: Mapping[str, Any]) -> tuple[Position, Sequence[Any]]:
        answer = self._script.run([], dumps(asked), about=asked["indexes"][0])
        match answer:
            case ["ok", str(score), str(name), str(found)]:
                return Position(score, name), json.loads(found)
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
        raise StoreError(f"page.lua answered {answer!r}; is another version there?")

    def _one_by_one(
        self, listing: Listing, places: Sequence[Position]
    ) -> list[tuple[Position, Hash]]:
        keys = [listing.of + place.name for place in places]
        found = list(zip(places, readable(self._redis, "HGETALL", keys), strict=True))
        if not all(fields for _, fields in found):
            check_begun(self._redis)
        # Who has left the index meanwhile is not one that it names and that is gone.
        return [
            (place, fields or GoneError(listing.of + place.name))
            for place, fields in found
            if fields or self._is_named(listing.indexes[0], place.name)
        ]

    def _is_named(self, index: str, name: str) -> bool:
        with translated(index):
            return self._redis.zscore(index, name) is not None


def _read(
    read: Callable[[str, Mapping[str, str]], T],
    spoilt: Callable[[str, CorruptError], T] | None,
    name: str,
    fields: Hash,
) -> T:
    try:
        return read(name, good(fields))
    except CorruptError as error:
        if spoilt is None:
            raise
        return spoilt(name, error)


def _asked(listing: Listing, place: Position, want: int, look: int) -> Mapping[str, Any]:
    return {
        "indexes": list(listing.indexes),
        "of": listing.of,
        "newest": listing.newest,
        "score": place.score,
        "name": place.name,
        "since": listing.since,
        "look": look,
        "want": want,
        "bare": False,
        "gone": False,
        "fields": dict(listing.fields),
        "q": listing.q,
        "texts": listing.texts,
    }


def encode(mark: str, place: Position) -> str:
    """The cursor that asks for what follows the place in the list that ``mark`` names."""
    text = mark + ":".join(place)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(mark: str, cursor: str) -> Position:
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
    return Position(score, name)


def _bad() -> BadCursorError:
    return BadCursorError("the cursor is not one that this service gave out")
