"""A stored role's fleet section, as far as it can be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enc.domain.rolespec import FleetSpec
from enc.domain.stored_fleet import fleet_of

DEFAULT = FleetSpec()


def test_is_what_was_applied() -> None:
    found = fleet_of({"fleet": {"size": 10, "max_age": "24h", "windows": ["Sat 09:00-17:00"]}})

    assert (found.size, found.max_age) == (10, timedelta(days=1))
    assert found.windows == ("Sat 09:00-17:00",)


@pytest.mark.parametrize("definition", [{}, {"fleet": None}, {"fleet": [1]}, {"fleet": "x"}])
def test_where_there_is_none_it_has_its_defaults(definition: dict[str, Any]) -> None:
    assert fleet_of(definition) == DEFAULT


@pytest.mark.parametrize("value", [True, "10", 1.5, [10], {"n": 10}, -1])
def test_a_size_that_is_no_number_is_none(value: Any) -> None:
    assert fleet_of({"fleet": {"size": value}}).size is None


@pytest.mark.parametrize(
    "value", ["", "soon", 24, ["24h"], {"h": 24}, "-1h", "9999999d", float("nan")]
)
def test_an_age_that_is_no_span_is_none(value: Any) -> None:
    assert fleet_of({"fleet": {"max_age": value}}).max_age is None


def test_one_bad_value_hides_no_other() -> None:
    found = fleet_of({"fleet": {"size": 3, "drain": "soon", "ready_timeout": "1m", "new": 1}})

    assert (found.size, found.ready_timeout) == (3, timedelta(minutes=1))
    assert found.drain == DEFAULT.drain


def test_values_that_do_not_fit_together_are_read_all_the_same() -> None:
    found = fleet_of({"fleet": {"size": 3, "max_unavailable": 5, "max_age": "1h"}})

    assert (found.size, found.max_age) == (3, timedelta(hours=1))
