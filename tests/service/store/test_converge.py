"""A pass of converge against EC2 in memory and a real Redis: what it does, and what it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Hold, Kind, LaunchState, Market, State
from enc.inventory import Inventory, LeaseHeldError
from provisioner.loop.acts.done import Result
from provisioner.ports.errors import CloudError, Refusal, Trouble
from tests.builders import event, foreign
from tests.csrs import spoiling
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT
from tests.service.farm import Farm
from tests.service.invariants import check


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


# Filling.


def test_a_fleet_is_filled_up_to_its_size_and_then_left_alone(farm: Farm, redis: Redis) -> None:
    farm.apply()
    farm.passes(3)
    assert len(farm.ready()) == 3
    assert farm.open_launches() == []
    assert farm.cloud.template_names == []
    asked = farm.cloud.count("create_fleet")
    last = farm.passes(3)
    assert farm.cloud.count("create_fleet") == asked == 1
    assert last.plan.actions == ()
    check(redis)


def test_a_role_without_a_size_gets_no_machines(farm: Farm) -> None:
    farm.apply(fleet={"size": None})
    farm.passes(2)
    assert farm.cloud.alive == []


def test_a_lost_machine_is_replaced_and_forgotten(farm: Farm, redis: Redis) -> None:
    first, *_ = farm.grown()
    farm.cloud.kill(first)
    farm.passes(4)
    assert first not in farm.ready()
    assert len(farm.ready()) == 3
    ended = farm.store.nodes.archived(first)
    assert ended is not None
    assert "EC2 lists it terminated" in ended.reason
    check(redis)


def test_what_plan_says_is_what_converge_does(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.cloud.kill(first)
    planned = farm.plan()
    before = [node.rev for node in farm.nodes()]
    assert [node.rev for node in farm.nodes()] == before
    assert farm.converge().plan == planned


def test_plan_changes_nothing(farm: Farm, redis: Redis) -> None:
    farm.apply()
    before = redis.dbsize()
    assert [one.verb for one in farm.plan().actions] == ["launch"]
    assert farm.cloud.alive == []
    assert redis.dbsize() == before


def test_only_the_roles_that_were_named_are_touched(farm: Farm) -> None:
    farm.apply("web")
    farm.apply("db")
    farm.converge("web")
    assert {node.role for node in farm.nodes()} == {"web"}


# Launches that take several passes.


def test_a_partial_answer_is_followed_by_one_request_a_pass(farm: Farm) -> None:
    farm.cloud.capacity("*:*:*", 1)
    farm.apply()
    farm.converge()
    assert len(farm.cloud.alive) == 1
    assert len(farm.open_launches()) == 1
    asked = farm.cloud.count("create_fleet")
    farm.clock.step(61)
    farm.converge()
    assert farm.cloud.count("create_fleet") == asked + 1


def test_spot_that_does_not_come_is_on_demand_after_its_deadline(farm: Farm) -> None:
    farm.cloud.capacity("spot:*:*", 0)
    farm.apply(spot_deadline="3m")
    farm.passes(5)
    assert {node.market for node in farm.nodes()} == {Market.ON_DEMAND}
    assert len(farm.nodes()) == 3
    assert farm.open_launches() == []


def test_without_a_fallback_nothing_comes_and_the_role_backs_off(farm: Farm) -> None:
    farm.cloud.capacity("spot:*:*", 0)
    farm.apply(spot_deadline="2m", fallback="none")
    farm.passes(2)
    farm.converge()
    assert farm.nodes() == []
    assert farm.open_launches() == []
    assert farm.store.backoffs.all(["web"])["web"].launches
    assert any("failed in a row" in note for note in farm.plan().notes)


def test_denied_closes_the_launch_at_once(farm: Farm) -> None:
    farm.cloud.fail("create_fleet", Trouble.DENIED)
    farm.apply()
    last = farm.converge()
    assert [one.result for one in last.done] == [Result.FAILED]
    assert farm.open_launches() == []
    assert farm.cloud.template_names == []


# Machines without a record.


def test_what_a_lost_answer_made_is_adopted(farm: Farm, redis: Redis) -> None:
    farm.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    farm.apply()
    farm.passes(3)
    assert len(farm.cloud.alive) == 3
    assert len(farm.ready()) == 3
    check(redis)


def test_one_over_the_want_ends_when_a_second_pass_sees_it_too(farm: Farm) -> None:
    farm.grown()
    machine = farm.cloud.machines.by_id[farm.ready()[0]]
    extra = farm.cloud.copy(machine)
    farm.converge()
    assert extra in farm.cloud.alive
    farm.clock.step(61)
    farm.converge()
    assert extra not in farm.cloud.alive


def test_a_machine_of_an_unknown_launch_is_adopted(farm: Farm) -> None:
    farm.grown()
    machine = farm.cloud.machines.by_id[farm.ready()[0]]
    extra = farm.cloud.copy(machine, {"rolecall:launch": "l-00000000000000ff"})
    farm.converge()
    assert extra in {node.certname for node in farm.nodes()}


@pytest.mark.parametrize(
    "tags",
    [
        {"rolecall:launch": "mine"},
        {"rolecall:role": ""},
        {"rolecall:launch": ""},
    ],
)
def test_a_machine_with_tags_that_only_look_like_ours_is_left_alone(
    farm: Farm, tags: dict[str, str]
) -> None:
    farm.grown()
    machine = farm.cloud.machines.by_id[farm.ready()[0]]
    extra = farm.cloud.copy(machine, tags)
    farm.passes(3)
    assert extra in farm.cloud.alive
    assert extra not in {node.certname for node in farm.nodes()}
    assert any(extra in note for note in farm.plan().notes)


def test_a_machine_that_the_archive_knows_and_that_runs_ends(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.cloud.kill(first)
    farm.passes(3)
    farm.cloud.machines.by_id[first].ended = None
    farm.settle()
    assert first not in farm.cloud.alive


# "I could not look" is never "it is gone".


def test_nothing_is_decided_of_a_region_that_cannot_be_read(farm: Farm) -> None:
    ready = farm.grown()
    farm.wait(timedelta(hours=1))
    farm.cloud.fail("instances", Trouble.UNAVAILABLE, times=3)
    for _ in range(3):
        farm.clock.step(61)
        last = farm.converge()
        assert last.plan.actions == ()
        assert any("cannot be read" in note for note in last.plan.notes)
    assert farm.ready() == ready


def test_nothing_is_looked_at_with_the_credentials_of_nobody(farm: Farm) -> None:
    ready = farm.grown()
    farm.store.redis.hset("meta", "account", ACCOUNT)
    farm.cloud.fail("account", Trouble.NO_CREDENTIALS)
    with pytest.raises(CloudError):
        farm.converge()
    assert farm.ready() == ready
    assert farm.store.leases.current() is None


def test_one_listing_without_it_is_no_loss(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.wait(timedelta(minutes=10))
    machine = farm.cloud.machines.by_id.pop(first)
    farm.converge()
    farm.cloud.machines.by_id[first] = machine
    farm.clock.step(61)
    farm.converge()
    assert first in farm.ready()
    assert farm.store.suspects.all() == {}


def test_two_listings_without_it_are_a_loss(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.wait(timedelta(minutes=10))
    farm.cloud.forget(first)
    farm.passes(5)
    assert farm.store.nodes.archived(first) is not None
    assert len(farm.ready()) == 3


def test_a_foreign_node_is_never_looked_for_in_ec2(farm: Farm) -> None:
    farm.grown()
    farm.store.nodes.create(foreign(), event())
    farm.passes(4)
    assert "db1.example.com" in farm.ready()


def test_a_stopped_machine_is_kept_replaced_and_back_when_it_runs_again(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.cloud.stop(first)
    farm.passes(3)
    kept = farm.store.nodes.get(first)
    assert kept is not None
    assert kept.state is State.LOST
    assert first in farm.cloud.alive
    assert len(farm.ready()) == 3
    farm.cloud.stop(first, stopped=False)
    farm.converge()
    back = farm.store.nodes.get(first)
    assert back is not None
    assert back.state is State.RUNNING


# Rotation and size.


def test_what_is_too_old_is_replaced_first_and_ended_then(farm: Farm, redis: Redis) -> None:
    old = farm.grown(fleet={"max_age": "2h"})
    farm.wait(timedelta(hours=2))
    for _ in range(20):
        farm.passes(1)
        assert len(farm.ready()) >= 3
        wanted = farm.nodes(State.PENDING, State.RUNNING, State.READY)
        assert len(wanted) <= 5
    assert not set(old) & set(farm.ready())
    check(redis)


def test_a_changed_spec_replaces_gradually(farm: Farm) -> None:
    old = farm.grown()
    farm.apply(spec_hash="fedcba9876543210")
    farm.passes(20)
    assert not set(old) & set(farm.ready())
    assert len(farm.ready()) == 3


def test_a_role_that_is_older_than_the_machines_replaces_nothing(farm: Farm) -> None:
    """A store that was restored from a backup must not roll the fleet back."""
    old = farm.grown()
    for name in old:
        tags = farm.cloud.machines.by_id[name].tags
        tags["rolecall:spec"] = "2026-06-01T00:00:00+00:00:fedcba9876543210"
        node = farm.store.nodes.get(name)
        assert node is not None
        farm.store.nodes.change(node, event(), spec_hash="fedcba9876543210")
    farm.passes(5)
    assert farm.ready() == old


def test_a_smaller_size_drains_the_oldest(farm: Farm) -> None:
    old = farm.grown(4)
    farm.apply(fleet={"size": 3})
    farm.passes(9)
    assert len(farm.ready()) == 3
    assert set(farm.ready()) < set(old)


@pytest.mark.parametrize("size", [0, 1])
def test_a_cut_of_more_than_a_third_holds_the_role_until_resume(farm: Farm, size: int) -> None:
    old = farm.grown(4)
    farm.apply(fleet={"size": size})
    farm.passes(3)
    assert farm.ready() == old
    hold = farm.store.holds.all(["web"])["web"]
    assert len(hold.nodes) == 4 - size
    farm.store.holds.lift(hold, event("resumed"))
    farm.passes(9)
    assert len(farm.ready()) == size


def test_a_held_node_is_not_replaced(farm: Farm) -> None:
    old = farm.grown(fleet={"max_age": "2h"})
    node = farm.store.nodes.get(old[0])
    assert node is not None
    farm.store.nodes.change(node, event(), held="being looked at")
    farm.wait(timedelta(hours=2))
    farm.passes(20)
    assert set(old) & set(farm.ready()) == {old[0]}


@pytest.mark.parametrize("stopped", ["web", ""])
def test_a_stopped_role_is_neither_filled_nor_rotated(farm: Farm, stopped: str) -> None:
    old = farm.grown(fleet={"max_age": "2h"})
    hold = Hold(role=stopped, why="a test", since=farm.clock.now(), by="alice@ops")
    farm.store.holds.put(hold, event("held"))
    farm.cloud.kill(old[0])
    farm.wait(timedelta(hours=2))
    farm.passes(4)
    assert farm.ready() == old[1:]
    # The cleaning up of what is gone goes on.
    assert farm.store.nodes.archived(old[0]) is not None
    farm.store.holds.lift(hold, event("resumed"))
    farm.passes(20)
    assert len(farm.ready()) == 3
    assert not set(old) & set(farm.ready())


# Failing.


def test_a_node_that_is_not_ready_in_time_fails_if_others_reported_meanwhile(farm: Farm) -> None:
    farm.apply("other", fleet={"size": 1})
    farm.passes(3)
    farm.puppet = False
    farm.apply("web", fleet={"size": 1})
    farm.passes(3)
    farm.wait(timedelta(minutes=15))
    farm.report_of("other")
    farm.converge()
    assert [node.role for node in farm.nodes(State.FAILED)] == ["web"]


def test_a_puppetserver_that_answers_nobody_fails_no_node(farm: Farm) -> None:
    farm.apply("other", fleet={"size": 1})
    farm.passes(3)
    farm.puppet = False
    farm.apply("web", fleet={"size": 1})
    farm.passes(3)
    farm.wait(timedelta(minutes=50))
    farm.converge()
    assert farm.nodes(State.FAILED) == []


def test_two_launches_that_never_become_ready_stop_the_role(farm: Farm) -> None:
    farm.apply("other", fleet={"size": 1})
    farm.passes(3)
    farm.puppet = False
    farm.apply("web", fleet={"size": 1})
    for _ in range(60):
        farm.passes(1)
        farm.report_of("other")
    assert farm.store.holds.all(["web"])["web"].cause == "failures"
    assert len([1 for who, _ in farm.launched if who == "web"]) == 2
    # Another spec is another chance.
    farm.puppet = True
    farm.apply("web", fleet={"size": 1}, spec_hash="fedcba9876543210")
    farm.passes(5)
    assert [node.role for node in farm.nodes(State.READY)].count("web") == 1


# Lives.


def test_a_machine_whose_life_is_over_ends(farm: Farm) -> None:
    farm.grown()
    extra = farm.launch_extra(ttl=timedelta(hours=1))
    farm.passes(2)
    farm.wait(timedelta(hours=1))
    farm.passes(4)
    assert extra not in farm.cloud.alive
    ended = farm.store.nodes.archived(extra)
    assert ended is not None
    assert "its life ended" in ended.reason


def test_a_machine_whose_life_is_not_over_does_not_end(farm: Farm) -> None:
    farm.grown()
    extra = farm.launch_extra(ttl=timedelta(hours=1))
    farm.wait(timedelta(minutes=30))
    farm.passes(4)
    assert extra in farm.cloud.alive


# Clocks.


def test_clocks_that_differ_decide_nothing_timed(farm: Farm) -> None:
    old = farm.grown(fleet={"max_age": "2h"})
    farm.wait(timedelta(hours=2))
    farm.bench.store_ahead = timedelta(minutes=2)
    farm.passes(5)
    assert farm.ready() == old
    farm.bench.store_ahead = timedelta(0)
    farm.cloud.ahead = timedelta(minutes=-3)
    farm.passes(5)
    assert farm.ready() == old
    farm.cloud.ahead = timedelta(0)
    farm.passes(20)
    assert not set(old) & set(farm.ready())


# The lease.


def test_a_pass_is_refused_while_another_one_holds_the_lease(farm: Farm) -> None:
    farm.apply()
    farm.store.leases.take("bob@ops", "1", timedelta(seconds=60))
    with pytest.raises(LeaseHeldError, match="bob@ops"):
        farm.converge()
    assert farm.cloud.alive == []


def test_the_lease_is_given_back(farm: Farm) -> None:
    farm.apply()
    farm.converge()
    assert farm.store.leases.current() is None


def test_a_dead_commands_launch_is_closed_and_its_machines_are_kept(farm: Farm) -> None:
    farm.apply("web", fleet={"size": None})
    launch = farm.dead_launch(want=2)
    farm.clock.step(31)
    farm.converge()
    closed = farm.store.launches.get(launch)
    assert closed is not None
    assert closed.state is LaunchState.INTERRUPTED
    assert farm.cloud.template_names == []


def test_a_living_commands_launch_is_left_alone(farm: Farm) -> None:
    farm.apply("web", fleet={"size": None})
    launch = farm.dead_launch(want=2)
    farm.clock.step(20)
    farm.converge()
    found = farm.store.launches.get(launch)
    assert found is not None
    assert found.state is LaunchState.OPEN
    assert len(farm.cloud.template_names) == 1


def test_nodes_of_a_role_that_is_gone_stay_unless_pruned(farm: Farm) -> None:
    old = farm.grown()
    farm.store.redis.srem("roles", "web")
    farm.store.redis.delete("role:web")
    farm.passes(2)
    assert farm.ready() == old
    assert any("role web is gone" in note for note in farm.plan().notes)
    assert {node.kind for node in farm.nodes()} == {Kind.FLEET}


# The CA's list.


def test_a_strangers_request_that_spoils_the_list_is_told_and_stops_no_end(farm: Farm) -> None:
    ca = FakeCA()
    farm.bench.ca = ca
    first, *_ = farm.grown()
    ca.issue(first)
    ca.submit("zzz-stranger", spoiling("zzz-stranger"))
    farm.cloud.kill(first)

    came = farm.passes(4)

    assert farm.store.nodes.archived(first) is not None
    assert ca.revoked == [first]
    [note] = [note for note in came.plan.notes if "spoils the list" in note]
    assert "nothing is signed" not in note


def test_a_ca_that_is_away_stops_an_end_and_is_told(farm: Farm) -> None:
    ca = FakeCA()
    farm.bench.ca = ca
    first, *_ = farm.grown()
    ca.issue(first)
    farm.cloud.kill(first)
    for action in ("pending", "request", "clean"):
        ca.fail(action, Refusal.AWAY, times=1000)

    came = farm.passes(4)

    assert farm.store.nodes.archived(first) is None
    assert any("nothing is signed, cleaned or archived" in note for note in came.plan.notes)
