"""What EC2 announces: what it takes back, what it may take back; and quotas that are used up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import State
from enc.inventory import Inventory
from provisioner.commands import holds
from provisioner.loop.converge import Wish, converge
from provisioner.ports.errors import Trouble
from tests.fakes.clock import FakeClock
from tests.fakes.notices import FakeNotices
from tests.service.farm import Farm


@pytest.fixture
def queue(clock: FakeClock) -> FakeNotices:
    return FakeNotices(clock)


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock, queue: FakeNotices) -> Farm:
    return Farm.on(inventory, clock, notices=[queue])


def state(farm: Farm, name: str) -> State | None:
    node = farm.store.nodes.get(name)
    return node and node.state


def test_an_interrupted_machine_drains_and_is_replaced_in_the_same_pass(
    farm: Farm, queue: FakeNotices
) -> None:
    first, *_ = farm.grown()
    queue.interrupt(first)
    farm.converge()
    assert state(farm, first) is State.DRAINING
    assert len(farm.nodes(State.PENDING)) == 1
    assert queue.left == []


HEEDS = {"rebalance": "replace"}


def test_a_rebalance_recommendation_costs_no_machine_unless_the_role_asks(
    farm: Farm, queue: FakeNotices
) -> None:
    ready = farm.grown()
    queue.rebalance(ready[0])
    farm.passes(4)
    assert queue.left == []
    assert farm.ready() == ready
    assert len(farm.nodes()) == 3


def test_a_rebalance_recommendation_replaces_before_it_drains_where_the_role_asks(
    farm: Farm, queue: FakeNotices
) -> None:
    first, *_ = farm.grown(fleet=HEEDS)
    queue.rebalance(first)
    farm.converge()
    assert state(farm, first) is State.READY
    assert queue.left == []
    farm.passes(4)
    assert state(farm, first) in (State.DRAINING, None)
    assert len(farm.ready()) == 3


def test_an_interruption_is_heeded_though_the_role_is_stopped(
    farm: Farm, queue: FakeNotices
) -> None:
    first, *_ = farm.grown()
    holds.pause(farm.bench.context, "", "a test")
    queue.interrupt(first)
    farm.converge()
    assert state(farm, first) is State.DRAINING
    assert farm.nodes(State.PENDING) == []


def test_a_notice_of_a_machine_that_is_not_ours_is_done_and_does_nothing(
    farm: Farm, queue: FakeNotices
) -> None:
    ready = farm.grown()
    queue.interrupt("i-0fffffffffffffff0")
    queue.state_change(ready[0], "running")
    farm.converge()
    assert farm.ready() == ready
    assert queue.left == []


@pytest.mark.parametrize("first", ["state_change", "rebalance"])
def test_a_recommendation_is_heeded_whatever_else_the_queue_holds(
    farm: Farm, queue: FakeNotices, first: str
) -> None:
    ready = farm.grown(fleet=HEEDS)
    queue.rebalance(ready[0]) if first == "rebalance" else queue.state_change(ready[0], "running")
    queue.rebalance(ready[0])
    farm.converge()
    told = farm.store.nodes.get(ready[0])
    assert told is not None
    assert "rebalance" in told.replace_because


def test_a_notice_is_kept_until_what_it_caused_is_written(farm: Farm, queue: FakeNotices) -> None:
    first, *_ = farm.grown()
    queue.interrupt(first)
    farm.cloud.fail("instances", Trouble.UNAVAILABLE)
    farm.converge()
    assert state(farm, first) is State.READY
    assert queue.left == [first]
    farm.wait(timedelta(seconds=31))
    farm.converge()
    assert state(farm, first) is State.DRAINING


@pytest.fixture
def second(clock: FakeClock) -> FakeNotices:
    """The queue of another region."""
    return FakeNotices(clock, url="https://sqs.eu-west-1.amazonaws.com/123456789012/rolecall")


@pytest.fixture
def wide(inventory: Inventory, clock: FakeClock, queue: FakeNotices, second: FakeNotices) -> Farm:
    return Farm.on(inventory, clock, notices=[queue, second])


def test_each_of_several_queues_is_heeded_and_done_with_in_itself(
    wide: Farm, queue: FakeNotices, second: FakeNotices
) -> None:
    first, other, _ = wide.grown()
    queue.interrupt(first)
    second.interrupt(other)
    wide.converge()
    assert state(wide, first) is state(wide, other) is State.DRAINING
    assert (queue.left, second.left) == ([], [])


@pytest.mark.parametrize("action", ["take", "done"])
def test_a_queue_that_is_in_trouble_is_named_and_takes_nothing_from_another(
    wide: Farm, queue: FakeNotices, second: FakeNotices, action: str
) -> None:
    first, other, _ = wide.grown()
    queue.interrupt(first)
    second.interrupt(other)
    queue.fail(action, Trouble.DENIED)
    wide.converge()
    assert state(wide, other) is State.DRAINING
    assert (queue.left, second.left) == ([first], [])
    assert [queue.url in line for line in wide.bench.reporter.said if "notices" in line] == [True]


def test_a_queue_that_cannot_be_read_stops_nothing_else(farm: Farm, queue: FakeNotices) -> None:
    first, *_ = farm.grown()
    farm.cloud.kill(first)
    queue.fail("take", Trouble.DENIED)
    farm.converge()
    assert state(farm, first) is State.LOST
    assert any("notices cannot be read" in line for line in farm.bench.reporter.said)


# Quotas.


def test_a_spot_quota_that_is_used_up_is_asked_once_and_then_left_for_a_while(farm: Farm) -> None:
    farm.cloud.refuse("spot:*:*", Trouble.QUOTA)
    farm.apply()
    farm.passes(1)
    farm.converge()
    assert len(farm.nodes()) == 3
    farm.cloud.kill(farm.nodes()[0].certname)
    farm.converge()
    markets = [request.market.value for request in farm.cloud.requests("create_fleet")]
    assert markets == ["spot", "on-demand", "on-demand"]


def test_quotas_of_both_markets_make_no_storm(farm: Farm) -> None:
    farm.cloud.refuse("*:*:*", Trouble.QUOTA)
    farm.apply()
    farm.passes(20)
    assert farm.cloud.count("create_fleet") <= 8
    farm.cloud.accept("*:*:*")
    farm.passes(45)
    assert len(farm.ready()) == 3


def test_a_notice_outlives_a_pass_that_is_about_another_role_or_is_stopped(
    farm: Farm, queue: FakeNotices
) -> None:
    first, *_ = farm.grown()
    farm.apply("db", fleet={"size": None})
    queue.interrupt(first)
    farm.converge("db")
    assert queue.left == [first]
    farm.wait(timedelta(seconds=31))
    converge(farm.bench.context, Wish(), stop=lambda: True)
    assert queue.left == [first]
    farm.wait(timedelta(seconds=31))
    farm.converge()
    assert queue.left == []
    assert state(farm, first) is State.DRAINING
