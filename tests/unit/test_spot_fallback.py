"""What a launch does next, decided from plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import LaunchState, Market
from provisioner.domain.spot_fallback import (
    FALLBACK_SPAN,
    LONGEST_WAIT,
    Ask,
    Course,
    End,
    Progress,
    Turn,
    Wait,
    begin,
    next_step,
    turned,
    waited,
)
from tests.fakes.clock import START

SOON = START + timedelta(seconds=10)
DEADLINE = START + timedelta(minutes=5)
AFTER = DEADLINE + timedelta(seconds=1)
SPOT = Course(want=3, market=Market.SPOT, falls_back=True, deadline=DEADLINE)
SPOT_ONLY = replace(SPOT, falls_back=False)
ON_DEMAND = replace(SPOT, market=Market.ON_DEMAND)
REFUSED = Progress(market=Market.SPOT, tries=1, untried=False, refused="UnfulfillableCapacity")


def step(course: Course, progress: Progress, now: datetime = SOON, jitter: float = 0.5) -> Any:
    return next_step(course, progress, now, jitter)


def test_asks_spot_first_for_all_that_is_wanted() -> None:
    assert step(SPOT, begin(SPOT)) == Ask(market=Market.SPOT, count=3, reason="spot first")


def test_asks_only_for_what_is_missing() -> None:
    assert step(SPOT, Progress(market=Market.SPOT, got=2)).count == 1


def test_ends_complete_when_it_has_enough_even_past_the_deadline() -> None:
    assert step(SPOT, replace(REFUSED, got=3), AFTER) == End(state=LaunchState.COMPLETE)


def test_waits_when_every_pool_has_refused() -> None:
    assert isinstance(step(SPOT, REFUSED), Wait)


def test_does_not_wait_while_a_pool_is_untried() -> None:
    assert isinstance(step(SPOT, replace(REFUSED, untried=True)), Ask)


def test_asks_again_after_the_wait() -> None:
    assert isinstance(step(SPOT, waited(REFUSED)), Ask)


def test_waits_grow_up_to_a_limit() -> None:
    spans = [step(SPOT, replace(REFUSED, tries=n)).span for n in range(1, 9)]
    assert spans[:3] == [timedelta(seconds=s) for s in (1, 2, 4)]
    assert spans[-1] == LONGEST_WAIT


def test_waits_are_spread_by_luck() -> None:
    assert step(SPOT, REFUSED, jitter=0.0).span < step(SPOT, REFUSED, jitter=0.9).span


def test_never_waits_past_the_deadline() -> None:
    just_before = DEADLINE - timedelta(seconds=0.2)
    waiting = step(SPOT, replace(REFUSED, tries=8), just_before)
    assert waiting.span == timedelta(seconds=0.2)


def test_turns_to_on_demand_when_spots_deadline_passes() -> None:
    turn = step(SPOT, REFUSED, AFTER)
    assert turn == Turn(
        until=AFTER + FALLBACK_SPAN,
        reason="spot's deadline has passed (UnfulfillableCapacity)",
    )


def test_turns_early_when_every_pool_refused_for_good() -> None:
    assert isinstance(step(SPOT, replace(REFUSED, hopeless=True)), Turn)


def test_does_not_turn_early_when_some_pool_may_still_give() -> None:
    assert not isinstance(step(SPOT, REFUSED), Turn)


def test_does_not_turn_where_the_role_says_no_fallback() -> None:
    ended = step(SPOT_ONLY, replace(REFUSED, got=1), AFTER)
    assert ended == End(
        state=LaunchState.PARTIAL,
        reason="got 1 of 3: the spot deadline has passed (UnfulfillableCapacity)",
    )


def test_asks_on_demand_at_least_once_after_the_turn_however_late_it_is() -> None:
    progress = turned(REFUSED, Turn(until=AFTER, reason="spot's deadline has passed"))
    asked = step(SPOT, progress, AFTER + timedelta(hours=1))
    assert (asked.market, asked.reason) == (Market.ON_DEMAND, "spot's deadline has passed")


def test_ends_when_on_demand_has_refused_for_its_span() -> None:
    progress = replace(turned(REFUSED, Turn(until=AFTER, reason="late")), untried=False)
    assert step(SPOT, progress, AFTER).state is LaunchState.FAILED


def test_an_on_demand_launch_is_bounded_by_the_deadline_itself() -> None:
    progress = replace(begin(ON_DEMAND), untried=False, tries=1)
    assert isinstance(step(ON_DEMAND, progress), Wait)
    assert step(ON_DEMAND, progress, AFTER).state is LaunchState.FAILED


def test_a_denial_ends_it_at_once_and_is_told() -> None:
    ended = step(SPOT, replace(REFUSED, barred="UnauthorizedOperation: no"))
    assert ended == End(state=LaunchState.FAILED, reason="got 0 of 3: UnauthorizedOperation: no")


def test_the_longest_wait_is_30_seconds_and_the_first_after_spot_is_one() -> None:
    late = replace(REFUSED, tries=20)
    left = turned(late, Turn(until=DEADLINE, reason="spot's deadline has passed"))

    assert step(SPOT, late).span == timedelta(seconds=30)
    assert (left.tries, left.untried, left.market) == (0, True, Market.ON_DEMAND)
