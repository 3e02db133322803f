"""Durations as people write them: ``90s``, ``5m``, ``24h``, ``7d``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Self

_SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
# Nine digits of days stay below timedelta's own limit of 999,999,999 days.
_WRITTEN = re.compile(r"(0|[1-9][0-9]{0,8})([smhd])")
_SHOWN_CHARACTERS = 40


class Duration(timedelta):
    """A duration that remembers how it was written: a timedelta whose str() is that text.

    With ``zero``, ``0s`` is one, too.
    """

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str, *, zero: bool = False) -> Self:
        """Raises ValueError that names what was given, and an example."""
        self = super().__new__(cls, seconds=_seconds(text, least=0 if zero else 1))
        self._text = text
        return self

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple[Callable[[str], Duration], tuple[str]]:
        return _remembered, (self._text,)


def _remembered(text: str) -> Duration:
    return Duration(text, zero=True)


def parse(text: str) -> timedelta:
    """One positive whole number with one unit: s, m, h or d. Raises ValueError."""
    return timedelta(seconds=_seconds(text))


def format_duration(duration: timedelta) -> str:
    """The shortest text that parse() reads as the same duration, to the second: ``5m``.

    Raises ValueError for what cannot be written so: nothing, less than nothing, or parts of a
    second.
    """
    seconds, rest = divmod(duration, timedelta(seconds=1))
    if seconds <= 0 or rest:
        raise ValueError(f"{timedelta.__str__(duration)} is not a positive whole number of seconds")
    unit = max((u for u in _SECONDS if seconds % _SECONDS[u] == 0), key=_SECONDS.__getitem__)
    return f"{seconds // _SECONDS[unit]}{unit}"


def for_people(duration: timedelta) -> str:
    """The two largest units, rounded down: ``1d 3h``, ``5m``, ``0s``; ``-`` before a past one."""
    sign = "-" if duration < timedelta(0) else ""
    left = int(abs(duration).total_seconds())
    parts = []
    for unit, length in sorted(_SECONDS.items(), key=lambda item: -item[1]):
        count, left = divmod(left, length)
        parts.append(f"{count}{unit}" if count else "")
    first = next((i for i, part in enumerate(parts) if part), None)
    if first is None:
        return "0s"
    return sign + " ".join(part for part in parts[first : first + 2] if part)


def _seconds(text: str, *, least: int = 1) -> int:
    found = _WRITTEN.fullmatch(text)
    if found is None or int(found[1]) < least:
        shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
        raise ValueError(
            f"{shown!r} is not a duration: write a whole number above 0 and one of s, m, h, d, "
            "as in 90s, 5m, 24h or 7d"
        )
    return int(found[1]) * _SECONDS[found[2]]
