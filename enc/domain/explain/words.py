"""Times and amounts as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from enc.domain.durations import for_people


def at(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def ago(time: datetime, now: datetime) -> str:
    """How long since; what lies ahead by a clock's fault is now."""
    return f"{for_people(max(now - time, timedelta(0)))} ago"


def moment(time: datetime, now: datetime) -> str:
    """``2026-01-01 12:00:00 UTC (in 5m)``, or how long ago."""
    if time <= now:
        return f"{at(time)} ({ago(time, now)})"
    return f"{at(time)} (in {for_people(time - now)})"


def some(names: Sequence[str], shown: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def stop(text: str) -> str:
    """As the end of a sentence: with one full stop, whatever others wrote."""
    return text.rstrip(". \n") + "."
