"""Launches: the intent before EC2 hears of it, its heartbeat, its attempts, its one end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Attempt, Launch, LaunchState, Market
from enc.inventory import (
    AlreadyThereError,
    ConflictError,
    CorruptError,
    Inventory,
    StoreLostError,
)
from tests.builders import event, launch, node
from tests.fakes.clock import START
from tests.service.invariants import dump

SECRET = "5ec4e7" * 10
LATER = START + timedelta(seconds=5, microseconds=1234)
ID = launch().id


@pytest.fixture
def opened(inventory: Inventory) -> Launch:
    asked = launch(key=SECRET)
    inventory.launches.open(asked, event("launch opened"))
    return asked


def attempt(number: int) -> Attempt:
    refused = ("spot:c5.large:us-east-1a", "InsufficientInstanceCapacity", "no")
    return Attempt(number=number, at=LATER, market=Market.SPOT, wanted=2, answers=(refused,))


def test_an_intent_is_read_as_it_was_written(inventory: Inventory, opened: Launch) -> None:
    assert inventory.launches.get(ID) == opened


def test_a_launch_that_nobody_opened_is_none(inventory: Inventory) -> None:
    assert inventory.launches.get(ID) is None
    assert inventory.launches.latest(5) == []


def test_an_intent_is_never_written_over(inventory: Inventory, opened: Launch) -> None:
    with pytest.raises(AlreadyThereError, match=f"launch {ID} is already in the store"):
        inventory.launches.open(replace(opened, want=9, key=""), event())
    assert inventory.launches.get(ID) == opened


def test_beats_are_kept_and_make_no_event(
    inventory: Inventory, opened: Launch, redis: Redis
) -> None:
    before = redis.xlen("events")
    inventory.launches.beat(ID, LATER)
    assert inventory.launches.get(ID) == replace(opened, heartbeat=LATER)
    assert redis.xlen("events") == before


def test_attempts_are_read_in_the_order_of_their_numbers(
    inventory: Inventory, opened: Launch
) -> None:
    for number in (1, 10, 2, 9, 11, 3):
        inventory.launches.record_attempt(ID, attempt(number), event("asked EC2"))
    found = inventory.launches.get(ID)
    assert found is not None
    assert found.attempts == tuple(attempt(n) for n in (1, 2, 3, 9, 10, 11))


def test_an_attempt_told_twice_is_one(inventory: Inventory, opened: Launch) -> None:
    for _ in range(2):
        inventory.launches.record_attempt(ID, attempt(1), event())
    found = inventory.launches.get(ID)
    assert found is not None
    assert found.attempts == (attempt(1),)


def test_a_launch_ends_once_and_the_first_end_stands(
    inventory: Inventory, opened: Launch, redis: Redis
) -> None:
    assert inventory.launches.close(ID, LaunchState.INTERRUPTED, event(why="it was dead"))
    before = dump(redis)
    assert not inventory.launches.close(ID, LaunchState.COMPLETE, event(why="I woke up"))
    assert dump(redis) == before
    found = inventory.launches.get(ID)
    assert found == replace(opened, state=LaunchState.INTERRUPTED, why="it was dead")


def test_what_ec2_answered_is_kept_even_after_the_end(inventory: Inventory, opened: Launch) -> None:
    inventory.launches.close(ID, LaunchState.INTERRUPTED, event())
    inventory.launches.record_attempt(ID, attempt(1), event())
    inventory.nodes.create(node(launch=ID), event())
    found = inventory.launches.get(ID)
    assert found is not None
    assert (found.attempts, found.got) == ((attempt(1),), 1)


def test_a_launch_is_kept_400_days_after_its_end_and_until_then_for_ever(
    inventory: Inventory, opened: Launch, redis: Redis
) -> None:
    assert redis.ttl(f"launch:{ID}") == -1
    inventory.launches.close(ID, LaunchState.COMPLETE, event())
    assert redis.ttl(f"launch:{ID}") == 400 * 24 * 3600
    later = START + timedelta(days=400, seconds=1)
    inventory.launches.open(launch("l-new", opened_at=later), event(at=later))
    inventory.launches.close("l-new", LaunchState.COMPLETE, event(at=later))
    assert redis.zrange("launches", 0, -1) == ["l-new"]


def test_the_latest_launches_come_first(inventory: Inventory) -> None:
    for n in range(5):
        at = START + timedelta(milliseconds=n)
        inventory.launches.open(launch(f"l-{n}", opened_at=at), event(at=at))
    assert [each.id for each in inventory.launches.latest(3)] == ["l-4", "l-3", "l-2"]
    assert inventory.launches.latest(0) == []


@pytest.mark.parametrize("state", list(LaunchState))
def test_every_act_names_the_launch_in_the_log(
    inventory: Inventory, opened: Launch, state: LaunchState
) -> None:
    inventory.launches.record_attempt(ID, attempt(1), event("asked EC2"))
    inventory.launches.close(ID, state, event("launch over", why="because"))
    logged = [fields for _, fields in inventory.events.after()[1:]]
    assert [(e["what"], e["launch"]) for e in logged] == [
        *(("launch opened", ID), ("asked EC2", ID), ("launch over", ID))
    ]
    assert logged[0]["role"] == "web"


def test_the_key_is_in_its_hash_and_nowhere_else(
    inventory: Inventory, opened: Launch, redis: Redis
) -> None:
    inventory.nodes.create(node(launch=ID), event())
    inventory.launches.record_attempt(ID, attempt(1), event())
    inventory.launches.close(ID, LaunchState.COMPLETE, event())
    holders = [key for key, contents in dump(redis).items() if SECRET in repr(contents)]
    assert holders == [f"launch:{ID}"]
    assert SECRET not in repr(inventory.launches.get(ID))


def test_a_launch_that_is_gone_is_a_conflict_for_its_owner(
    inventory: Inventory, redis: Redis
) -> None:
    before = dump(redis)
    for act in (
        lambda: inventory.launches.beat(ID, START),
        lambda: inventory.launches.record_attempt(ID, attempt(1), event()),
        lambda: inventory.launches.close(ID, LaunchState.COMPLETE, event()),
    ):
        with pytest.raises(ConflictError, match=f"launch {ID} is no longer in the store"):
            act()
    assert dump(redis) == before


def test_a_lost_store_takes_no_launch_and_denies_none(
    inventory: Inventory, opened: Launch, redis: Redis
) -> None:
    redis.flushall()
    for act in (
        lambda: inventory.launches.open(opened, event()),
        lambda: inventory.launches.beat(ID, START),
        lambda: inventory.launches.record_attempt(ID, attempt(1), event()),
        lambda: inventory.launches.close(ID, LaunchState.COMPLETE, event()),
        lambda: inventory.launches.get(ID),
        lambda: inventory.launches.latest(5),
    ):
        with pytest.raises(StoreLostError):
            act()
    assert not redis.keys()


@pytest.mark.parametrize("key", [f"launch:{ID}", "launches", "events", "meta"])
def test_a_wrong_type_is_named_and_nothing_is_half_written(
    inventory: Inventory, redis: Redis, key: str
) -> None:
    redis.delete(key)
    redis.set(key, "text")
    before = dump(redis)
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        inventory.launches.open(launch(), event())
    assert dump(redis) == before


def test_launches_of_late_are_counted_by_role_and_state(inventory: Inventory) -> None:
    hour = timedelta(hours=1)
    for number, (opened, name) in enumerate([(-2, "web"), (0, "web"), (0, "web"), (0, "db")]):
        one = launch(f"l-{number:016x}", role=name, opened_at=START + opened * hour)
        inventory.launches.open(one, event())
    inventory.launches.close("l-0000000000000001", LaunchState.FAILED, event())
    inventory.launches.close("l-0000000000000000", LaunchState.FAILED, event())
    inventory.redis.delete("launch:l-0000000000000003")

    assert inventory.launches.outcomes_since(START - hour) == {
        ("web", "failed"): 1,
        ("web", "open"): 1,
    }
