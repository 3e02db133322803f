"""What a pass decides about launches and their templates: sentences in pairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from enc.domain.model import Kind, LaunchState, Market
from provisioner.domain import actions as do
from provisioner.domain.actions import Action
from provisioner.domain.deciding import decide
from provisioner.domain.openlaunches import backoff_span
from provisioner.domain.quotas import quotas
from provisioner.domain.spot_fallback import FALLBACK_SPAN
from provisioner.domain.suspicions import template
from provisioner.domain.world import World
from tests.fakes.clock import START
from tests.worlds import LAUNCH, REGION, known, machine, of_fleet, opened, world

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = START + HOUR
UNKNOWN = "rolecall-l-00000000000000ff"
SUSPECT = template(REGION, UNKNOWN)


def found(seen: World, kind: type[Action]) -> list[Any]:
    return [one for one in decide(seen).actions if isinstance(one, kind)]


def with_templates(*templates: tuple[str, str], **fields: Any) -> World:
    seen = world([of_fleet(number) for number in (1, 2, 3)], **fields)
    region = replace(seen.regions[REGION], templates=templates)
    return replace(seen, regions={REGION: region})


@pytest.mark.parametrize(
    ("state", "swept"), [(LaunchState.COMPLETE, [LAUNCH]), (LaunchState.OPEN, [])]
)
def test_the_template_of_a_launch_that_ended_goes_and_that_of_an_open_one_stays(
    state: LaunchState, swept: list[str]
) -> None:
    launch = opened(want=2, state=state)
    seen = with_templates((LAUNCH, LAUNCH), launches={LAUNCH: launch})

    assert [one.template for one in found(seen, do.Sweep)] == swept


def test_the_template_of_a_launch_that_this_pass_closes_stays_for_now() -> None:
    seen = with_templates((LAUNCH, LAUNCH), launches={LAUNCH: opened(want=2, got=2)})

    assert len(found(seen, do.Close)) == 1
    assert found(seen, do.Sweep) == []


def test_a_template_of_no_launch_is_suspected_and_goes_when_it_is_seen_again() -> None:
    [suspect] = found(with_templates((UNKNOWN, "l-00000000000000ff")), do.Suspect)
    again = with_templates((UNKNOWN, "l-00000000000000ff"), suspects={SUSPECT: NOW - MINUTE})

    assert suspect.what == SUSPECT
    assert [one.template for one in found(again, do.Sweep)] == [UNKNOWN]


def test_a_template_that_is_gone_is_trusted_only_where_templates_were_listed() -> None:
    suspects = {SUSPECT: NOW - MINUTE}

    assert [one.what for one in found(with_templates(suspects=suspects), do.Trust)] == [SUSPECT]
    assert found(world([of_fleet(1)], suspects=suspects), do.Trust) == []


def test_a_machine_that_nobody_wants_any_more_is_trusted_when_it_is_gone() -> None:
    what = f"orphan:{REGION}:i-00000000000000abc"
    [trust] = found(world([of_fleet(1)], suspects={what: NOW - MINUTE}), do.Trust)
    assert trust.what == what


def test_a_launch_whose_role_is_gone_is_closed() -> None:
    launch = opened(want=2, role="gone")
    [close] = found(world(launches={LAUNCH: launch}), do.Close)
    assert close.reason == "got 0 of 2: its role is gone"


def test_a_machine_over_what_its_launch_wanted_is_suspected_and_one_within_is_adopted() -> None:
    ended = opened(want=2, got=1, state=LaunchState.PARTIAL, opened_at=START, asked_at=START)
    listed = [machine(of_fleet(number), launched_at=START) for number in (7, 8)]
    seen = world(instances=listed, launches={LAUNCH: ended}, now=NOW)

    assert [one.node.certname for one in found(seen, do.Adopt)] == [of_fleet(7).certname]
    assert [one.what for one in found(seen, do.Suspect)] == [
        f"orphan:{REGION}:{of_fleet(8).certname}"
    ]


def test_a_back_off_doubles_with_each_failure_up_to_the_longest() -> None:
    seen = world()
    spans = [backoff_span(failures, seen) for failures in (1, 2, 3)]

    assert spans == [MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert backoff_span(99, seen) == seen.timeouts.longest_backoff


def test_the_silence_of_a_command_is_counted_from_its_last_sign_of_life() -> None:
    dead = opened(owner="alice@ops:1", opened_at=NOW - HOUR, heartbeat=NOW - MINUTE)
    [close] = found(world(launches={LAUNCH: dead}), do.Close)
    assert close.reason == "its command (alice@ops:1) was not heard of for 1m"


QUOTA = quotas(Market.ON_DEMAND, ["c5.large", "c5a.large"], REGION)


@pytest.mark.parametrize("market", list(Market))
def test_a_used_up_quota_of_on_demand_is_waited_for_until_its_time_is_over(market: Market) -> None:
    """So that the next launch tries spot again, which this one has left."""
    launch = opened(want=2, market=market, deadline=NOW)
    ends = NOW + (FALLBACK_SPAN if market is Market.SPOT else timedelta())

    def at(time: datetime) -> World:
        return world(launches={LAUNCH: launch}, now=time, quotas=QUOTA)

    [close] = found(at(ends), do.Close)
    assert close.reason == "got 0 of 2: the on-demand quota is used up (Standard)"
    assert close.failed
    before = at(ends - timedelta(seconds=1))
    assert (found(before, do.Close), found(before, do.Advance)) == ([], [])


def test_a_quota_of_another_family_stops_nothing() -> None:
    launch = opened(want=2, market=Market.ON_DEMAND, deadline=NOW)
    other = quotas(Market.ON_DEMAND, ["g5.large"], REGION)
    seen = world(launches={LAUNCH: launch}, now=NOW, quotas=other)
    assert len(found(seen, do.Advance)) == 1


def test_a_launch_of_a_fleet_without_a_size_is_closed_and_an_extra_is_not() -> None:
    unsized = [known(size=None)]

    def closed(kind: Kind) -> list[str]:
        launch = opened(want=2, kind=kind)
        return [
            one.reason for one in found(world(launches={LAUNCH: launch}, roles=unsized), do.Close)
        ]

    assert closed(Kind.FLEET) == ["got 0 of 2: its role has no size any more"]
    assert closed(Kind.EXTRA) == []


def test_an_open_launch_asks_for_nothing_while_the_clocks_differ() -> None:
    seen = world(launches={LAUNCH: opened(want=2)})
    untimed = replace(seen, untimed="the clocks differ")

    assert len(found(seen, do.Advance)) == 1
    assert found(untimed, do.Advance) == []


@pytest.mark.parametrize(
    ("launches", "words"), [(True, "of launch l-"), (False, "of unknown launch l-")]
)
def test_an_adopted_machine_says_whether_its_launch_is_known(launches: bool, words: str) -> None:
    ended = opened(want=2, got=1, state=LaunchState.PARTIAL, opened_at=START, asked_at=START)
    listed = [machine(of_fleet(7), launched_at=START)]
    seen = world(instances=listed, launches={LAUNCH: ended} if launches else {}, now=NOW)
    [adopt] = found(seen, do.Adopt)
    assert words in adopt.reason
