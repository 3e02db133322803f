"""Windows of the week, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enc.domain.windows import is_open

# The fifth of January 2026 is a Monday.
_DAYS = {"Mon": 5, "Tue": 6, "Wed": 7, "Thu": 8, "Fri": 9, "Sat": 10, "Sun": 11}


def at(day: str, time: str) -> datetime:
    hour, minute = time.split(":")
    return datetime(2026, 1, _DAYS[day], int(hour), int(minute), tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "day", "time"),
    [
        ("Mon-Fri 09:00-17:00", "Mon", "09:00"),
        ("Mon-Fri 09:00-17:00", "Fri", "16:59"),
        ("Sun 00:00-24:00", "Sun", "23:59"),
        ("Fri-Mon 10:00-11:00", "Sun", "10:30"),
        ("Sat 22:00-04:00", "Sat", "23:00"),
        ("Sat 22:00-04:00", "Sun", "03:59"),
        ("Sun 23:00-01:00", "Mon", "00:30"),
    ],
)
def test_is_open(window: str, day: str, time: str) -> None:
    assert is_open([window], at(day, time))


@pytest.mark.parametrize(
    ("window", "day", "time"),
    [
        ("Mon-Fri 09:00-17:00", "Mon", "08:59"),
        ("Mon-Fri 09:00-17:00", "Fri", "17:00"),
        ("Mon-Fri 09:00-17:00", "Sat", "12:00"),
        ("Fri-Mon 10:00-11:00", "Tue", "10:30"),
        ("Sat 22:00-04:00", "Sat", "03:00"),
        ("Sat 22:00-04:00", "Sun", "04:00"),
    ],
)
def test_is_not_open(window: str, day: str, time: str) -> None:
    assert not is_open([window], at(day, time))


def test_without_windows_it_is_always_open_and_one_of_several_is_enough() -> None:
    assert is_open([], at("Sun", "03:00"))
    assert is_open(["Mon 01:00-02:00", "Sun 02:00-04:00"], at("Sun", "03:00"))
