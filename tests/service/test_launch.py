"""A launch against EC2 in memory and a real Redis: every way in which it can end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from enc.inventory import Inventory, StoreUnavailableError, connect
from enc.model import Kind, LaunchState, Market, State
from provisioner.abandon import LaunchAliveError, abandon, is_dead
from provisioner.bootstrap import UserDataTooLarge
from provisioner.launch import LaunchCutShortError, Outcome, WrongAccountError, launch
from provisioner.ports import CloudError, Trouble
from tests.builders import event
from tests.fakes.clock import START, FakeClock
from tests.fakes.cloud import FakeCloud
from tests.servers import RedisServer
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def run(bench: Workbench, number: int = 1, **fields: object) -> Outcome:
    return launch(bench.context, bench.order(number, **fields))


def whats(bench: Workbench) -> list[str]:
    return [fields["what"] for _, fields in bench.inventory.events.after(count=1000)]


# The good path.


def test_machines_come_from_spot_and_are_in_the_inventory(bench: Workbench) -> None:
    outcome = run(bench, 3)
    assert outcome.launch.state is LaunchState.COMPLETE
    assert bench.cloud.alive == [node.certname for node in outcome.nodes]
    assert {n.market for n in outcome.nodes} == {Market.SPOT}
    for node in outcome.nodes:
        assert bench.inventory.nodes.get(node.certname) == node


def test_a_recorded_machine_says_where_it_came_from(bench: Workbench) -> None:
    (node,) = run(bench, ttl=timedelta(hours=2), kind=Kind.FLEET).nodes
    assert (node.role, node.kind, node.state) == ("web", Kind.FLEET, State.PENDING)
    assert (node.zone, node.vpc, node.instance_type) == ("us-east-1a", "vpc-1", "c5.large")
    assert node.spec_hash == "0123456789abcdef"
    assert node.expires_at == START + timedelta(hours=2)


def test_each_machine_carries_the_tags_that_rebuild_a_lost_store(bench: Workbench) -> None:
    (node,) = run(bench).nodes
    tags = bench.cloud.machines.by_id[node.certname].tags
    assert tags["rolecall:site"] == "default"
    assert tags["rolecall:launch"] == node.launch
    assert tags["rolecall:role"] == tags["Name"] == "web"
    assert tags["rolecall:kind"] == "extra"
    assert tags["rolecall:spec"].endswith(":0123456789abcdef")
    assert "rolecall:expires" not in tags


def test_a_full_answer_takes_one_fleet_call_and_no_waiting(bench: Workbench) -> None:
    run(bench, 500, name="big") if bench.apply("big", max=500) else None
    assert bench.cloud.count("create_fleet") == 1
    assert bench.clock.slept == []


def test_the_template_is_gone_at_the_end(bench: Workbench) -> None:
    run(bench)
    assert bench.cloud.count("create_template") == 1
    assert bench.cloud.template_names == []


def test_the_key_is_in_the_user_data_and_in_no_event(bench: Workbench) -> None:
    outcome = run(bench)
    key = outcome.launch.key
    (template,) = bench.cloud.requests("create_template")
    assert key in template.user_data
    assert key not in repr(outcome)
    assert key not in repr(bench.inventory.events.after(count=1000))
    assert key not in repr(bench.reporter)


def test_the_launch_is_written_down_with_its_attempts(bench: Workbench) -> None:
    outcome = run(bench, 2)
    stored = bench.inventory.launches.get(outcome.launch.id)
    assert stored is not None
    assert (stored.state, stored.want, stored.got) == (LaunchState.COMPLETE, 2, 2)
    assert [attempt.got for attempt in stored.attempts] == [tuple(bench.cloud.alive)]
    assert stored.key_expires == stored.deadline + timedelta(minutes=45)


# Nothing is written before everything was checked.


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"image": "ami-0000000000000dead"}, "InvalidAMIID.NotFound"),
        ({"subnets": ["subnet-dead"]}, "InvalidSubnetID.NotFound"),
        ({"security_groups": ["sg-dead"]}, "InvalidGroup.NotFound"),
        ({"key_name": "nobody"}, "InvalidKeyPair.NotFound"),
    ],
)
def test_what_ec2_does_not_know_ends_it_before_anything_is_written(
    bench: Workbench, broken: dict[str, object], named: str
) -> None:
    bench.apply(**broken)
    with pytest.raises(CloudError, match=named):
        run(bench)
    assert bench.inventory.launches.latest(1) == []
    assert bench.cloud.count("create_template") == 0


def test_user_data_over_ec2s_limit_ends_it_before_anything_is_written(bench: Workbench) -> None:
    bench.apply(extra_user_data="#cloud-config\npackages: [" + "x, " * 3300 + "y]\n")
    with pytest.raises(UserDataTooLarge):
        run(bench)
    assert bench.inventory.launches.latest(1) == []
    assert bench.cloud.count("create_template") == 0


def test_credentials_of_another_account_end_it_before_anything_is_written(
    new_store: Inventory, clock: FakeClock
) -> None:
    new_store.meta.begin(site="default", account="999999999999", event=event("init"))
    bench = Workbench(new_store, clock, FakeCloud(clock))
    with pytest.raises(WrongAccountError, match=r"123456789012.*999999999999"):
        run(bench)
    assert bench.cloud.count("create_template") == 0


# Capacity that comes late, in part, or never.


def test_a_partial_answer_is_kept_and_the_rest_asked_again(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 2)
    bench.cloud.capacity("spot:*:*", 9, after_s=20)
    outcome = run(bench, 3)
    assert outcome.launch.state is LaunchState.COMPLETE
    assert [request.count for request in bench.cloud.requests("create_fleet")][:2] == [3, 1]


def test_falls_back_to_on_demand_when_the_deadline_passes(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 1)
    outcome = run(bench, 3)
    assert [node.market for node in outcome.nodes] == [
        Market.SPOT,
        Market.ON_DEMAND,
        Market.ON_DEMAND,
    ]
    assert START + timedelta(minutes=5) <= bench.clock.now() < START + timedelta(minutes=6)


def test_does_not_fall_back_before_the_deadline(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 0)
    bench.cloud.capacity("spot:*:*", 1, after_s=200)
    (node,) = run(bench).nodes
    assert node.market is Market.SPOT


def test_falls_back_at_once_when_every_pool_refuses_for_good(bench: Workbench) -> None:
    bench.cloud.refuse("spot:*:*", Trouble.PRICE)
    (node,) = run(bench).nodes
    assert node.market is Market.ON_DEMAND
    assert bench.clock.slept == []


def test_does_not_fall_back_where_the_role_forbids_it(bench: Workbench) -> None:
    bench.apply(fallback="none")
    bench.cloud.capacity("spot:*:*", 1)
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.PARTIAL
    assert "UnfulfillableCapacity" in outcome.launch.why or "Insufficient" in outcome.launch.why
    assert all(r.market is Market.SPOT for r in bench.cloud.requests("create_fleet"))


def test_nothing_anywhere_ends_soon_after_the_deadline(bench: Workbench) -> None:
    bench.cloud.capacity("*:*:*", 0)
    outcome = run(bench, 2)
    assert (outcome.launch.state, outcome.nodes) == (LaunchState.FAILED, ())
    assert bench.clock.now() <= START + timedelta(minutes=5, seconds=31)
    assert bench.cloud.template_names == []


def test_a_dry_ec2_makes_no_storm(bench: Workbench) -> None:
    bench.cloud.capacity("*:*:*", 0)
    run(bench, 2)
    assert bench.cloud.count("create_fleet") <= 40


def test_dry_pools_are_asked_last_by_the_next_launch(bench: Workbench) -> None:
    bench.cloud.capacity("spot:c5.large:*", 0)
    run(bench)
    run(bench)
    asked = bench.cloud.requests("create_fleet")[-1].overrides
    assert {kind for kind, _ in asked} == {"c5a.large"}


def test_dry_pools_are_not_dropped(bench: Workbench) -> None:
    bench.cloud.capacity("spot:c5.large:*", 0)
    run(bench)
    bench.cloud.capacity("spot:c5.large:*", None)
    bench.cloud.capacity("spot:c5a.large:*", 0)
    (node,) = run(bench).nodes
    assert (node.market, node.instance_type) == (Market.SPOT, "c5.large")


def test_each_attempt_has_its_own_token(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 0)
    run(bench)
    tokens = [request.token for request in bench.cloud.requests("create_fleet")]
    assert len(set(tokens)) == len(tokens)


# EC2 that is slow, refuses, or whose answer is lost.


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


# Redis that goes away.


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


# Ctrl-C.


@pytest.mark.parametrize("action", ["create_template", "create_fleet"])
def test_an_interrupted_launch_keeps_nothing_half_done(bench: Workbench, action: str) -> None:
    bench.cloud.fail(action, KeyboardInterrupt())
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.INTERRUPTED
    assert (bench.cloud.template_names, bench.cloud.alive) == ([], [])


def test_an_interrupt_between_attempts_keeps_what_came(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 1)
    bench.clock.at_sleep(KeyboardInterrupt())
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.INTERRUPTED
    assert [node.certname for node in outcome.nodes] == bench.cloud.alive
    assert bench.cloud.template_names == []


def test_a_second_interrupt_leaves_a_launch_that_can_be_undone(bench: Workbench) -> None:
    """The answer came, and we died before a single machine was recorded."""
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    bench.cloud.fail("delete_template", KeyboardInterrupt())
    with pytest.raises(LaunchCutShortError) as cut:
        run(bench, 2)
    left = bench.inventory.launches.get(cut.value.launch)
    assert left is not None
    assert left.state is LaunchState.OPEN
    bench.clock.step(60)
    assert is_dead(bench.context, left)
    found = abandon(bench.context, left).nodes
    assert sorted(node.certname for node in found) == sorted(bench.cloud.alive)
    assert bench.cloud.template_names == []


def test_a_launch_that_is_alive_is_not_abandoned(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    bench.cloud.fail("delete_template", KeyboardInterrupt())
    with pytest.raises(LaunchCutShortError) as cut:
        run(bench)
    left = bench.inventory.launches.get(cut.value.launch)
    assert left is not None
    with pytest.raises(LaunchAliveError, match="0 s ago"):
        abandon(bench.context, left)


def test_abandoning_twice_finds_the_same_machines(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    bench.cloud.fail("delete_template", KeyboardInterrupt())
    with pytest.raises(LaunchCutShortError) as cut:
        run(bench, 2)
    bench.clock.step(60)
    left = bench.inventory.launches.get(cut.value.launch)
    assert left is not None
    abandon(bench.context, left)
    again = bench.inventory.launches.get(cut.value.launch)
    assert again is not None
    assert len(abandon(bench.context, again).nodes) == 2


def test_abandoning_ends_a_machine_whose_node_is_archived(bench: Workbench) -> None:
    (node,) = run(bench).nodes
    retiring = bench.inventory.nodes.change(node, event("retiring"), state=State.RETIRING)
    bench.inventory.nodes.archive(retiring, event("archived"))
    closed = bench.inventory.launches.get(node.launch)
    assert closed is not None
    assert abandon(bench.context, closed).nodes == ()
    assert bench.cloud.alive == []


def test_a_template_that_may_not_be_deleted_does_not_keep_its_machines(bench: Workbench) -> None:
    (node,) = run(bench).nodes
    closed = bench.inventory.launches.get(node.launch)
    assert closed is not None
    bench.cloud.fail("delete_template", Trouble.DENIED)
    assert [found.certname for found in abandon(bench.context, closed).nodes] == [node.certname]
    assert "is left" in bench.reporter.said[-1]


def test_a_launch_that_was_closed_meanwhile_asks_for_nothing_more(bench: Workbench) -> None:
    """As after a suspended laptop wakes up: it was taken for dead."""
    bench.cloud.capacity("spot:*:*", 1)

    def close() -> None:
        (open_launch,) = bench.inventory.launches.latest(1)
        bench.inventory.launches.close(open_launch.id, LaunchState.PARTIAL, event("closed"))

    bench.clock.at_sleep(close)
    outcome = run(bench, 2)
    assert bench.cloud.count("create_fleet") <= 3
    assert "somebody else closed" in outcome.launch.why
