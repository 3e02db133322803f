"""What a pass decides, from what it knows: sentences in pairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from enc.domain.lifetimes import spread
from enc.domain.model import (
    Attempt,
    Hold,
    HoldCause,
    Kind,
    LaunchState,
    Market,
    Node,
    SpoiltLaunch,
    State,
)
from provisioner.domain import actions as do
from provisioner.domain.actions import Action
from provisioner.domain.deciding import decide
from provisioner.domain.world import Region, Rules, World
from provisioner.ports.ec2 import InstanceState
from provisioner.ports.notices import Warned
from tests.builders import foreign
from tests.fakes.clock import START
from tests.worlds import LAUNCH, known, machine, of_fleet, opened, world

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NOW = START + HOUR


def found(seen: World, kind: type[Action]) -> list[Any]:
    return [one for one in decide(seen).actions if isinstance(one, kind)]


def targets(seen: World, kind: type[Action]) -> list[str]:
    return [one.target for one in found(seen, kind)]


def three() -> list[Node]:
    return [of_fleet(number) for number in (1, 2, 3)]


# Size.


def test_a_whole_fleet_needs_nothing() -> None:
    assert decide(world(three())).actions == ()


def test_what_is_missing_is_launched_and_says_how_many() -> None:
    [open_] = found(world(three()[:1]), do.Open)
    assert (open_.count, open_.reason) == (2, "2 of 3 missing")


def test_open_wants_are_not_asked_for_twice() -> None:
    launch = opened(want=2)
    assert found(world(three()[:1], now=NOW, launches={LAUNCH: launch}), do.Open) == []


def test_a_launch_of_another_role_or_kind_is_no_want_of_this_fleet() -> None:
    for other in (opened(want=2, role="db"), opened(want=2, kind=Kind.EXTRA)):
        [open_] = found(world(three()[:1], launches={LAUNCH: other}), do.Open)
        assert open_.count == 2


def test_draining_failed_and_lost_nodes_are_not_wanted() -> None:
    nodes = [*three()[:2], of_fleet(3, State.DRAINING, state_since=NOW)]
    [open_] = found(world(nodes), do.Open)
    assert open_.count == 1


def test_a_launch_asks_for_no_more_than_it_may() -> None:
    [open_] = found(world(roles=[known(size=500)]), do.Open)
    assert open_.count == 100


# Rotation.


def old(number: int) -> Node:
    return of_fleet(number, launched_at=START - 2 * DAY)


def test_a_replacement_is_launched_before_anything_drains() -> None:
    seen = world([old(1), *three()[1:]])
    [open_] = found(seen, do.Open)
    assert open_.count == 1
    assert "to replace i-00000000000000001" in open_.reason
    assert found(seen, do.Drain) == []


def test_when_it_is_ready_the_oldest_drains() -> None:
    seen = world([old(1), *three()[1:], of_fleet(4)])
    [drain] = found(seen, do.Drain)
    assert (drain.target, drain.floor) == ("i-00000000000000001", 3)
    assert "old (max_age 1d)" in drain.reason


def test_while_it_is_not_ready_nothing_drains_and_the_plan_says_so() -> None:
    plan = decide(world([old(1), *three()[1:], of_fleet(4, State.RUNNING)]))
    assert [one for one in plan.actions if isinstance(one, do.Drain)] == []
    assert any("waiting until replacements are ready" in note for note in plan.notes)


def test_those_born_together_are_not_due_together() -> None:
    """The first is due a tenth before its time, or less."""
    nodes = [of_fleet(number) for number in range(1, 200)]
    ages = sorted(DAY * (1 - 0.1 * spread(node.certname)) for node in nodes)
    assert ages[0] < DAY * 0.91
    assert ages[-1] <= DAY
    assert len(set(ages)) == len(ages)


def test_a_window_that_is_closed_stops_age_but_not_what_was_asked_for() -> None:
    closed = known(windows=["Mon 00:00-00:01"])
    assert found(world([old(1), *three()[1:]], roles=[closed]), do.Open) == []
    asked = replace(old(1), replace_because="asked for by alice")
    [open_] = found(world([asked, *three()[1:]], roles=[closed]), do.Open)
    assert "asked for by alice" in open_.reason


def test_without_a_surge_the_old_goes_first_but_never_below_the_floor() -> None:
    role = known(surge=0, max_unavailable=1)
    [drain] = found(world([old(1), old(2), of_fleet(3)], roles=[role]), do.Drain)
    assert drain.floor == 2
    assert found(world([old(1), old(2)], roles=[role]), do.Drain) == []


def test_ready_nodes_that_ec2_does_not_list_do_not_count_as_ready() -> None:
    nodes = [old(1), *three()[1:], of_fleet(4)]
    listed = [machine(node) for node in nodes[:3]]
    assert found(world(nodes, instances=listed), do.Drain) == []


# The breaker.


@pytest.mark.parametrize(("size", "ready", "stops"), [(2, 3, False), (1, 3, True), (0, 1, True)])
def test_a_cut_of_more_than_a_third_stops_and_a_smaller_one_drains(
    size: int, ready: int, stops: bool
) -> None:
    nodes = [of_fleet(number) for number in range(1, ready + 1)]
    seen = world(nodes, roles=[known(size=size, applied_at=NOW)])
    assert bool(found(seen, do.Stop)) is stops
    assert bool(found(seen, do.Drain)) is not stops


@pytest.mark.parametrize(("surge", "stops"), [(4, False), (1, True)])
def test_what_we_launched_beyond_the_size_ourselves_is_no_cut(surge: int, stops: bool) -> None:
    """The windows have closed, or those to be replaced were held: nothing is due any more."""
    nodes = [of_fleet(number) for number in range(1, 6)]
    seen = world(nodes, roles=[known(size=1, surge=surge)])
    assert bool(found(seen, do.Stop)) is stops
    assert len(found(seen, do.Drain)) == (0 if stops else 4)


def test_what_was_approved_and_what_is_forced_is_done() -> None:
    nodes = three()
    names = frozenset(node.certname for node in nodes)
    cut = [known(size=0)]
    assert len(found(world(nodes, roles=cut, approved={"web": names}), do.Drain)) == 3
    assert len(found(world(nodes, roles=cut, rules=Rules(force=True)), do.Drain)) == 3


def test_the_breakers_hold_stops_ends_but_not_filling() -> None:
    hold = Hold(role="web", why="x", since=START, by="converge", cause=HoldCause.BREAKER)
    seen = world([old(1)], holds={"web": hold})
    [open_] = found(seen, do.Open)
    assert open_.count == 2
    paused = replace(hold, cause=HoldCause.ASKED)
    assert found(world([old(1)], holds={"web": paused}), do.Open) == []


# What is not done, and why.


def test_a_node_that_is_to_be_replaced_and_held_is_told() -> None:
    node = replace(of_fleet(1), replace_because="asked for by alice", held="core dump")
    [note] = decide(world([node, *three()[1:]])).notes
    assert f"{node.certname} is to be replaced, and held: core dump; 'provisioner unhold" in note


def test_a_node_whose_role_has_no_size_is_not_replaced_and_that_is_told() -> None:
    node = replace(of_fleet(1), replace_because="asked for by alice")
    seen = world([node], roles=[known(size=None)])
    assert decide(seen).actions == ()
    assert f"{node.certname} is to be replaced, and web has no size" in decide(seen).notes[0]


def test_a_role_that_moved_out_of_a_region_that_is_dead_says_what_it_waits_for() -> None:
    there = [replace(node, region="eu-west-1") for node in three()]
    seen = world(there, instances=[])
    dead = Region(name="eu-west-1", error="it is away")
    seen = replace(seen, regions={**seen.regions, "eu-west-1": dead})
    assert found(seen, do.Open) == []
    [told] = [note for note in decide(seen).notes if note.startswith("web")]
    assert "3 of its nodes are in region eu-west-1, which cannot be read" in told


def test_a_launch_that_cannot_be_read_keeps_its_role_from_launching_and_no_other() -> None:
    seen = world(roles=[known(), known("db")])
    for role, filled in (("web", ["3 x db"]), ("", [])):
        spoilt = {LAUNCH: SpoiltLaunch(role=role, why="lacks want")}
        now = replace(seen, spoilt_launches=spoilt)
        assert targets(now, do.Open) == filled
        assert any(LAUNCH in note and "lacks want" in note for note in decide(now).notes)


def test_the_machine_of_a_launch_that_cannot_be_read_is_left_alone() -> None:
    node = of_fleet(1)
    seen = world(instances=[machine(node)], now=START + DAY)
    seen = replace(seen, spoilt_launches={LAUNCH: SpoiltLaunch(role="web", why="lacks want")})
    assert (found(seen, do.Adopt), found(seen, do.EndOrphan), found(seen, do.Suspect)) == ([],) * 3


def test_a_machine_whose_record_cannot_be_read_is_wanted() -> None:
    nodes = three()
    seen = world(nodes)
    spoilt = {nodes[0].certname: "has state = 'x'"}
    rest = {node.certname: node for node in nodes[1:]}
    assert found(replace(seen, nodes=rest, unreadable=spoilt), do.Open) == []
    gone = world(nodes[1:]).regions
    assert len(found(replace(seen, nodes=rest, unreadable=spoilt, regions=gone), do.Open)) == 1


def test_roles_whose_counts_are_wrong_are_counted_first() -> None:
    seen = replace(world(three()[:1]), miscounted=frozenset({"web"}))
    assert isinstance(decide(seen).actions[0], do.Recount)


# What EC2 says.


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.READY, State.DRAINING])
def test_a_terminated_machine_is_lost(state: State) -> None:
    node = of_fleet(1, state)
    dead = machine(node, InstanceState.TERMINATED, state_reason="Server.Spot")
    [write] = found(world([node], instances=[dead]), do.Write)
    assert (write.what, write.reason) == ("lost", "EC2 lists it terminated: Server.Spot")


def test_in_a_region_that_cannot_be_read_nothing_is_lost_ended_or_launched() -> None:
    nodes = [*three()[:1], of_fleet(2, State.RETIRING, retire_step="confirm")]
    plan = decide(world(nodes, instances=[], error="it is ill"))
    assert plan.actions == ()
    assert any("it is ill" in note for note in plan.notes)


def test_a_young_machine_that_is_not_listed_is_not_suspected() -> None:
    node = of_fleet(1, State.PENDING, launched_at=NOW - MINUTE)
    assert found(world([node], instances=[]), do.Suspect) == []


def test_one_that_is_not_listed_is_suspected_and_then_asked_for_by_its_id() -> None:
    node, what = of_fleet(1), "absent:i-00000000000000001"
    assert targets(world([node], instances=[]), do.Suspect) == [what]
    soon = world([node], instances=[], suspects={what: NOW - MINUTE / 2})
    assert found(soon, do.Write) == []
    [write] = found(world([node], instances=[], suspects={what: NOW - MINUTE}), do.Write)
    assert (write.what, write.ask) == ("lost", True)


def test_a_suspicion_that_is_not_seen_again_is_over() -> None:
    what = "absent:i-00000000000000001"
    assert targets(world(three(), suspects={what: NOW - MINUTE}), do.Trust) == [what]
    blind = world(three(), suspects={what: NOW - MINUTE}, error="ill")
    assert found(blind, do.Trust) == []


def test_a_foreign_node_is_left_alone() -> None:
    assert decide(world([foreign()], roles=[])).actions == ()


def test_clocks_that_differ_stop_what_hangs_on_the_time_and_nothing_else() -> None:
    extra = of_fleet(9, kind=Kind.EXTRA, expires_at=NOW)
    nodes = [old(1), of_fleet(2), extra]
    seen = world(nodes, untimed="Redis' clock differs")
    assert decide(seen).actions == ()
    assert do.End in {type(one) for one in decide(world(nodes)).actions}


# Notices.


def test_an_interruption_drains_and_replaces_in_one_pass() -> None:
    nodes = three()
    seen = world(nodes, warned={nodes[0].certname: Warned.INTERRUPTION})
    assert targets(seen, do.Drain) == [nodes[0].certname]
    [open_] = found(seen, do.Open)
    assert open_.count == 1


def test_a_rebalance_recommendation_does_nothing_unless_the_role_asks() -> None:
    nodes = three()
    warned = {nodes[0].certname: Warned.REBALANCE}
    assert decide(world(nodes, warned=warned)).actions == ()
    ignoring = known(rebalance="ignore")
    assert decide(world(nodes, warned=warned, roles=[ignoring])).actions == ()


def test_a_rebalance_recommendation_does_nothing_where_the_role_is_gone() -> None:
    nodes = three()
    seen = world(nodes, warned={nodes[0].certname: Warned.REBALANCE}, roles=[])
    assert found(seen, do.Write) == []


def test_a_role_that_ignores_advice_heeds_an_interruption() -> None:
    nodes = three()
    roles = [known(rebalance="ignore")]
    seen = world(nodes, warned={nodes[0].certname: Warned.INTERRUPTION}, roles=roles)
    assert targets(seen, do.Drain) == [nodes[0].certname]


def test_a_rebalance_recommendation_replaces_first_where_the_role_asks() -> None:
    nodes = three()
    roles = [known(rebalance="replace")]
    seen = world(nodes, warned={nodes[0].certname: Warned.REBALANCE}, roles=roles)
    assert found(seen, do.Drain) == []
    [write] = found(seen, do.Write)
    assert write.what == "to be replaced"
    assert found(seen, do.Open)[0].count == 1


# Not ready in time.


def waiting(**fields: Any) -> Node:
    return of_fleet(1, State.RUNNING, launched_at=NOW - 20 * MINUTE, **fields)


def test_one_that_is_late_fails_when_another_one_reported_meanwhile() -> None:
    other = of_fleet(2, report_at=NOW - MINUTE)
    [write] = found(world([waiting(), other]), do.Write)
    assert write.what == "failed"


def test_one_that_is_late_does_not_fail_while_nobody_reports() -> None:
    other = of_fleet(2, report_at=NOW - HOUR)
    assert found(world([waiting(), other]), do.Write) == []


def test_one_that_is_alone_has_four_times_the_time() -> None:
    assert found(world([waiting()]), do.Write) == []
    later = world([waiting()], now=NOW + 40 * MINUTE)
    assert [one.what for one in found(later, do.Write)] == ["failed"]


def test_its_own_report_is_nobody_elses() -> None:
    assert found(world([waiting(report_at=NOW)]), do.Write) == []


# Machines without a record.


def stranger(**tags: str) -> Any:
    one = machine(of_fleet(7, State.PENDING))
    return replace(one, tags={**one.tags, **tags})


def test_a_machine_of_ours_without_a_record_is_adopted() -> None:
    seen = world(instances=[stranger()])
    assert targets(seen, do.Adopt) == ["i-00000000000000007"]


def test_not_while_its_command_lives_nor_over_its_want() -> None:
    alive = opened(owner="alice@ops:1", heartbeat=NOW)
    assert found(world(instances=[stranger()], launches={LAUNCH: alive}), do.Adopt) == []
    full = opened(want=1, got=1, state=LaunchState.COMPLETE)
    seen = world(instances=[stranger()], launches={LAUNCH: full})
    assert found(seen, do.Adopt) == []
    assert targets(seen, do.Suspect) == ["orphan:us-east-1:i-00000000000000007"]


def test_an_orphan_ends_when_it_is_seen_twice() -> None:
    full = opened(want=1, got=1, state=LaunchState.COMPLETE)
    suspects = {"orphan:us-east-1:i-00000000000000007": NOW - MINUTE}
    seen = world(instances=[stranger()], launches={LAUNCH: full}, suspects=suspects)
    assert targets(seen, do.EndOrphan) == ["i-00000000000000007"]


def test_never_more_than_a_tenth_or_ten_end_as_orphans_at_once() -> None:
    full = opened(want=1, got=1, state=LaunchState.COMPLETE)
    many = [replace(stranger(), id=f"i-{n:017x}") for n in range(100, 140)]
    suspects = {f"orphan:us-east-1:{one.id}": NOW - MINUTE for one in many}
    seen = world(instances=many, launches={LAUNCH: full}, suspects=suspects)
    assert len(found(seen, do.EndOrphan)) == 10


@pytest.mark.parametrize(
    "tags", [{"rolecall:launch": "l-1"}, {"rolecall:role": ""}, {"rolecall:site": "other"}]
)
def test_a_machine_that_only_looks_like_ours_is_left_alone(tags: dict[str, str]) -> None:
    plan = decide(world(instances=[stranger(**tags)], roles=[]))
    assert plan.actions == ()
    assert any("i-00000000000000007 in us-east-1 is left alone" in note for note in plan.notes)


# Launches.


def test_an_open_launch_asks_spot_then_on_demand_and_then_ends() -> None:
    launch = opened(want=2)
    [onward] = found(world(launches={LAUNCH: launch}), do.Advance)
    assert onward.reason == "2 of 2 missing: spot"
    over = world(launches={LAUNCH: launch}, now=launch.deadline)
    assert "spot's deadline has passed" in found(over, do.Advance)[0].reason


@pytest.mark.parametrize(("seconds", "goes_on"), [(0, True), (29, True), (30, False)])
def test_on_demand_has_the_same_time_from_its_first_request_as_in_a_command(
    seconds: int, goes_on: bool
) -> None:
    """Also where spot was given up long before its deadline."""
    asked = Attempt(number=1, at=NOW, market=Market.ON_DEMAND, wanted=2)
    launch = opened(want=2, asked=1, attempts=(asked,), deadline=NOW + 5 * MINUTE)
    then = world(launches={LAUNCH: launch}, now=NOW + timedelta(seconds=seconds))

    assert bool(found(then, do.Advance)) is goes_on
    assert bool(found(then, do.Close)) is not goes_on


def test_an_on_demand_launch_that_nobody_asked_for_in_time_is_asked_for_once() -> None:
    launch = opened(want=2, market=Market.ON_DEMAND, deadline=NOW - MINUTE)
    asked = Attempt(number=1, at=NOW - 2 * MINUTE, market=Market.ON_DEMAND, wanted=2)
    [onward] = found(world(launches={LAUNCH: launch}), do.Advance)
    again = replace(launch, attempts=(asked,), asked=1)

    assert onward.reason == "2 of 2 missing: on-demand"
    assert found(world(launches={LAUNCH: again}), do.Advance) == []
    assert targets(world(launches={LAUNCH: again}), do.Close) == [LAUNCH]


def test_a_launch_of_long_ago_asks_for_nothing() -> None:
    launch = opened(want=2, opened_at=START - DAY, deadline=START - DAY)
    [close] = found(world(launches={LAUNCH: launch}), do.Close)
    assert (close.state, close.failed) == (LaunchState.FAILED, False)


def test_a_request_without_an_answer_is_waited_for() -> None:
    launch = opened(want=2, asked=1, asked_at=NOW - MINUTE / 2)
    assert found(world(launches={LAUNCH: launch}), do.Advance) == []
    launch = opened(want=2, asked=1, asked_at=NOW - MINUTE)
    assert len(found(world(launches={LAUNCH: launch}), do.Advance)) == 1


def test_a_changed_launch_section_closes_what_is_still_asked_for() -> None:
    launch = opened(want=2, spec_hash="other")
    [close] = found(world(launches={LAUNCH: launch}), do.Close)
    assert "has changed" in close.reason


def test_a_dead_commands_launch_is_closed_and_a_living_ones_is_not() -> None:
    owner = {"owner": "alice@ops:1", "market": Market.SPOT}
    dead = opened(heartbeat=NOW - MINUTE, **owner)
    assert targets(world(launches={LAUNCH: dead}), do.Close) == [LAUNCH]
    alive = opened(heartbeat=NOW - MINUTE / 4, **owner)
    assert found(world(launches={LAUNCH: alive}), do.Close) == []
