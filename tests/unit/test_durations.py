from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta

import pytest

from enc.domain.durations import Duration, for_people, format_duration, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("999999999d", timedelta(days=999_999_999)),
    ],
)
def test_a_whole_number_with_one_unit_is_a_duration(text: str, expected: timedelta) -> None:
    assert expected == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "m", "0s", "00s", "-5m", "+5m", "1.5h", "5 m", " 5m", "5m\n", "5M", "1h30m"),
        *("05m", "5min", "\u0665m", "1000000000d", "9" * 5000 + "d"),
    ],
)
def test_anything_else_is_refused_with_what_was_given_and_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="as in 90s, 5m, 24h or 7d") as caught:
        parse(text)

    assert repr(text)[:20] in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["1s", "59s", "5m", "36h", "7d", "90s"])
def test_a_formatted_duration_is_read_back_as_itself(text: str) -> None:
    assert parse(text) == parse(format_duration(parse(text)))


def test_the_largest_unit_that_divides_is_taken() -> None:
    assert [format_duration(timedelta(seconds=s)) for s in (1, 60, 90, 3600, 86400, 90000)] == [
        *("1s", "1m", "90s", "1h", "1d", "25h"),
    ]


@pytest.mark.parametrize("seconds", [0, -1, 0.5])
def test_what_cannot_be_written_is_not_formatted(seconds: float) -> None:
    with pytest.raises(ValueError, match="positive whole number of seconds"):
        format_duration(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59, "59s"),
        (300, "5m"),
        (3_661, "1h 1m"),
        (86_400 + 59, "1d"),
        (97_200, "1d 3h"),
        (-90, "-1m 30s"),
    ],
)
def test_people_see_the_two_largest_units(seconds: float, expected: str) -> None:
    assert expected == for_people(timedelta(seconds=seconds))


def test_a_duration_remembers_how_it_was_written_and_counts_as_a_timedelta() -> None:
    written = Duration("300s")

    assert str(written) == "300s"
    assert written == timedelta(minutes=5) == Duration("5m")
    assert written + timedelta(minutes=1) == timedelta(minutes=6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_a_copy_of_a_duration_remembers_too(copied: Callable[[Duration], Duration]) -> None:
    assert str(copied(Duration("300s"))) == "300s"
    assert str(copied(Duration("0s", zero=True))) == "0s"


@pytest.mark.parametrize("text", ["0s", "0m"])
def test_nothing_is_a_duration_only_where_that_is_said(text: str) -> None:
    assert Duration(text, zero=True) == timedelta(0)
    with pytest.raises(ValueError, match="a whole number above 0"):
        Duration(text)


@pytest.mark.parametrize("text", ["00s", "-0s", "0", "05m"])
def test_nothing_has_one_way_to_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration(text, zero=True)
