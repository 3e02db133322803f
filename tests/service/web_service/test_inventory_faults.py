"""Redis away, slow, loading, full, lost or garbled: never a wrong answer, never half a write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from enc.inventory import (
    CorruptError,
    Found,
    Inventory,
    Query,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
    connect,
)
from tests.builders import event, launch, node, role
from tests.conftest import BINARIES, SINCE_7
from tests.fakes.clock import START
from tests.servers import RedisServer, wait_until
from tests.service.broken import NODE, OTHER, TIMEOUT, breakable, end, filled, reads, writes


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    yield from breakable(request.param, tmp_path)


@pytest.fixture
def store(server: RedisServer) -> Iterator[Inventory]:
    yield from filled(server)


def test_a_redis_that_is_away_is_unavailable_for_everything(
    server: RedisServer, store: Inventory
) -> None:
    server.kill()
    for act in [*reads(store), *writes(store)]:
        with pytest.raises(StoreUnavailableError, match="is it running"):
            act()


def test_a_redis_that_hangs_is_given_up_within_the_time_out(
    server: RedisServer, store: Inventory
) -> None:
    server.pause()
    for act in (
        lambda: store.nodes.get(NODE.certname),
        lambda: store.lookups.look_up(NODE.certname),
        lambda: store.nodes.create(OTHER, event()),
    ):
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="did not answer in time"):
            act()
        assert TIMEOUT * 0.9 < time.monotonic() - began < TIMEOUT * 5


# 6.2 cannot be made to load slowly.
@pytest.mark.parametrize("server", SINCE_7, indirect=True)
def test_a_redis_that_loads_is_unavailable_and_then_there(
    server: RedisServer, store: Inventory
) -> None:
    store.nodes.create_many((node(f"i-{n:017x}"), event()) for n in range(100, 300))
    store.redis.config_set("appendonly", "no")
    store.redis.save()
    end(server)
    delay = ("--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024")
    slow = replace(server, options=delay, process=None)
    starting = threading.Thread(target=slow.start)
    starting.start()
    try:
        seen = set()
        deadline = time.monotonic() + 20
        while starting.is_alive() and time.monotonic() < deadline:
            try:
                seen.add(store.nodes.get(NODE.certname))
            except StoreUnavailableError as error:
                seen.add("loading" if "is loading its data" in str(error) else "away")
        starting.join()
        assert "loading" in seen
        assert seen <= {"loading", "away", replace(NODE, rev=1)}
        assert store.nodes.get(NODE.certname) == replace(NODE, rev=1)
    finally:
        starting.join()
        end(slow)


def test_a_replica_takes_no_write_and_says_what_to_do(
    server: RedisServer, store: Inventory, tmp_path: Path
) -> None:
    store.redis.config_set("repl-diskless-sync-delay", 0)
    replica = RedisServer(
        tmp_path / "replica",
        binary=server.binary,
        options=("--replicaof", "127.0.0.1", str(server.port)),
    ).start()
    try:
        there = Inventory.on(connect(replica.url, timeout=5))
        wait_until("the copy", lambda: there.redis.exists("meta") == 1)
        for act in writes(there)[1:]:
            with pytest.raises(StoreUnavailableError, match="point REDIS_URL at the primary"):
                act()
        assert there.nodes.get(NODE.certname) == replace(NODE, rev=1)
        there.redis.close()
    finally:
        end(replica)


def test_a_restart_with_its_data_is_not_noticed_but_for_the_gap(
    server: RedisServer, store: Inventory
) -> None:
    end(server)
    with pytest.raises(StoreUnavailableError):
        store.nodes.get(NODE.certname)
    server.start()
    assert store.nodes.get(NODE.certname) == replace(NODE, rev=1)
    assert store.lookups.look_up(NODE.certname).found is Found.NODE
    assert store.nodes.change(replace(NODE, rev=1), event(), held="x").rev == 2


def test_a_restart_without_its_data_is_a_lost_store(server: RedisServer, store: Inventory) -> None:
    end(server)
    for path in sorted(server.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    server.start()
    for act in [*reads(store)[1:-1], *writes(store)[1:]]:
        with pytest.raises(StoreLostError):
            act()
    assert not store.redis.keys()


def test_bytes_that_are_no_text_are_named_and_spoil_nothing_else(store: Inventory) -> None:
    store.nodes.create(OTHER, event())
    key = f"node:{NODE.certname}"
    store.redis.hset(key, "held", b"\xff\xfe")
    for act in (
        lambda: store.nodes.get(NODE.certname),
        lambda: store.nodes.of_role("web"),
        lambda: store.lookups.look_up(NODE.certname),
        lambda: store.queries.page(Query(), limit=5),
        lambda: list(store.queries.every(Query(q="i-"))),
        lambda: store.nodes.create_many([(NODE, event())]),
    ):
        with pytest.raises(StoreError, match=key) as caught:
            act()
        assert not isinstance(caught.value, StoreUnavailableError)
        assert store.nodes.get(OTHER.certname) == replace(OTHER, rev=1)
    store.redis.hset("role:web", "definition", b"\xff")
    for act in (
        lambda: store.roles.get("web"),
        store.roles.all,
        lambda: store.roles.apply([role("db")], event()),
        lambda: store.lookups.definition("web"),
    ):
        with pytest.raises(CorruptError, match=r"^role:web in Redis is not UTF-8 text"):
            act()


@pytest.mark.parametrize("text", ["\udcff", "a\ud800b"])
def test_text_that_is_no_unicode_is_refused_before_anything_is_sent(
    store: Inventory, text: str
) -> None:
    with pytest.raises(StoreError, match="only Unicode text can be stored"):
        store.nodes.create(replace(OTHER, held=text), event())
    with pytest.raises(StoreError, match="only Unicode text can be stored"):
        store.nodes.create(OTHER, event(why=text))
    assert store.nodes.get(OTHER.certname) is None


def test_a_command_that_redis_does_not_have_is_not_repeated_with_its_secrets(
    server: RedisServer, store: Inventory
) -> None:
    end(server)
    server.options = (*server.options, "--rename-command", "EVALSHA", "")
    server.start()
    secret = launch("l-new", key="5ec4e7" * 10)
    with pytest.raises(StoreUnavailableError, match="unknown command") as caught:
        store.launches.open(secret, event())
    assert "5ec4e7" not in str(caught.value)


def test_no_error_tells_the_key_of_a_launch(server: RedisServer, store: Inventory) -> None:
    secret = launch("l-new", key="5ec4e7" * 10)
    store.redis.set("launch:l-new", "x")
    with pytest.raises(CorruptError) as caught:
        store.launches.open(secret, event())
    assert "5ec4e7" not in str(caught.value)
    store.redis.delete("launch:l-new")
    store.redis.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailableError) as full:
        store.launches.open(secret, event())
    assert "5ec4e7" not in str(full.value)


def test_a_heartbeat_that_stops_mid_way_leaves_a_whole_launch(
    server: RedisServer, store: Inventory
) -> None:
    later = START + timedelta(seconds=5)
    store.launches.beat(launch().id, later)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        store.launches.beat(launch().id, later + timedelta(seconds=5))
    server.start()
    found = store.launches.get(launch().id)
    assert found is not None
    assert found.heartbeat == later
