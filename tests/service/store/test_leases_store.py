"""The lease of converge: one holds it, it runs out by itself, and it fences what is written."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Backoff, Hold, LaunchState
from enc.inventory import (
    CorruptError,
    Event,
    Inventory,
    LeaseHeldError,
    LeaseLostError,
    StoreLostError,
)
from tests.builders import event, launch, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service.invariants import dump

pytestmark = on_each_redis

MINUTE = timedelta(seconds=60)
SOON = timedelta(milliseconds=30)


def test_one_has_it_and_the_other_is_told_who(inventory: Inventory) -> None:
    lease = inventory.leases.take("alice@ops", "1", MINUTE)
    assert (lease.holder, inventory.leases.current()) == ("alice@ops", lease)
    with pytest.raises(LeaseHeldError, match=r"alice@ops holds the lease, for (60|59) s more"):
        inventory.leases.take("bob@ops", "2", MINUTE)


def test_who_asks_again_with_the_same_word_has_it_still(inventory: Inventory) -> None:
    """The answer to the first call was lost."""
    first = inventory.leases.take("alice@ops", "1", MINUTE)
    assert inventory.leases.take("alice@ops", "1", MINUTE) == first
    with pytest.raises(LeaseHeldError):
        inventory.leases.take("alice@ops", "2", MINUTE)


def test_it_runs_out_by_itself_unless_it_is_renewed(inventory: Inventory) -> None:
    lease = inventory.leases.take("alice@ops", "1", SOON)
    inventory.leases.renew(lease, MINUTE)
    time.sleep(0.05)
    assert inventory.leases.current() == lease
    inventory.leases.renew(lease, SOON)
    time.sleep(0.05)
    assert inventory.leases.current() is None
    with pytest.raises(LeaseLostError):
        inventory.leases.renew(lease, MINUTE)


def test_no_two_leases_are_alike(inventory: Inventory) -> None:
    epochs = []
    for _ in range(3):
        lease = inventory.leases.take("alice@ops", "1", MINUTE)
        epochs.append(lease.epoch)
        inventory.leases.give_back(lease)
    assert epochs == sorted(set(epochs))


def test_another_ones_lease_is_not_given_back(inventory: Inventory) -> None:
    lost = inventory.leases.take("alice@ops", "1", SOON)
    time.sleep(0.05)
    held = inventory.leases.take("bob@ops", "2", MINUTE)
    with pytest.raises(LeaseLostError):
        inventory.leases.give_back(lost)
    assert inventory.leases.current() == held


def test_a_store_without_meta_leases_nothing(new_store: Inventory, redis: Redis) -> None:
    with pytest.raises(StoreLostError):
        new_store.leases.take("alice@ops", "1", MINUTE)
    assert redis.dbsize() == 0


def test_a_key_of_another_type_is_named(inventory: Inventory, redis: Redis) -> None:
    redis.lpush("lease:converge", "x")
    with pytest.raises(CorruptError, match="lease:converge"):
        inventory.leases.take("alice@ops", "1", MINUTE)


def everything(inventory: Inventory) -> list[object]:
    """Each way to write something that converge has."""
    there = inventory.nodes.get("i-0aaaaaaaaaaaaaaa1")
    assert there is not None
    opened = launch("l-00000000000000bb")
    hold = Hold(role="web", why="why", since=START, by="alice@ops")
    backoff = Backoff(role="web", spec_hash="", at=START, until=START)
    told = event(node=there.certname)
    return [
        lambda s: s.nodes.change(there, event(), held="x"),
        lambda s: s.nodes.change_each([(there, event(), {"held": "x"})]),
        lambda s: s.nodes.create(node("i-0bbbbbbbbbbbbbbb1"), event()),
        lambda s: s.launches.open(opened, event()),
        lambda s: s.launches.asking(launch(), 1, START),
        lambda s: s.launches.close(launch().id, LaunchState.FAILED, event()),
        lambda s: s.droughts.note(["spot:c5.large:us-east-1a"], START),
        lambda s: s.holds.put(hold, event()),
        lambda s: s.backoffs.put(backoff, event()),
        lambda s: s.suspects.add(["absent:i-0a"], START),
        lambda s: s.suspects.clear(["absent:i-0a"]),
        lambda s: s.sweeps.note(["us-east-1"], MINUTE),
        lambda s: s.signing.note(told),
        lambda s: s.signing.judge("i-0feed", b"none", site="default", who="alice@ops"),
    ]


def test_who_has_lost_it_can_change_nothing(inventory: Inventory, redis: Redis) -> None:
    inventory.nodes.create(node(), event())
    inventory.launches.open(launch(), event())
    lost = inventory.under(inventory.leases.take("alice@ops", "1", SOON))
    time.sleep(0.05)
    inventory.leases.take("bob@ops", "2", MINUTE)
    before = dump(redis)
    for write in everything(inventory):
        with pytest.raises(LeaseLostError):
            write(lost)  # type: ignore[operator]
        assert dump(redis) == before


def test_who_has_it_can(inventory: Inventory, redis: Redis) -> None:
    held = inventory.under(inventory.leases.take("alice@ops", "1", MINUTE))
    held.nodes.create(node(), event())
    held.launches.open(launch(), event())
    for number in range(len(everything(inventory))):
        before = dump(redis)
        everything(inventory)[number](held)  # type: ignore[operator]
        assert dump(redis) != before or number in _CHANGE_NOTHING


# Said twice it is the same: a suspicion that was cleared, a change that was made.
_CHANGE_NOTHING = frozenset({1, 5, 10})


def test_commands_need_no_lease(inventory: Inventory) -> None:
    inventory.leases.take("alice@ops", "1", MINUTE)
    inventory.nodes.create(node(), Event(what="launched", who="bob@ops", at=START))
    assert inventory.nodes.get(node().certname) is not None
