"""Holds, approvals, back-off, suspicions and sweeps as they are kept in Redis."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Backoff, Hold, HoldCause
from enc.inventory import Inventory, StoreLostError
from tests.builders import event
from tests.conftest import on_each_redis
from tests.fakes.clock import START

pytestmark = on_each_redis

BREAKER = Hold(
    role="web",
    why='3 of 4 would go; "quoted", and é',
    since=START,
    by="converge",
    cause=HoldCause.BREAKER,
    nodes=("i-0a", "i-0b"),
)


def test_what_was_put_is_read(inventory: Inventory) -> None:
    pause = Hold(why="all", since=START, by="alice@ops")
    inventory.holds.put(BREAKER, event())
    inventory.holds.put(pause, event())
    assert inventory.holds.all(["web", "db"]) == {"web": BREAKER, "": pause}


def test_to_lift_what_the_breaker_stopped_approves_its_nodes_for_an_hour(
    inventory: Inventory, redis: Redis
) -> None:
    inventory.holds.put(BREAKER, event())
    assert inventory.holds.lift(BREAKER, event())
    assert inventory.holds.all(["web"]) == {}
    assert inventory.holds.approvals(["web"])["web"].nodes == ("i-0a", "i-0b")
    assert 3500 < redis.ttl("approved:web") <= 3600


def test_to_lift_a_pause_approves_nothing(inventory: Inventory) -> None:
    asked = Hold(role="web", why="mine", since=START, by="alice@ops")
    inventory.holds.put(asked, event())
    assert inventory.holds.lift(asked, event())
    assert inventory.holds.approvals(["web"]) == {}


def test_another_hold_than_the_one_that_was_read_is_not_lifted(inventory: Inventory) -> None:
    inventory.holds.put(BREAKER, event())
    newer = Hold(role="web", why="mine", since=START, by="alice@ops")
    inventory.holds.put(newer, event())
    assert not inventory.holds.lift(BREAKER, event())
    assert inventory.holds.all(["web"]) == {"web": newer}


def test_a_lost_store_holds_nothing_and_says_so(new_store: Inventory) -> None:
    for ask in (
        lambda: new_store.holds.all(["web"]),
        new_store.suspects.all,
        new_store.sweeps.done,
        lambda: new_store.holds.put(BREAKER, event()),
    ):
        with pytest.raises(StoreLostError):
            ask()


@pytest.mark.parametrize("text", ["none", "[]", '{"why": 1}', '{"why": "x", "since": "now"}'])
def test_a_hold_that_is_none_holds_and_can_be_lifted(
    inventory: Inventory, redis: Redis, text: str
) -> None:
    redis.set("hold:web", text)
    hold = inventory.holds.all(["web", "db"])["web"]
    assert (hold.cause, "hold:web" in hold.why) == (HoldCause.UNREADABLE, True)
    assert inventory.holds.lift(hold, event())
    assert inventory.holds.all(["web"]) == {}


def test_a_hold_that_is_no_text_holds_and_can_be_lifted(inventory: Inventory, redis: Redis) -> None:
    redis.hset("hold:web", "a", "b")
    redis.set("pause", b"\xff")
    held = inventory.holds.all(["web"])
    assert {name: hold.cause for name, hold in held.items()} == {
        "": HoldCause.UNREADABLE,
        "web": HoldCause.UNREADABLE,
    }
    assert all(inventory.holds.lift(hold, event()) for hold in held.values())
    assert inventory.holds.all(["web"]) == {}


def test_other_notes_that_are_none_are_as_if_they_were_not_there(
    inventory: Inventory, redis: Redis
) -> None:
    for key in ("approved:web", "backoff:web", "suspect:absent:i-0a"):
        redis.set(key, "{")
    redis.sadd("suspects", "absent:i-0a")
    assert inventory.holds.approvals(["web"]) == {}
    assert inventory.backoffs.all(["web"]) == {}
    assert inventory.suspects.all() == {}


def test_suspicions_whose_time_is_over_are_forgotten(inventory: Inventory, redis: Redis) -> None:
    inventory.suspects.add(["absent:i-0a", "absent:i-0b"], START)
    redis.delete("suspect:absent:i-0a")
    inventory.suspects.add(["absent:i-0c"], START)
    assert redis.smembers("suspects") == {"absent:i-0b", "absent:i-0c"}


def test_a_backoff_is_read_as_it_was_put(inventory: Inventory) -> None:
    backoff = Backoff(
        role="web",
        spec_hash="",
        at=START,
        until=START + timedelta(minutes=1),
        launches=("l-1", "l-2"),
        unready=("l-2",),
    )
    inventory.backoffs.put(backoff, event())
    assert inventory.backoffs.all(["web", "db"]) == {"web": backoff}
    assert inventory.backoffs.all([]) == {}


def test_a_suspicion_lasts_a_day_or_until_it_is_cleared(inventory: Inventory, redis: Redis) -> None:
    inventory.suspects.add(["absent:i-0a", "orphan:i-0b"], START)
    assert inventory.suspects.all() == {"absent:i-0a": START, "orphan:i-0b": START}
    assert 86000 < redis.ttl("suspect:absent:i-0a") <= 86400
    inventory.suspects.clear(["absent:i-0a"])
    assert inventory.suspects.all() == {"orphan:i-0b": START}


def test_a_sweep_is_done_for_a_while(inventory: Inventory, redis: Redis) -> None:
    assert not inventory.sweeps.done()
    inventory.sweeps.note(["us-east-1", "eu-west-1"], timedelta(hours=1))
    assert inventory.sweeps.done()
    assert 3500 < redis.ttl("swept") <= 3600


def test_a_hold_that_was_written_by_hand_is_lifted(inventory: Inventory, redis: Redis) -> None:
    redis.set("hold:web", '{ "why": "mine", "since": "2026-01-01T12:00:00Z",  "by": "bob@ops" }')
    hold = inventory.holds.all(["web"])["web"]
    assert inventory.holds.lift(hold, event())
    assert inventory.holds.all(["web"]) == {}
