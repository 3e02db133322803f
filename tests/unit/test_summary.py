"""Figures of what became of machines: sentences in pairs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

import pytest

from enc.domain.model import ArchivedNode, Attempt, Launch, Market, Node
from enc.domain.summary import Spread, Summary, figures_shape, interrupted, summarize
from tests.builders import foreign, launch, node
from tests.fakes.clock import START

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = START + 10 * HOUR
TAKEN = "EC2 lists it terminated: Server.SpotInstanceTermination: Spot instance termination"


def ended(hours: float, reason: str = "it was old", **fields: Any) -> ArchivedNode:
    one = node(**fields)
    return ArchivedNode(node=one, ended_at=one.launched_at + hours * HOUR, reason=reason)


def of(*machines: Node | ArchivedNode, launches: tuple[Launch, ...] = (), **given: Any) -> Summary:
    return summarize(machines, launches, **{"now": NOW, **given})


def total(*machines: Node | ArchivedNode, **given: Any) -> dict[str, Any]:
    return figures_shape(of(*machines, **given).total)


def test_spots_share_is_of_machines_and_of_hours() -> None:
    found = total(ended(1), ended(3, market=Market.ON_DEMAND))

    assert (found["machines"], found["spot_share"]) == (2, 0.5)
    assert (found["hours"], found["spot_hours_share"]) == (4.0, 0.25)


def test_nothing_at_all_has_no_share_and_no_times() -> None:
    found = total()

    assert found["machines"] == 0
    assert {found[key] for key in ("spot_share", "spot_hours_share", "ready_median_s")} == {None}


def test_living_machines_count_until_now_and_ended_ones_until_their_end() -> None:
    found = total(node(), ended(2))

    assert (found["machines"], found["living"], found["hours"]) == (2, 1, 12.0)


def test_foreign_nodes_are_nobodys_machines() -> None:
    assert total(foreign())["machines"] == 0


def test_each_role_has_its_own_figures_and_all_of_them_the_sum() -> None:
    found = of(ended(1), ended(2, role="batch"), launches=(launch(role="cron"),))

    assert {name: f.machines for name, f in found.roles.items()} == {
        "batch": 1,
        "cron": 0,
        "web": 1,
    }
    assert found.total.hours == 3.0


def test_a_machine_counts_only_the_hours_since() -> None:
    found = total(ended(4), ended(1), since=START + 3 * HOUR)

    assert (found["machines"], found["hours"]) == (1, 1.0)


@pytest.mark.parametrize(
    ("reason", "market", "expected"),
    [
        (TAKEN, Market.SPOT, True),
        ("EC2 takes it back within two minutes", Market.SPOT, True),
        ("EC2 takes it back before it ran", Market.SPOT, True),
        (TAKEN, Market.ON_DEMAND, False),
        ("EC2 lists it terminated: Client.UserInitiatedShutdown", Market.SPOT, False),
        ("it is 1d old (max_age 1d)", Market.SPOT, False),
        ("", Market.SPOT, False),
    ],
)
def test_what_ec2_took_back_is_told_from_every_other_end(
    reason: str, market: Market, expected: bool
) -> None:
    one = ended(1, reason, market=market)

    assert interrupted(one) is expected
    assert total(one)["interruptions"] == int(expected)


def asked(first: Market, *attempts: tuple[Market, int], **fields: Any) -> Launch:
    names = ("i-0", "i-1", "i-2")
    made = tuple(
        Attempt(number=n, at=START, market=market, wanted=3, got=names[:got])
        for n, (market, got) in enumerate(attempts, 1)
    )
    return launch(market=first, attempts=made, **fields)


def test_a_fallback_is_a_spot_launch_that_got_machines_on_demand() -> None:
    spot, on_demand = Market.SPOT, Market.ON_DEMAND
    launches = (
        asked(spot, (spot, 1), (on_demand, 2)),
        asked(spot, (spot, 3)),
        asked(spot, (spot, 0), (on_demand, 0)),
        asked(on_demand, (on_demand, 3)),
    )

    found = total(launches=launches)

    assert (found["spot_launches"], found["fallbacks"], found["fallback_machines"]) == (3, 1, 2)


def test_a_launch_from_before_is_left_out() -> None:
    fallback = asked(Market.SPOT, (Market.ON_DEMAND, 1))

    assert total(launches=(fallback,), since=START)["fallbacks"] == 1
    assert total(launches=(fallback,), since=START + MINUTE)["fallbacks"] == 0


def test_time_to_ready_is_of_those_that_became_ready_since() -> None:
    quick = ended(5, ready_at=START + MINUTE)
    slow = ended(5, ready_at=START + 3 * MINUTE)
    never = ended(5)

    every = total(quick, slow, never)
    late = total(quick, slow, never, since=START + 3 * MINUTE)

    assert (every["ready"], every["ready_median_s"], every["ready_p95_s"]) == (2, 60, 180)
    assert (late["ready"], late["ready_median_s"]) == (1, 180)


def test_quantiles_are_right_to_half_a_percent() -> None:
    seconds = [17 * n % 4001 + 30 for n in range(5000)]
    spread = Spread()
    for one in seconds:
        spread.add(timedelta(seconds=one))

    assert spread.quantile(0.5) == pytest.approx(median(seconds), rel=0.005)
    assert spread.quantile(0.95) == pytest.approx(quantiles(seconds, n=20)[-1], rel=0.005)


def test_a_clock_that_ran_wrong_makes_nothing_negative() -> None:
    found = total(ended(-2, ready_at=START - HOUR))

    assert (found["hours"], found["ready_median_s"]) == (0.0, 0)


def test_memory_does_not_grow_with_machines() -> None:
    def lives(count: int) -> Iterator[ArchivedNode]:
        one = ended(5)
        for n in range(count):
            ready: datetime = START + timedelta(seconds=n * 7919 % 1_000_000)
            yield replace(one, node=replace(one.node, ready_at=ready))

    def peak(count: int) -> int:
        tracemalloc.start()
        summarize(lives(count), (), now=NOW)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    assert peak(12_000) < 2 * peak(3_000)
