"""Times of the week in which machines may be replaced, as roles.yaml writes them. All UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def is_open(windows: Sequence[str], now: datetime) -> bool:
    """Whether one of the windows (``Mon-Fri 09:00-17:00``) is open; with none, always.

    A window whose end lies before its beginning goes on past midnight, into the next day.
    """
    return not windows or any(_is_in(window, now) for window in windows)


def _is_in(window: str, now: datetime) -> bool:
    days, _, hours = window.partition(" ")
    begins, _, ends = hours.partition("-")
    minute = now.hour * 60 + now.minute
    begin, end = _minute(begins), _minute(ends)
    today, yesterday = now.weekday(), (now.weekday() - 1) % 7
    if begin < end:
        return _on(days, today) and begin <= minute < end
    return (_on(days, today) and minute >= begin) or (_on(days, yesterday) and minute < end)


def _on(days: str, day: int) -> bool:
    first, _, last = days.partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return begin <= day <= end if begin <= end else day >= begin or day <= end


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
