from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from enc.domain.model import (
    ALLOWED,
    ANSWERED,
    Attempt,
    IllegalTransitionError,
    Market,
    State,
    check_transition,
)
from enc.domain.times import whole_milliseconds
from tests.builders import foreign, launch, node
from tests.fakes.clock import START

# Written out once more, from the design: the code's own table cannot prove itself.
TRANSITIONS = """
pending: running failed lost retiring
running: ready draining failed lost retiring
ready: draining lost retiring
draining: lost retiring
failed: ready retiring
lost: running retiring
retiring: archived
archived:
"""
TABLE = {
    State(old): {State(new) for new in news.split()}
    for old, news in (line.split(":") for line in TRANSITIONS.split("\n") if line)
}
PAIRS = [(old, new) for old in State for new in State if old != new]


@pytest.mark.parametrize(("old", "new"), [p for p in PAIRS if p[1] in TABLE[p[0]]])
def test_a_node_may_take_each_step_of_the_table(old: State, new: State) -> None:
    check_transition("i-0a", old, new)


@pytest.mark.parametrize(("old", "new"), [p for p in PAIRS if p[1] not in TABLE[p[0]]])
def test_a_node_may_not_take_any_other_step(old: State, new: State) -> None:
    with pytest.raises(IllegalTransitionError) as caught:
        check_transition("i-0a", old, new)
    assert str(caught.value).startswith(f"i-0a is {old} and cannot become {new}; ")
    assert all(state in str(caught.value) for state in TABLE[old])


@pytest.mark.parametrize("state", State)
def test_staying_in_a_state_is_no_step(state: State) -> None:
    check_transition("i-0a", state, state)


def test_every_state_is_in_the_table_and_only_archived_is_final() -> None:
    assert ALLOWED.keys() == set(State)
    assert [state for state in State if not ALLOWED[state]] == [State.ARCHIVED]


def test_puppet_is_answered_in_every_state_but_the_end_of_life() -> None:
    assert set(State) - ANSWERED == {State.RETIRING, State.ARCHIVED}


def test_times_lose_what_the_store_would_cut() -> None:
    exact = datetime(2026, 1, 1, 12, 0, 0, 123_999, tzinfo=UTC)
    assert node(launched_at=exact).launched_at == exact.replace(microsecond=123_000)
    assert launch(deadline=exact).deadline == exact.replace(microsecond=123_000)


def test_times_of_other_zones_become_utc() -> None:
    there = datetime(2026, 1, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    made = node(state_since=there)
    assert (made.state_since, made.state_since.tzinfo) == (START, UTC)


def test_times_before_1970_are_cut_downwards_like_all_others() -> None:
    early = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert whole_milliseconds(early) == early.replace(microsecond=999_000)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Attempt(number=1, at=datetime(2026, 1, 1), market=Market.SPOT, wanted=1)  # noqa: DTZ001 - the very thing that is refused


def test_people_may_call_a_node_by_its_names_and_by_its_address_in_its_network() -> None:
    named = node(private_dns="ip-10-0-0-1.ec2.internal", public_dns="a.example", private_ip="::1")
    assert named.names == ("ip-10-0-0-1.ec2.internal", "a.example", "vpc-1:::1")
    assert foreign(private_ip="10.0.0.1").names == (":10.0.0.1",)


def test_a_node_without_names_has_none_and_one_name_is_not_listed_twice() -> None:
    assert node().names == ()
    assert node(private_dns="a.example", public_dns="a.example").names == ("a.example",)


def test_the_key_of_a_launch_is_not_shown() -> None:
    assert "5ec4e7" not in repr(launch(key="5ec4e7" * 10))
