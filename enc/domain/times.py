"""Times as the store keeps them: aware, UTC, whole milliseconds."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

# Beyond these no machine lives, and sums of times would leave the calendar.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def sane(time: datetime) -> datetime:
    """The same time in UTC. Raises ValueError without a zone, or outside the years 1970 to 2199."""
    try:
        found = whole_milliseconds(time)
    except OverflowError as error:
        raise ValueError(f"{time} is not a time of a machine") from error
    if not _EARLIEST <= found < _LATEST:
        raise ValueError(f"{time} is not a time of a machine")
    return found


def whole_milliseconds(time: datetime) -> datetime:
    """The same time in UTC, cut to the milliseconds that the store keeps.

    Raises ValueError for a time without a zone: it would be taken for the local one.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    excess = time.microsecond % 1000
    if time.tzinfo is UTC and not excess:
        return time
    return time.astimezone(UTC) - timedelta(microseconds=excess)


def time_fields(kind: type[Any]) -> tuple[str, ...]:
    """The fields of one of this module's dataclasses that hold a time."""
    return tuple(f.name for f in fields(kind) if "datetime" in str(f.type))


_times_of = cache(time_fields)


class Timed:
    """What is made here equals what is read back: times lose here what the store would cut."""

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name in _times_of(kind):
            time = getattr(self, name)
            if time is not None and (whole := whole_milliseconds(time)) is not time:
                object.__setattr__(self, name, whole)
