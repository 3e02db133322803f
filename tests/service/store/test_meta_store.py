"""Meta: the proof that a store holds an inventory."""

from __future__ import annotations

import threading

import pytest
from redis import Redis

from enc.inventory import CorruptError, Inventory, Meta, SchemaError, StoreLostError, connect
from tests.builders import event
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.invariants import dump


def test_a_new_store_has_none(new_store: Inventory) -> None:
    assert new_store.meta.get() is None
    with pytest.raises(StoreLostError, match="provisioner init"):
        new_store.meta.require()


def test_a_store_begins_once_and_the_log_says_so(new_store: Inventory, redis: Redis) -> None:
    assert new_store.meta.begin(site="a", account="123456789012", event=event("init"))
    before = dump(redis)
    assert not new_store.meta.begin(site="b", account="", event=event("init"))
    assert dump(redis) == before
    assert new_store.meta.require() == Meta(
        schema=1, site="a", account="123456789012", created_at=START, created_by="alice@ops"
    )
    [(_, logged)] = new_store.events.after()
    assert (logged["what"], logged["who"]) == ("init", "alice@ops")


def test_of_many_who_begin_at_once_one_does(
    new_store: Inventory, redis_server: RedisServer
) -> None:
    done: list[bool] = []

    def run(site: str) -> None:
        mine = Inventory.on(connect(redis_server.url, timeout=5))
        done.append(mine.meta.begin(site=site, account="", event=event("init")))
        mine.redis.close()

    threads = [threading.Thread(target=run, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]
    assert len(new_store.events.after()) == 1


@pytest.mark.parametrize("schema", ["0", "2"])
def test_a_store_of_another_version_is_not_used(
    inventory: Inventory, redis: Redis, schema: str
) -> None:
    redis.hset("meta", "schema", schema)
    with pytest.raises(SchemaError, match=f"has schema {schema} and this rolecall reads 1"):
        inventory.meta.require()


@pytest.mark.parametrize(
    ("field", "text"),
    [("schema", "one"), ("schema", ""), ("created_at", "once"), ("roles_rev", "x")],
)
def test_a_garbled_meta_is_corrupt(
    inventory: Inventory, redis: Redis, field: str, text: str
) -> None:
    redis.hset("meta", field, text)
    with pytest.raises(CorruptError, match=r"^meta in Redis"):
        inventory.meta.get()


@pytest.mark.parametrize("field", ["schema", "site", "created_at"])
def test_a_meta_that_lacks_something_is_corrupt(
    inventory: Inventory, redis: Redis, field: str
) -> None:
    redis.hdel("meta", field)
    with pytest.raises(CorruptError, match=f"^meta in Redis lacks or garbles '{field}'"):
        inventory.meta.get()


@pytest.mark.parametrize("key", ["meta", "events"])
def test_a_wrong_type_stops_the_beginning(new_store: Inventory, redis: Redis, key: str) -> None:
    redis.set(key, "text")
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        begin(new_store)
    assert redis.keys() == [key]
