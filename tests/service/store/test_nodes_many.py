"""Many nodes in few round trips, and what is known when only some of them could be written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import IllegalTransitionError, State
from enc.inventory import (
    AlreadyThereError,
    ArchivedError,
    ConflictError,
    CorruptError,
    Inventory,
    NotAllRecordedError,
    StoreUnavailableError,
    connect,
)
from enc.inventory.nodes import Nodes
from tests.builders import event, foreign, launch, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.invariants import check, dump
from tests.service.turns import Turns

pytestmark = on_each_redis

NAMES = [f"i-{n:017x}" for n in range(520)]


def test_many_nodes_are_recorded_in_the_order_asked(inventory: Inventory, redis: Redis) -> None:
    asked = [node(name) for name in reversed(NAMES)]
    born = inventory.nodes.create_many((each, event()) for each in asked)
    assert born == [replace(each, rev=1) for each in asked]
    assert inventory.nodes.many([each.certname for each in asked]) == born
    check(redis)


def test_500_nodes_take_one_round_trip(inventory: Inventory, redis_server: RedisServer) -> None:
    client = connect(redis_server.url, timeout=5)
    turns = Turns(client)
    nodes = Nodes(client)
    nodes.create(node("i-0123456789abcdef0"), event())
    before = turns.count
    born = nodes.create_many([(node(name), event()) for name in NAMES[:500]])
    assert turns.count - before == 1
    nodes.many([each.certname for each in born])
    assert turns.count - before == 2
    nodes.change_many((each, event(), {"held": "x"}) for each in born)
    assert turns.count - before == 3


def test_none_is_none(inventory: Inventory) -> None:
    assert inventory.nodes.create_many([]) == []
    assert inventory.nodes.change_many([]) == []
    assert inventory.nodes.many([]) == []


def test_recording_again_gives_the_same_and_writes_nothing(
    inventory: Inventory, redis: Redis
) -> None:
    asked = [(node(name), event()) for name in NAMES[:5]]
    inventory.launches.open(launch(), event())
    born = inventory.nodes.create_many(asked)
    before = dump(redis)
    assert inventory.nodes.create_many(asked) == born
    assert dump(redis) == before


def test_machines_that_were_adopted_meanwhile_come_back_as_they_stand(
    inventory: Inventory,
) -> None:
    adopted = inventory.nodes.create(node(NAMES[1], state=State.RUNNING), event("adopted"))
    adopted = inventory.nodes.change(adopted, event(), state=State.READY)
    asked = [node(name, state=State.PENDING) for name in NAMES[:3]]
    found = inventory.nodes.create_many((each, event()) for each in asked)
    assert found == [replace(asked[0], rev=1), adopted, replace(asked[2], rev=1)]


def test_another_machine_under_the_same_name_is_refused(inventory: Inventory) -> None:
    inventory.nodes.create(foreign(instance_id="i-0123456789abcdef0"), event())
    for instance_id in ("i-0123456789abcdef1", ""):
        with pytest.raises(NotAllRecordedError, match="already in the inventory"):
            inventory.nodes.create_many([(foreign(instance_id=instance_id), event())])


def test_what_is_refused_is_named_and_does_not_stop_the_rest(
    inventory: Inventory, redis: Redis
) -> None:
    ended = inventory.nodes.create(node(NAMES[0], state=State.RETIRING), event())
    inventory.nodes.archive(ended, event())
    inventory.nodes.create(foreign(), event())
    redis.set(f"node:{NAMES[1]}", "text")
    good = [node(NAMES[2]), node(NAMES[3])]
    asked = [node(NAMES[0]), good[0], node(NAMES[1]), foreign(role="db"), good[1]]
    with pytest.raises(NotAllRecordedError, match=r"3 of 5 node\(s\) not recorded") as caught:
        inventory.nodes.create_many((each, event()) for each in asked)
    assert caught.value.recorded == tuple(replace(each, rev=1) for each in good)
    assert {name: type(error) for name, error in caught.value.refused.items()} == {
        NAMES[0]: ArchivedError,
        NAMES[1]: CorruptError,
        "db1.example.com": AlreadyThereError,
    }
    assert inventory.nodes.many([NAMES[2], NAMES[3]]) == list(caught.value.recorded)


def test_a_node_that_is_there_but_cannot_be_read_is_refused_by_name(
    inventory: Inventory, redis: Redis
) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES[:3])
    redis.hdel(f"node:{NAMES[1]}", "kind")
    with pytest.raises(NotAllRecordedError) as caught:
        inventory.nodes.create_many((node(name), event()) for name in NAMES[:3])
    assert list(caught.value.refused) == [NAMES[1]]
    assert [each.certname for each in caught.value.recorded] == [NAMES[0], NAMES[2]]


def test_a_full_store_says_so_and_after_room_was_made_the_repeat_completes(
    inventory: Inventory, redis: Redis
) -> None:
    asked = [(node(name, held="x" * 8000), event()) for name in NAMES]
    # What Redis keeps for a connection that said much is let go at some time: now.
    redis.connection_pool.disconnect()
    room = redis.info("memory")["used_memory"] + 3_000_000
    redis.config_set("maxmemory", room)
    try:
        with pytest.raises(StoreUnavailableError, match="raise its maxmemory"):
            inventory.nodes.create_many(asked)
        check(redis)
        assert 0 < redis.zcard("nodes") < 520
    finally:
        redis.config_set("maxmemory", 0)
    assert [each.certname for each in inventory.nodes.create_many(asked)] == NAMES
    check(redis)


def test_of_many_changes_the_stale_are_left_out(inventory: Inventory, redis: Redis) -> None:
    born = inventory.nodes.create_many((node(name), event()) for name in NAMES[:4])
    inventory.nodes.change(born[1], event(), held="by somebody else")
    changes = [(each, event(), {"state": State.READY}) for each in born]
    done = inventory.nodes.change_many([*changes, (node(NAMES[9], rev=1), event(), {"held": "x"})])
    assert [each.certname for each in done] == [NAMES[0], NAMES[2], NAMES[3]]
    assert inventory.nodes.many([each.certname for each in done]) == done
    check(redis)


def test_of_many_changes_one_that_is_not_allowed_stops_all_before_any(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create_many((node(name), event()) for name in NAMES[:2])
    before = dump(redis)
    with pytest.raises(IllegalTransitionError):
        inventory.nodes.change_many(
            [(born[0], event(), {"held": "x"}), (born[1], event(), {"state": State.PENDING})]
        )
    assert dump(redis) == before


def test_of_many_changes_a_corrupt_one_is_told_when_the_rest_is_done(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create_many((node(name), event()) for name in NAMES[:3])
    redis.hdel(f"node:{NAMES[0]}", "kind")
    with pytest.raises(CorruptError, match=f"node:{NAMES[0]}"):
        inventory.nodes.change_many((each, event(), {"held": "x"}) for each in born)
    assert [each.held for each in inventory.nodes.many(NAMES[1:3])] == ["x", "x"]


def test_two_changes_of_one_reading_in_one_batch_are_one_change(inventory: Inventory) -> None:
    born = inventory.nodes.create(node(), event())
    done = inventory.nodes.change_many([(born, event(), {"held": h}) for h in ("first", "second")])
    assert [each.held for each in done] == ["first"]


def test_nodes_that_are_not_there_are_left_out(inventory: Inventory) -> None:
    born = inventory.nodes.create(node(NAMES[1]), event())
    assert inventory.nodes.many(NAMES[:3]) == [born]


def test_reading_many_names_the_one_that_is_bad(inventory: Inventory, redis: Redis) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES)
    for garble in (
        lambda key: redis.set(key, "text"),
        lambda key: redis.hset(key, "held", b"\xff\xfe"),
        lambda key: redis.hset(key, "state", "asleep"),
    ):
        key = f"node:{NAMES[510]}"
        garble(key)
        with pytest.raises(CorruptError, match=f"^{key} in Redis"):
            inventory.nodes.many(NAMES)
        assert inventory.nodes.many(NAMES[:510])[-1].certname == NAMES[509]
        redis.delete(key)


def test_a_change_after_the_end_is_a_conflict(inventory: Inventory) -> None:
    each = inventory.nodes.create(node(state=State.RETIRING), event())
    inventory.nodes.archive(each, event(at=START + timedelta(seconds=1)))
    with pytest.raises(ConflictError, match="has left the inventory"):
        inventory.nodes.change(each, event(), held="x")
