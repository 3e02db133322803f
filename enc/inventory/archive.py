"""The archive: every node whose life is over, for as long as it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from enc.domain.model import ArchivedNode
from enc.inventory import keys
from enc.inventory.batch import GoneError, good
from enc.inventory.codec import archived_from_hash, score
from enc.inventory.errors import CorruptError
from enc.inventory.paging import Listing, Walks


@dataclass(frozen=True)
class ArchivePage:
    """The last end first. ``cursor`` asks for what follows; None at the end.

    A page with a cursor may be short, or empty: as many were looked at as one call may.
    """

    nodes: tuple[ArchivedNode, ...]
    cursor: str | None


class Archive:
    """Raises StoreError's kinds, and for a cursor or limit that is none what ``Walks`` says."""

    def __init__(self, redis: Redis) -> None:
        self._walks = Walks(redis)

    def page(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        since: datetime | None = None,
        role: str | None = None,
        spoilt: Callable[[CorruptError], object] | None = None,
    ) -> ArchivePage:
        """As ``every`` says of ``spoilt``."""
        found = self._walks.sound(
            _listing(since, role), archived_from_hash, limit=limit, cursor=cursor, spoilt=spoilt
        )
        return ArchivePage(*found)

    def every(
        self,
        *,
        since: datetime | None = None,
        role: str | None = None,
        spoilt: Callable[[CorruptError], object] | None = None,
    ) -> Iterator[ArchivedNode]:
        """The last end first, read in chunks: memory does not grow with their number.

        ``spoilt`` is told of the damaged, which are passed over; without it they are an error.
        """
        for place, fields in self._walks.hashes(_listing(since, role)):
            # One that was forgotten meanwhile, its time over, is no damage.
            if isinstance(fields, GoneError):
                continue
            try:
                yield archived_from_hash(place.name, good(fields))
            except CorruptError as error:
                if spoilt is None:
                    raise
                spoilt(error)


def _listing(since: datetime | None, role: str | None) -> Listing:
    fields: Mapping[str, str] = {} if role is None else {"role": role}
    return Listing(
        indexes=[keys.ARCHIVED],
        of=keys.archive(""),
        mark="ended",
        newest=True,
        fields=fields,
        since=score(since) if since else "",
    )
