"""Droughts: a pool that refused is dry for a while, longer when it goes on, and not for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.inventory import CorruptError, Inventory, StoreLostError, connect
from enc.inventory.droughts import Droughts
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.turns import Turns

pytestmark = on_each_redis

POOL, OTHER = "spot:c5.large:us-east-1a", "spot:c5.large:us-east-1b"
KEY = f"drought:{POOL}"
SECOND = timedelta(seconds=1)


def dry(inventory: Inventory, seconds: float) -> bool:
    return bool(inventory.droughts.dry([POOL], START + seconds * SECOND))


def note(inventory: Inventory, seconds: float) -> None:
    inventory.droughts.note([POOL], START + seconds * SECOND)


def test_a_pool_that_refused_is_dry_for_a_while_and_others_are_not(inventory: Inventory) -> None:
    note(inventory, 0)
    assert inventory.droughts.dry([OTHER, POOL], START) == {POOL}
    assert dry(inventory, 89.9)
    assert not dry(inventory, 90)


def test_a_pool_that_nobody_noted_is_not_dry(inventory: Inventory) -> None:
    assert inventory.droughts.dry([POOL, OTHER], START) == frozenset()
    assert inventory.droughts.dry([], START) == frozenset()
    inventory.droughts.note([], START)


def test_the_span_doubles_when_the_drought_outlasts_it(inventory: Inventory) -> None:
    now = 0
    for span in (90, 180, 360, 720, 1440, 1800, 1800):
        note(inventory, now)
        assert dry(inventory, now + span - 1)
        assert not dry(inventory, now + span)
        now += span


def test_refusals_within_one_span_are_one_drought(inventory: Inventory) -> None:
    for seconds in range(0, 90, 5):
        note(inventory, seconds)
    assert dry(inventory, 85 + 89)
    assert not dry(inventory, 85 + 90)


def test_a_drought_that_goes_on_grows_although_it_is_noted_all_the_time(
    inventory: Inventory,
) -> None:
    for seconds in range(0, 91, 5):
        note(inventory, seconds)
    assert dry(inventory, 90 + 179)
    assert not dry(inventory, 90 + 180)


def test_one_call_notes_a_pool_once(inventory: Inventory, redis: Redis) -> None:
    inventory.droughts.note([POOL, OTHER, POOL], START)
    assert redis.hget(KEY, "times") == "1"


def test_a_drought_is_forgotten_by_redis_itself(inventory: Inventory, redis: Redis) -> None:
    note(inventory, 0)
    assert redis.ttl(KEY) == 180
    note(inventory, 90)
    assert redis.ttl(KEY) == 360


def test_many_pools_are_noted_in_one_round_trip_so_no_key_is_left_without_an_end(
    inventory: Inventory, redis: Redis, redis_server: RedisServer
) -> None:
    client = connect(redis_server.url, timeout=5)
    turns = Turns(client)
    droughts = Droughts(client)
    droughts.dry([POOL], START)
    droughts.note([POOL], START)
    before = turns.count
    pools = [f"spot:c5.{n}xlarge:us-east-1a" for n in range(200)]
    droughts.note(pools, START)
    assert turns.count - before == 1
    assert len(droughts.dry(pools, START)) == 200
    assert turns.count - before == 2
    assert all(redis.ttl(key) > 0 for key in redis.keys("drought:*"))


def test_a_lost_store_notes_nothing(new_store: Inventory, redis: Redis) -> None:
    with pytest.raises(StoreLostError):
        note(new_store, 0)
    assert not redis.keys()


def test_a_wrong_type_is_named_and_no_other_pool_is_noted(
    inventory: Inventory, redis: Redis
) -> None:
    redis.set(KEY, "text")
    for act in (
        lambda: inventory.droughts.note([OTHER, POOL], START),
        lambda: inventory.droughts.dry([OTHER, POOL], START),
    ):
        with pytest.raises(CorruptError, match=f"^{KEY} in Redis has a value of the wrong type"):
            act()
    assert not redis.exists(f"drought:{OTHER}")


@pytest.mark.parametrize("times", ["", "x", "-7", "1e99", "nan"])
def test_a_garbled_count_begins_anew(inventory: Inventory, redis: Redis, times: str) -> None:
    note(inventory, 0)
    redis.hset(KEY, "times", times)
    note(inventory, 90)
    assert dry(inventory, 90 + 60)
    assert 0 < redis.ttl(KEY) <= 3600


def test_a_garbled_end_is_named(inventory: Inventory, redis: Redis) -> None:
    note(inventory, 0)
    redis.hset(KEY, "until", "later")
    with pytest.raises(CorruptError, match=f"^{KEY} in Redis has until = 'later'"):
        dry(inventory, 0)
