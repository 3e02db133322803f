"""Where we would look for a machine in the wrong place, nothing of it is ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import LaunchState, State
from enc.inventory import Inventory
from provisioner.calls import WrongAccountError
from provisioner.launching.abandon import abandon
from provisioner.ports.errors import Trouble
from tests.builders import event, launch, node
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, FakeCloud
from tests.service.retirements import Stage


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock, redis: Redis) -> Stage:
    redis.hset("meta", "account", ACCOUNT)
    return Stage.of(inventory, clock)


def ask_elsewhere(stage: Stage) -> None:
    """The credentials are another account's from now on; nothing else in EC2 changes for it."""
    stage.bench.cloud = FakeCloud(stage.bench.clock)
    stage.bench.inventory.redis.hset("meta", "account", "999999999999")


# The account.


def test_with_credentials_of_another_account_nothing_is_ended(stage: Stage) -> None:
    [machine], db = stage.launched(), stage.foreign()
    ask_elsewhere(stage)
    with pytest.raises(WrongAccountError, match=rf"{ACCOUNT}.*999999999999"):
        stage.end([machine, db])
    assert (stage.now(machine.certname), stage.now(db.certname)) == (machine, db)
    assert [action for action, _ in stage.bench.cloud.calls] == ["account"]
    assert stage.ca.calls == []


def test_with_those_of_ours_it_is(stage: Stage) -> None:
    [machine] = stage.launched()
    assert stage.end([machine]).archived == (machine.certname,)


def test_foreign_nodes_alone_need_no_account(stage: Stage) -> None:
    db = stage.foreign()
    ask_elsewhere(stage)
    assert stage.end([db]).archived == (db.certname,)
    assert stage.bench.cloud.calls == []


def test_an_inventory_without_account_is_not_checked(stage: Stage) -> None:
    [machine] = stage.launched()
    stage.bench.inventory.redis.hset("meta", "account", "")
    asked = stage.bench.cloud.count("account")
    assert stage.end([machine]).archived
    assert stage.bench.cloud.count("account") == asked


@pytest.mark.parametrize("trouble", [Trouble.NO_CREDENTIALS, Trouble.UNAVAILABLE, Trouble.DENIED])
def test_where_the_account_is_not_told_machines_remain_as_they_are(
    stage: Stage, trouble: Trouble
) -> None:
    [machine], db = stage.launched(), stage.foreign()
    stage.bench.cloud.fail("account", trouble)
    result = stage.end([machine, db])
    assert result.archived == (db.certname,)
    assert "as the test has it" in result.remaining[machine.certname]
    assert stage.now(machine.certname) == machine


def test_a_launch_is_not_closed_with_credentials_of_another_account(stage: Stage) -> None:
    left = launch(opened_at=stage.bench.clock.now() - timedelta(hours=1))
    stage.bench.inventory.launches.open(left, event())
    ask_elsewhere(stage)
    with pytest.raises(WrongAccountError):
        abandon(stage.bench.context, left)
    now = stage.bench.inventory.launches.get(left.id)
    assert now is not None
    assert now.state is LaunchState.OPEN
    assert [action for action, _ in stage.bench.cloud.calls] == ["account"]


# The record.


@pytest.mark.parametrize("field", ["region", "instance_id"])
@pytest.mark.parametrize("step", ["", "terminate", "confirm", "clean", "archive"])
def test_a_record_that_lost_its_machine_remains_and_keeps_its_certificate(
    stage: Stage, redis: Redis, field: str, step: str
) -> None:
    lost, whole = stage.launched(2)
    if step:
        change = stage.bench.inventory.nodes.change
        change(lost, event(), state=State.RETIRING, retire_step=step)
    redis.hdel(f"node:{lost.certname}", field)
    before = stage.now(lost.certname)
    result = stage.end([before, whole])
    assert result.archived == (whole.certname,)
    assert f"its record is damaged (no {field})" in result.remaining[lost.certname]
    assert stage.bench.cloud.alive == [lost.certname]
    assert stage.ca.signed == [lost.certname]
    assert stage.now(lost.certname) == before


def test_a_garbled_instance_is_not_looked_for(stage: Stage, redis: Redis) -> None:
    [machine] = stage.launched()
    redis.hset(f"node:{machine.certname}", "instance_id", machine.certname[:-3])
    result = stage.end([stage.now(machine.certname)])
    assert list(result.remaining) == [machine.certname]
    assert stage.ca.calls == []
    assert stage.bench.cloud.count("describe") == 0


def test_of_two_nodes_with_one_machine_only_its_own_ends(stage: Stage) -> None:
    [machine] = stage.launched()
    other = stage.bench.inventory.nodes.create(
        node("web1", instance_id=machine.certname, region=machine.region), event()
    )
    result = stage.end([other, machine])
    assert result.archived == (machine.certname,)
    assert list(result.remaining) == ["web1"]


# The time.


def put_clock(stage: Stage, seconds: float) -> None:
    """Ours only: in EC2 nothing gets older or younger by it."""
    stage.bench.clock.put(seconds)
    for machine in stage.bench.cloud.machines.by_id.values():
        machine.born += timedelta(seconds=seconds)
        if machine.ended:
            machine.ended += timedelta(seconds=seconds)


def test_a_clock_that_is_put_forward_makes_no_machine_gone(stage: Stage) -> None:
    """EC2 does not know it yet, and two seconds later it is a minute by that clock."""
    stage.bench.cloud.manners.unknown_s = 5
    [machine] = stage.launched()
    cleaned: list[list[str]] = []
    stage.ca.on("clean", lambda: cleaned.append(stage.bench.cloud.alive))
    stage.bench.clock.at_sleep(lambda: put_clock(stage, 120))
    assert stage.end([machine]).archived
    assert cleaned == [[]]


def test_a_machine_that_is_gone_is_so_by_a_clock_that_was_put_back_too(stage: Stage) -> None:
    [machine] = stage.launched()
    stage.bench.cloud.forget(machine.certname)
    stage.bench.clock.at_sleep(lambda: put_clock(stage, -7200))
    began = stage.bench.clock.monotonic()
    assert stage.end([machine]).archived
    assert 60 <= stage.bench.clock.monotonic() - began < 65


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_a_clock_that_is_put_changes_no_deadline(stage: Stage, seconds: float) -> None:
    stage.bench.cloud.manners.shutdown_s = 10**6
    [machine] = stage.launched()
    stage.bench.clock.at_sleep(lambda: put_clock(stage, seconds))
    began = stage.bench.clock.monotonic()
    assert list(stage.end([machine]).remaining) == [machine.certname]
    took = timedelta(seconds=stage.bench.clock.monotonic() - began)
    assert timedelta(0) <= took - stage.bench.timeouts.terminated < timedelta(seconds=5)


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_nor_how_long_a_trouble_may_pass(stage: Stage, seconds: float) -> None:
    [machine] = stage.launched()
    stage.bench.cloud.fail("terminate", Trouble.THROTTLED, times=1000)
    stage.bench.clock.at_sleep(lambda: put_clock(stage, seconds))
    began = stage.bench.clock.monotonic()
    assert list(stage.end([machine]).remaining) == [machine.certname]
    took = timedelta(seconds=stage.bench.clock.monotonic() - began)
    patience = stage.bench.timeouts.patience
    assert patience / 2 < took <= patience
