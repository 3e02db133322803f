"""Where converge stops: how many at a time, how long, and what the breaker lets through."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from enc.domain.lifetimes import allowed_age, last_drain
from enc.domain.limits import Limits
from enc.domain.model import Backoff, Hold, HoldCause, Kind, LaunchState, Node, State
from enc.domain.rolespec import FleetSpec, LaunchSpec
from provisioner.domain import actions as do
from provisioner.domain.deciding import decide
from provisioner.domain.suspicions import absent
from provisioner.domain.world import KnownRole, Rules
from provisioner.ports.ec2 import InstanceState
from provisioner.ports.notices import Warned
from tests.builders import foreign
from tests.fakes.clock import START
from tests.unit.test_deciding import found, old, targets, three
from tests.worlds import LAUNCH, SPEC, known, machine, of_fleet, opened, world

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NOW = START + HOUR
FLEET = FleetSpec.model_validate({"drain": "5m", "ready_timeout": "15m"})


def born_together(count: int) -> list[Node]:
    return [of_fleet(number, launched_at=START) for number in range(1, count + 1)]


def test_machines_born_together_are_replaced_over_a_tenth_of_their_age() -> None:
    due = sorted(allowed_age(node.certname, DAY) for node in born_together(200))

    assert DAY * 0.9 <= due[0] < DAY * 0.91
    assert DAY * 0.99 < due[-1] <= DAY


def test_of_a_fleet_born_together_some_are_due_while_others_are_not() -> None:
    seen = world(
        born_together(20),
        roles=[known(size=20, surge=20)],
        now=START + DAY * 0.95,
    )
    [open_] = found(seen, do.Open)

    assert 4 <= open_.count <= 16


def test_a_cut_of_one_needs_no_approval() -> None:
    seen = world(three()[:2], roles=[known(size=1)])

    assert len(found(seen, do.Drain)) == 1
    assert found(seen, do.Stop) == []


def test_a_cut_of_two_of_three_is_held() -> None:
    applied = known(size=1, applied_at=NOW)
    [stop] = found(world(three(), roles=[applied]), do.Stop)

    assert stop.hold.cause is HoldCause.BREAKER
    assert found(world(three(), roles=[applied]), do.Drain) == []


@pytest.mark.parametrize(("ready", "drained"), [(6, 2), (3, 1), (2, 1)])
def test_without_a_surge_a_third_drains_at_a_time(ready: int, drained: int) -> None:
    nodes = [old(number) for number in range(1, ready + 1)]
    role = known(size=ready, surge=0, max_unavailable=ready - 1)

    assert len(found(world(nodes, roles=[role]), do.Drain)) == drained


def test_two_open_launches_are_enough() -> None:
    launches = {
        name: opened(launch_id=name, want=1)
        for name in (LAUNCH, LAUNCH[:-1] + "b", LAUNCH[:-1] + "c")
    }
    role = [known(size=10)]
    two = dict(list(launches.items())[:2])
    one = dict(list(launches.items())[:1])

    assert found(world(three(), roles=role, launches=two), do.Open) == []
    assert len(found(world(three(), roles=role, launches=one), do.Open)) == 1


@pytest.mark.parametrize(("minutes", "drained"), [(8, 2), (20, 5), (600, 5)])
def test_a_life_is_drained_for_a_quarter_of_it_at_most(minutes: int, drained: int) -> None:
    node = of_fleet(1, launched_at=START, expires_at=START + minutes * MINUTE)
    assert last_drain(node, FLEET) == drained * MINUTE


def test_a_machine_with_a_short_life_is_not_drained_early() -> None:
    node = of_fleet(1, kind=Kind.BURST, launched_at=START, expires_at=START + 8 * MINUTE)

    assert targets(world([node], now=START + 5 * MINUTE), do.Drain) == []
    assert targets(world([node], now=START + 6 * MINUTE), do.Drain) == [node.certname]


def backed_off(until: timedelta, at: timedelta = timedelta(0)) -> Backoff:
    return Backoff(role="web", spec_hash=SPEC, at=NOW + at, until=NOW + until, launches=("l-1",))


def test_a_backoff_by_a_clock_that_was_ahead_lasts_no_longer_than_the_longest() -> None:
    ahead = {"web": backed_off(10 * DAY, at=-31 * MINUTE)}
    good = {"web": backed_off(10 * MINUTE, at=-MINUTE)}

    assert len(found(world(three()[:1], backoffs=ahead), do.Open)) == 1
    assert found(world(three()[:1], backoffs=good), do.Open) == []


def test_a_backoff_that_is_over_stops_nothing() -> None:
    over = {"web": backed_off(timedelta(0), at=-MINUTE)}
    assert len(found(world(three()[:1], backoffs=over), do.Open)) == 1


def test_a_silent_puppet_is_no_reason_to_fail_a_machine_and_another_ones_report_is() -> None:
    young = of_fleet(1, State.RUNNING, launched_at=START)
    peer = of_fleet(2, report_at=NOW, report_status="changed")
    quiet = of_fleet(2)

    assert targets(world([young, peer], roles=[known(size=2)]), do.Write) == [young.certname]
    assert (
        targets(world([young, quiet], roles=[known(size=2)], now=START + 20 * MINUTE), do.Write)
        == []
    )


def test_where_nobody_reports_a_machine_has_four_times_its_time() -> None:
    young, quiet = of_fleet(1, State.RUNNING, launched_at=START), of_fleet(2)
    role = [known(size=2, max_age=None)]

    def failed(at: timedelta) -> list[str]:
        return targets(world([young, quiet], roles=role, now=START + at), do.Write)

    assert failed(59 * MINUTE) == []
    assert failed(60 * MINUTE) == [young.certname]


def test_a_report_of_days_ago_says_nothing_of_now() -> None:
    young = of_fleet(1, State.RUNNING, launched_at=START + 3 * DAY)
    stale = of_fleet(2, report_at=START, report_status="changed")
    seen = world(
        [young, stale],
        instances=[machine(young), machine(stale)],
        roles=[known(size=2, max_age=None)],
        now=START + 3 * DAY + 30 * MINUTE,
    )
    assert targets(seen, do.Write) == []


# Single nodes.


def test_a_stopped_machine_whose_life_is_over_ends_and_another_is_kept() -> None:
    gone = of_fleet(1, kind=Kind.BURST, expires_at=NOW)
    kept = of_fleet(2, kind=Kind.BURST, expires_at=NOW + HOUR)
    stopped = [machine(node, InstanceState.STOPPED) for node in (gone, kept)]
    seen = world([gone, kept], instances=stopped, roles=[known(size=None)])

    assert targets(seen, do.End) == [gone.certname]
    assert targets(seen, do.Write) == [kept.certname]


def test_a_machine_that_ec2_takes_back_before_it_ran_ends_at_once() -> None:
    young = of_fleet(1, State.PENDING, launched_at=NOW)
    there = [machine(young, InstanceState.PENDING)]
    warned = {young.certname: Warned.INTERRUPTION}
    [end] = found(world([young], instances=there, warned=warned), do.End)

    assert (end.taken, end.gone) == (True, False)
    assert found(world([young], instances=there), do.End) == []


def test_a_plan_says_how_many_are_late_while_puppet_answers_nobody() -> None:
    late = of_fleet(1, State.RUNNING, launched_at=START)
    quiet = decide(world([late], now=START + 20 * MINUTE))
    early = decide(world([late], now=START + 10 * MINUTE))

    assert any("are not ready in time" in note for note in quiet.notes)
    assert not any("are not ready in time" in note for note in early.notes)


def test_a_life_is_over_at_its_very_end() -> None:
    burst = of_fleet(1, kind=Kind.BURST, expires_at=NOW)
    assert targets(world([burst], now=NOW), do.End) == [burst.certname]
    assert targets(world([burst], now=NOW - MINUTE / 60), do.End) == []


# What stops a role.


@pytest.mark.parametrize(("role", "says"), [("web", "web is held"), ("", "everything is paused")])
def test_a_plan_says_what_stops_it(role: str, says: str) -> None:
    hold = Hold(role=role, why="a test", since=START, by="bob")
    notes = decide(world(three()[:1], holds={role: hold})).notes

    assert any(says in note for note in notes)


def test_pruning_ends_nodes_of_a_role_that_is_gone_and_no_others() -> None:
    gone, held = of_fleet(1, role="old"), of_fleet(2, role="old", held="wait")
    nodes = [gone, held, of_fleet(3), foreign("a.example", role="old")]
    asked = world(nodes, rules=Rules(prune=True))

    assert targets(asked, do.End) == [gone.certname]
    assert targets(world(nodes), do.End) == []
    unread = world(nodes, rules=Rules(prune=True), unreadable_roles={"old": "damaged"})
    assert targets(unread, do.End) == []


def test_a_launch_that_has_all_is_complete() -> None:
    done = opened(want=2, got=2)
    [close] = found(world(three(), launches={LAUNCH: done}), do.Close)
    assert (close.state, close.failed) == (LaunchState.COMPLETE, False)


def test_a_launch_waits_while_a_person_stops_its_role_and_not_for_the_breaker() -> None:
    def asked(cause: HoldCause) -> int:
        hold = Hold(role="web", why="w", since=START, by="bob", cause=cause)
        seen = world(three()[:1], launches={LAUNCH: opened(want=2)}, holds={"web": hold})
        return len(found(seen, do.Advance))

    assert asked(HoldCause.ASKED) == 0
    assert asked(HoldCause.FAILURES) == 0
    assert asked(HoldCause.BREAKER) == 1


def test_a_suspicion_that_this_pass_does_not_share_is_over() -> None:
    node = of_fleet(1)
    suspects = {absent(node.certname): START, absent("i-unknown"): START}
    listed = world([node], suspects=suspects)
    unlisted = world([node], suspects=suspects, instances=[], now=NOW)
    unread = world([node], suspects=suspects, unreadable={"i-unknown": "damaged"}, error="no")

    assert set(targets(listed, do.Trust)) == set(suspects)
    assert absent(node.certname) not in targets(unlisted, do.Trust)
    assert targets(unread, do.Trust) == []


# The breaker, and surplus.


def test_what_was_launched_to_replace_what_need_not_be_replaced_any_more_goes_quietly() -> None:
    """Three and two of a surge; nobody has lowered the size since."""
    extra = [of_fleet(number, launched_at=START + MINUTE) for number in (4, 5)]
    role = known(surge=2, max_age=None, applied_at=START)
    seen = world([*three(), *extra], roles=[role])

    assert len(found(seen, do.Drain)) == 2
    assert found(seen, do.Stop) == []


def test_a_held_node_is_not_the_one_too_many() -> None:
    nodes = [of_fleet(1, held="mine", launched_at=START - DAY / 4), *three()[1:], of_fleet(4)]
    [drain] = found(world(nodes, roles=[known(max_age=None)]), do.Drain)
    assert drain.target != "i-00000000000000001"


def test_nodes_that_are_due_and_await_their_replacement_are_not_too_many() -> None:
    nodes = [old(1), *three()[1:], of_fleet(4)]
    assert len(found(world(nodes, roles=[known(surge=1)]), do.Drain)) == 1


def test_limits_bound_what_is_launched_over_all_roles() -> None:
    two = [known("a", size=2), known("b", size=2)]
    limited = world(roles=two, limits=Limits(machines=3))

    assert sorted(one.count for one in found(limited, do.Open)) == [1, 2]
    assert sorted(one.count for one in found(world(roles=two), do.Open)) == [2, 2]


def test_launches_of_the_last_hour_count() -> None:
    recent = {("web", "complete"): 3}
    full = world(limits=Limits(launches_per_hour=3), recent=recent)
    room = world(limits=Limits(launches_per_hour=4), recent=recent)

    assert found(full, do.Open) == []
    assert len(found(room, do.Open)) == 1


@pytest.mark.parametrize(
    ("counted", "dead"),
    [
        ({"fleet:ready:spot": 2}, 2),
        ({"extra:ready:spot": 2}, 0),
        ({"fleet:lost:spot": 2}, 0),
        ({}, 0),
    ],
)
def test_damaged_records_of_wanted_fleet_nodes_are_told_to_the_launch(
    counted: dict[str, int], dead: int
) -> None:
    """The store counts them; their machines are gone, so they are launched anew."""
    [open_] = found(world(three()[:1], damaged_counts={"web": counted}), do.Open)
    assert (open_.count, open_.dead) == (2, dead)


def test_a_damaged_record_whose_machine_runs_is_wanted() -> None:
    spoilt = of_fleet(9)
    other = of_fleet(8, kind=Kind.EXTRA)
    there = [machine(node) for node in (*three()[:1], spoilt, other)]
    unreadable = {spoilt.certname: "damaged", other.certname: "damaged"}
    seen = world(
        three()[:1],
        instances=there,
        unreadable=unreadable,
        damaged_counts={"web": {"fleet:ready:spot": 1}},
    )
    [open_] = found(seen, do.Open)
    assert (open_.count, open_.dead) == (1, 0)


def test_a_role_that_changed_its_fallback_ends_what_waits_for_on_demand() -> None:
    late = opened(want=2, deadline=NOW)
    with_fallback = world(three()[:1], launches={LAUNCH: late}, now=NOW)
    role = known()
    without = replace(role, spec=role.spec.model_copy(update={"launch": _no_fallback(role)}))
    seen = world(three()[:1], launches={LAUNCH: late}, now=NOW, roles=[without])

    assert "so on-demand" in found(with_fallback, do.Advance)[0].reason
    [close] = found(seen, do.Close)
    assert close.failed


def _no_fallback(role: KnownRole) -> LaunchSpec:
    assert role.spec.launch is not None
    return role.spec.launch.model_copy(update={"fallback": "none"})
