"""Launches when EC2 is slow, refuses, or its answer is lost; and when Redis goes away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from enc.domain.model import LaunchState, Market
from enc.inventory import Inventory, StoreUnavailableError, connect
from provisioner.launching.launch import Outcome, launch
from provisioner.ports.errors import Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.servers import RedisServer
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def run(bench: Workbench, number: int = 1, **fields: object) -> Outcome:
    return launch(bench.context, bench.order(number, **fields))


@pytest.mark.parametrize("trouble", [Trouble.THROTTLED, Trouble.UNAVAILABLE, Trouble.NOT_YET])
def test_a_call_that_was_not_done_is_sent_again_as_it_was(
    bench: Workbench, trouble: Trouble
) -> None:
    bench.cloud.fail("create_fleet", trouble, times=2)
    assert len(run(bench, 2).nodes) == 2
    first, second, third = bench.cloud.requests("create_fleet")
    assert first == second == third


def test_a_lost_answer_makes_no_second_machine(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    outcome = run(bench, 2)
    assert bench.cloud.alive == [node.certname for node in outcome.nodes]
    assert len(bench.cloud.alive) == 2


def test_machines_that_a_repeat_does_not_name_are_found_by_tag(bench: Workbench) -> None:
    bench.cloud.manners.replay_lists = False
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    outcome = run(bench, 2)
    assert sorted(n.certname for n in outcome.nodes) == sorted(bench.cloud.alive)
    assert len(bench.cloud.alive) == 2


def test_machines_that_a_listing_shows_late_are_found_still(bench: Workbench) -> None:
    bench.cloud.manners.replay_lists = False
    bench.cloud.manners.hidden_s = 3
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    outcome = run(bench, 2)
    assert sorted(n.certname for n in outcome.nodes) == sorted(bench.cloud.alive)
    assert len(bench.cloud.alive) == 2


def test_machines_over_the_want_end_at_once(bench: Workbench) -> None:
    """The first call's machines show so late that the rest was asked again."""
    bench.cloud.manners.replay_lists = False
    bench.cloud.manners.hidden_s = 10
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    outcome = run(bench, 2)
    bench.clock.step(60)
    listed = bench.cloud.instances("us-east-1", "default")
    unrecorded = {i.id for i in listed if i.alive} - {n.certname for n in outcome.nodes}
    assert unrecorded == set()


def surplus(bench: Workbench) -> Outcome:
    """A lost answer has made one machine more than was wanted."""

    def one_more() -> None:
        bench.cloud.copy(next(iter(bench.cloud.machines.by_id.values())))

    bench.cloud.on("create_fleet", one_more)
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    return run(bench, 2)


def test_a_machine_over_the_want_that_ec2_does_not_know_yet_is_named(bench: Workbench) -> None:
    bench.cloud.manners.unknown_s = 600
    outcome = surplus(bench)
    [over] = set(bench.cloud.alive) - {node.certname for node in outcome.nodes}
    assert outcome.left == (f"over the want, and EC2 does not know it yet: {over}",)


def test_a_machine_over_the_want_that_ec2_knows_ends_and_is_not_named(bench: Workbench) -> None:
    outcome = surplus(bench)
    assert sorted(bench.cloud.alive) == sorted(node.certname for node in outcome.nodes)
    assert outcome.left == ()


def test_machines_of_a_call_that_never_answered_are_found_when_listings_lag(
    bench: Workbench,
) -> None:
    bench.cloud.manners.hidden_s = 12
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True, times=99)
    outcome = run(bench, 2, deadline=timedelta(seconds=5))
    assert sorted(n.certname for n in outcome.nodes) == sorted(bench.cloud.alive)
    assert len(bench.cloud.alive) == 2


def test_a_lost_answer_that_no_listing_explains_is_told(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True, times=99)
    bench.cloud.fail("instances", Trouble.THROTTLED, times=999)
    outcome = run(bench, 2, deadline=timedelta(seconds=5), market=Market.ON_DEMAND)
    assert outcome.nodes == ()
    assert "perhaps 2 machine(s)" in outcome.left[0]


def test_an_interrupt_after_a_lost_answer_does_not_claim_that_nothing_is_left(
    bench: Workbench,
) -> None:
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    bench.cloud.fail("create_fleet", Trouble.CAPACITY, times=99)
    bench.cloud.fail("instances", Trouble.THROTTLED, times=999)
    bench.clock.at_sleep(nothing)
    bench.clock.at_sleep(KeyboardInterrupt())
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.INTERRUPTED
    assert "perhaps 2 machine(s)" in outcome.left[0]


def nothing() -> None:
    """A sleep that only passes."""


def test_a_lost_answer_is_settled_when_an_interrupt_ends_the_launch(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    bench.cloud.fail("create_fleet", Trouble.CAPACITY, times=99)
    bench.cloud.fail("instances", Trouble.THROTTLED)
    bench.clock.at_sleep(nothing)
    bench.clock.at_sleep(KeyboardInterrupt())
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.INTERRUPTED
    assert sorted(node.certname for node in outcome.nodes) == sorted(bench.cloud.alive)
    assert len(bench.cloud.alive) == 2


def test_a_denial_stops_at_once_and_leaves_no_template(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", Trouble.DENIED)
    outcome = run(bench)
    assert outcome.launch.state is LaunchState.FAILED
    assert outcome.error is not None
    assert outcome.error.code == "UnauthorizedOperation"
    assert (bench.cloud.count("create_fleet"), bench.cloud.template_names) == (1, [])


def test_a_denied_template_closes_the_launch(bench: Workbench) -> None:
    bench.cloud.fail("create_template", Trouble.DENIED)
    outcome = run(bench)
    assert "UnauthorizedOperation" in outcome.launch.why
    stored = bench.inventory.launches.get(outcome.launch.id)
    assert stored is not None
    assert stored.state is LaunchState.FAILED


def test_a_template_whose_answer_was_lost_is_deleted_too(bench: Workbench) -> None:
    bench.cloud.fail("create_template", Trouble.UNKNOWN_OUTCOME, after=True, times=99)
    outcome = run(bench)
    assert outcome.launch.state is LaunchState.FAILED
    assert bench.cloud.template_names == []


def test_a_template_that_cannot_be_deleted_is_named(bench: Workbench) -> None:
    bench.cloud.fail("delete_template", Trouble.DENIED)
    outcome = run(bench)
    assert outcome.launch.state is LaunchState.COMPLETE
    assert outcome.launch.template in outcome.left[0]


def test_a_store_that_goes_away_for_a_moment_loses_no_machine(
    bench: Workbench, redis: Redis
) -> None:
    bench.cloud.fail("create_fleet", Trouble.THROTTLED)
    outcome = run(bench, 2)
    assert len(outcome.nodes) == 2


def test_machines_that_could_not_be_recorded_are_named(
    tmp_path: Path,
    clock: FakeClock,
) -> None:
    server = RedisServer(tmp_path).start()
    inventory = Inventory.on(connect(server.url, timeout=1))
    inventory.meta.begin(site="default", account="", event=event("init"))
    bench = Workbench(inventory, clock, FakeCloud(clock))
    order = bench.order(2)
    bench.cloud.on("create_fleet", server.kill)
    outcome = launch(bench.context, order)
    assert outcome.nodes == ()
    assert all(machine in outcome.left[0] for machine in bench.cloud.alive)
    assert bench.cloud.template_names == []


def test_a_machine_that_the_store_refuses_is_named_and_the_others_recorded(
    bench: Workbench, redis: Redis
) -> None:
    order = bench.order(2)
    bench.cloud.on("create_fleet", lambda: redis.set(f"life:{bench.cloud.alive[0]}", "no list"))
    outcome = launch(bench.context, order)
    refused, recorded = bench.cloud.alive
    assert [node.certname for node in outcome.nodes] == [recorded]
    assert refused in outcome.left[0]
    assert recorded not in outcome.left[0]
    assert outcome.launch.state is LaunchState.PARTIAL


def test_an_intent_that_the_store_has_lost_is_told_as_that_and_stands_nowhere(
    bench: Workbench, redis: Redis
) -> None:
    """As after a failover to a replica that was behind."""
    bench.cloud.on("create_fleet", lambda: forget_launches(redis))
    outcome = run(bench, 2)

    [said] = [left for left in outcome.left if outcome.launch.id in left]
    assert said.startswith(f"the store has lost launch {outcome.launch.id}")
    assert "converge adopts its machines" in said
    assert "open" not in said
    assert len(bench.cloud.alive) == 2


def forget_launches(redis: Redis) -> None:
    redis.delete(*redis.keys("launch:*"), "launches", "launches:open")


def test_a_launch_that_is_lost_with_its_store_says_so(bench: Workbench, redis: Redis) -> None:
    bench.cloud.on("create_fleet", redis.flushall)
    outcome = run(bench, 1)

    assert any("is lost with the store" in left for left in outcome.left)
    assert not any("stand open" in left for left in outcome.left)


def test_one_that_a_silent_store_may_hold_open_is_told_as_that(
    tmp_path: Path, clock: FakeClock
) -> None:
    server = RedisServer(tmp_path).start()
    inventory = Inventory.on(connect(server.url, timeout=1))
    inventory.meta.begin(site="default", account="", event=event("init"))
    bench = Workbench(inventory, clock, FakeCloud(clock))
    order = bench.order(1)
    bench.cloud.on("create_fleet", server.kill)
    outcome = launch(bench.context, order)

    assert any("may stand open in the store" in left for left in outcome.left)


def test_nothing_is_launched_when_the_intent_cannot_be_written(
    tmp_path: Path,
    clock: FakeClock,
) -> None:
    server = RedisServer(tmp_path).start()
    inventory = Inventory.on(connect(server.url, timeout=1))
    inventory.meta.begin(site="default", account="", event=event("init"))
    bench = Workbench(inventory, clock, FakeCloud(clock))
    order = bench.order(2)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        launch(bench.context, order)
    assert bench.cloud.count("create_template") == 0
