"""Redis takes nothing back: what would stop a change half-way is found before it begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from enc.domain.model import Market, Node, State
from enc.inventory import CorruptError, Inventory, StoreUnavailableError
from tests.builders import event, launch, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service.invariants import check, dump

NAME, OTHER_NAME = "ip-10-0-0-1.ec2.internal", "ip-10-0-0-2.ec2.internal"
RIVAL = "i-00000000000000001"
BORN = node("i-00000000000000002", launch="l-00000000000000aa", private_dns=NAME)
CHANGES = {
    "role": "db",
    "state": State.READY,
    "market": Market.ON_DEMAND,
    "private_dns": OTHER_NAME,
    "private_ip": "10.0.0.2",
}

TOUCHED_BY_BIRTH = [
    *("meta", f"node:{BORN.certname}", f"archive:{BORN.certname}", "archived", "events"),
    *(
        f"life:{BORN.certname}",
        f"runs:{BORN.certname}",
        f"life:{RIVAL}",
        f"name:{NAME}",
        f"claims:{NAME}",
    ),
    *(f"formerly:{NAME}", "nodes", "nodes:role:web", "nodes:state:running", "nodes:market:spot"),
    *("nodes:kind:extra", "nodes:texts"),
    *("fleet:web", "ran:web", "launch:l-00000000000000aa"),
]
TOUCHED_BY_CHANGE = [
    *TOUCHED_BY_BIRTH,
    *(f"name:{OTHER_NAME}", f"claims:{OTHER_NAME}", f"formerly:{OTHER_NAME}"),
    *("name:vpc-1:10.0.0.2", "claims:vpc-1:10.0.0.2", "formerly:vpc-1:10.0.0.2"),
    *("nodes:role:db", "nodes:state:ready", "nodes:market:on-demand", "fleet:db", "ran:db"),
    "nodes:texts",
]


@pytest.fixture
def rival(inventory: Inventory) -> Node:
    """An older machine that says it has the name."""
    inventory.launches.open(launch("l-00000000000000aa"), event())
    early = START - timedelta(minutes=1)
    return inventory.nodes.create(node(RIVAL, launched_at=early, private_dns=NAME), event())


def garble(redis: Redis, key: str) -> dict[str, object]:
    """Put a set there, or text, which no key that a change touches is; answer the whole store."""
    string = redis.type(key) == "string" or key.startswith(("name:", "formerly:"))
    redis.delete(key)
    redis.sadd(key, "x") if string else redis.set(key, "text")
    return dump(redis)


@pytest.mark.parametrize("key", TOUCHED_BY_BIRTH)
def test_a_birth_that_meets_a_wrong_type_writes_nothing(
    inventory: Inventory, redis: Redis, rival: Node, key: str
) -> None:
    before = garble(redis, key)
    with pytest.raises(CorruptError) as caught:
        inventory.nodes.create(BORN, event())
    assert str(caught.value).startswith(f"{key} in Redis has a value of the wrong type")
    assert caught.value.key == key
    assert dump(redis) == before


@pytest.mark.parametrize("key", TOUCHED_BY_CHANGE)
def test_a_change_that_meets_a_wrong_type_writes_nothing(
    inventory: Inventory, redis: Redis, rival: Node, key: str
) -> None:
    born = inventory.nodes.create(BORN, event())
    before = garble(redis, key)
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        inventory.nodes.change(born, event(), **CHANGES)
    assert dump(redis) == before


@pytest.mark.parametrize("key", TOUCHED_BY_BIRTH)
def test_an_end_that_meets_a_wrong_type_writes_nothing(
    inventory: Inventory, redis: Redis, rival: Node, key: str
) -> None:
    born = inventory.nodes.create(BORN, event())
    retiring = inventory.nodes.change(born, event(), state=State.RETIRING)
    key = key.replace("nodes:state:running", "nodes:state:retiring")
    before = garble(redis, key)
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        inventory.nodes.archive(retiring, event())
    assert dump(redis) == before


def test_the_life_of_a_machine_that_had_the_name_before_counts_too(
    inventory: Inventory, redis: Redis, rival: Node
) -> None:
    inventory.nodes.archive(inventory.nodes.change(rival, event(), state=State.RETIRING), event())
    before = garble(redis, f"life:{RIVAL}")
    with pytest.raises(CorruptError, match=f"^life:{RIVAL} in Redis"):
        inventory.nodes.create(BORN, event())
    assert dump(redis) == before


@on_each_redis
def test_the_same_writes_pass_when_nothing_is_garbled(
    inventory: Inventory, redis: Redis, rival: Node
) -> None:
    born = inventory.nodes.create(BORN, event())
    changed = inventory.nodes.change(born, event(), **CHANGES)
    check(redis)
    inventory.nodes.archive(inventory.nodes.change(changed, event(), state=State.RETIRING), event())
    check(redis)


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("fleet:web", "extra:running:spot"),
        ("fleet:db", "extra:ready:on-demand"),
        ("ran:web", "none"),
        ("ran:db", "none"),
        ("launch:l-00000000000000aa", "got"),
    ],
)
@pytest.mark.parametrize("text", ["many", "1.5", "", "9" * 20])
@pytest.mark.usefixtures("rival")
def test_a_count_that_is_no_number_is_named_and_nothing_is_written(
    inventory: Inventory, redis: Redis, key: str, field: str, text: str
) -> None:
    born = inventory.nodes.create(BORN, event())
    redis.hset(key, field, text)
    before = dump(redis)
    with pytest.raises(CorruptError, match=f"^{key} in Redis counts with something"):
        inventory.nodes.change(born, event(), **CHANGES)
    assert dump(redis) == before


@pytest.mark.parametrize("field", ["role", "kind", "state", "rev"])
def test_a_hash_that_somebody_broke_by_hand_is_not_built_upon(
    inventory: Inventory, redis: Redis, rival: Node, field: str
) -> None:
    born = inventory.nodes.create(BORN, event())
    redis.hdel(f"node:{BORN.certname}", field)
    before = dump(redis)
    expected = replace(born, rev=0) if field == "rev" else born
    with pytest.raises(CorruptError, match=f"^node:{BORN.certname} in Redis lacks"):
        inventory.nodes.change(expected, event(), held="x")
    assert dump(redis) == before


@on_each_redis
def test_a_full_redis_refuses_a_change_whole(inventory: Inventory, redis: Redis) -> None:
    born = inventory.nodes.create(BORN, event())
    before = dump(redis)
    redis.config_set("maxmemory", 1)
    try:
        for act in (
            lambda: inventory.nodes.create(node(RIVAL), event()),
            lambda: inventory.nodes.change(born, event(), state=State.RETIRING),
            lambda: inventory.nodes.archive(replace(born, state=State.RETIRING), event()),
            lambda: inventory.launches.open(launch("l-b"), event()),
            lambda: inventory.droughts.note(["spot:c5.large:us-east-1a"], START),
        ):
            with pytest.raises(StoreUnavailableError, match="raise its maxmemory") as caught:
                act()
            assert "user_script" not in str(caught.value)
        assert inventory.nodes.get(born.certname) == born
    finally:
        redis.config_set("maxmemory", 0)
    assert dump(redis) == before


@on_each_redis
def test_a_stream_without_free_ids_refuses_a_change_whole(
    inventory: Inventory, redis: Redis
) -> None:
    inventory.nodes.create(BORN, event())
    redis.xadd("events", {"what": "the last"}, id=f"{2**64 - 1}-{2**64 - 1}")
    before = dump(redis)
    with pytest.raises(StoreUnavailableError, match="stream"):
        inventory.nodes.create(node(RIVAL), event())
    assert dump(redis) == before


@on_each_redis
def test_redis_itself_would_have_gone_on_behind_the_error(redis: Redis) -> None:
    """What all this is for: MULTI does not take back."""
    redis.set("text", "x")
    pipe = redis.pipeline(transaction=True).set("a", "1").hset("text", "f", "v").set("b", "2")
    with pytest.raises(ResponseError):
        pipe.execute()
    assert redis.mget("a", "b") == ["1", "2"]
