"""What the pages make of a role's counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from enc.domain.model import Kind, Market, State
from enc.inventory import Query
from enc.web.pages.fleet import summary
from enc.web.pages.nodes import fitting
from enc.web.pages.role_row import Row, row
from tests.builders import role

COUNTS = {
    "fleet:ready:spot": 6,
    "fleet:ready:on-demand": 2,
    "fleet:pending:spot": 1,
    "fleet:running:spot": 1,
    "extra:ready:spot": 3,
    "foreign:ready:none": 1,
    "burst:failed:on-demand": 1,
}


def made(definition: dict[str, Any] | None = None, counts: dict[str, int] = COUNTS) -> Row:
    return row(
        "web", role(definition=definition or {"fleet": {"size": 8, "max_age": "24h"}}), counts
    )


class TestARole:
    def test_is_counted_by_state_kind_and_market(self) -> None:
        found = made()
        assert found.total == 15
        assert found.states[State.READY] == 12
        assert found.coming == 2
        assert (found.spot, found.on_demand) == (11, 3)
        assert found.besides == [(Kind.EXTRA, 3), (Kind.BURST, 1), (Kind.FOREIGN, 1)]

    def test_has_of_its_size_only_fleet_nodes_that_are_ready(self) -> None:
        assert made().fleet_ready == 8
        assert not made().is_short
        assert made({"fleet": {"size": 9}}).is_short

    @pytest.mark.parametrize(("size", "mark"), [(8, "ready"), (10, "coming"), (11, "short")])
    def test_is_marked_as_short_only_by_what_is_not_on_its_way(self, size: int, mark: str) -> None:
        assert made({"fleet": {"size": size}}).mark == mark

    def test_without_a_size_is_never_short(self) -> None:
        assert made({"classes": {}}, {}).wanted is None
        assert not made({"classes": {}}, {}).is_short

    @pytest.mark.parametrize("field", ["x", "fleet:asleep:spot", "fleet:ready:spot:more"])
    def test_with_a_count_that_is_none_of_ours_is_shown_without_it(self, field: str) -> None:
        assert made(counts={**COUNTS, field: 9}).total == 15

    def test_without_nodes_is_counted_as_none(self) -> None:
        found = made(counts={})
        assert (found.total, found.fleet_ready, found.coming) == (0, 0, 0)
        assert found.is_short

    def test_of_size_nought_is_satisfied(self) -> None:
        assert not made({"fleet": {"size": 0}}, {}).is_short

    def test_is_too_old_only_past_its_max_age(self) -> None:
        day = timedelta(days=1)
        assert replace(made(), oldest=day + timedelta(seconds=1)).is_too_old
        assert not replace(made(), oldest=day).is_too_old
        assert not replace(made({"fleet": {"size": 8}}), oldest=100 * day).is_too_old

    @pytest.mark.parametrize(
        "definition", [{"fleet": 7}, {"fleet": {"size": "8"}, "description": 1}]
    )
    def test_that_somebody_garbled_is_shown_all_the_same(self, definition: dict[str, Any]) -> None:
        found = made(definition)
        assert (found.wanted, found.max_age, found.total) == (None, None, 15)

    def test_that_cannot_be_read_still_has_its_nodes(self) -> None:
        assert row("web", None, COUNTS).total == 15


class TestTheSummary:
    def test_adds_up_the_roles(self) -> None:
        told = summary([made(), made()], nodes=30, launches=2)
        assert (told.ready, told.coming, told.failed, told.roleless) == (24, 4, 2, 0)
        assert told.spot_share == "79 %"

    def test_tells_how_many_nodes_are_of_no_role_that_is_there(self) -> None:
        assert summary([made()], nodes=20, launches=0).roleless == 5

    def test_of_nothing_is_nothing(self) -> None:
        told = summary([], nodes=0, launches=0)
        assert (told.ready, told.spot_share) == (0, "0 %")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (Query(), 15),
        (Query(state=State.READY), 12),
        (Query(kind=Kind.FLEET), 10),
        (Query(market=Market.SPOT, state=State.READY), 9),
        (Query(kind=Kind.FOREIGN, market=Market.SPOT), 0),
        (Query(kind=Kind.FOREIGN), 1),
    ],
)
def test_counts_tell_how_many_a_filter_finds(query: Query, count: int) -> None:
    assert fitting(query, COUNTS) == count
