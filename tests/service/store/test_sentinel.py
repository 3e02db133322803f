"""Redis under Sentinel: real servers that fail over, and a client that follows the majority."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from redis.exceptions import RedisError

from enc.domain.model import State
from enc.inventory import Inventory, StoreError, StoreUnavailableError, connect
from enc.inventory.sentinel import ASKED_EVERY
from tests.builders import event, node
from tests.conftest import begin
from tests.sentinels import NAME as PRIMARY
from tests.sentinels import Watched, watched
from tests.servers import wait_until

NAME = "i-0aaaaaaaaaaaaaaa1"
TIMEOUT = 2.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as made:
        yield made


@pytest.fixture
def store(site: Watched) -> Iterator[Inventory]:
    found = Inventory.on(connect(site.url, timeout=TIMEOUT, clock=monotonic))
    begin(found)
    found.nodes.create(node(NAME), event())
    wait_for_replicas(site)
    yield found
    found.redis.close()


def wait_for_replicas(site: Watched) -> None:
    with site.primary().client() as client:
        client.wait(1, 5000)


def works(act: Callable[[], object]) -> Callable[[], bool]:
    def tried() -> bool:
        try:
            act()
        except StoreError:
            return False
        return True

    return tried


def asks(store: Inventory) -> None:
    assert store.lookups.look_up(NAME).node is not None


def writes(store: Inventory) -> Any:
    found: Any = store.nodes.get(NAME)
    return store.nodes.change(found, event("held"), held=f"{found.rev}")


def port(store: Inventory) -> int:
    try:
        said: Any = store.redis.info("server")
    except RedisError:
        return 0
    return int(said["tcp_port"])


def said_by(store: Inventory) -> str:
    with pytest.raises(StoreUnavailableError) as caught:
        asks(store)
    return str(caught.value)


class TestAFailover:
    def test_of_a_primary_that_dies_is_followed(self, site: Watched, store: Inventory) -> None:
        old = site.primary()
        asks(store)
        old.kill()
        new = site.wait_for_another_than(old)
        wait_until("look-ups go on", works(lambda: asks(store)))
        wait_until("writes go on", works(lambda: writes(store)))

        assert new is not old
        with new.client() as client:
            assert client.hget(f"node:{NAME}", "held")

    def test_that_is_planned_leaves_nobody_with_the_old_one(
        self, site: Watched, store: Inventory
    ) -> None:
        """It lives on as a replica, and keeps its connections."""
        old = site.primary()
        asks(store)
        writes(store)
        wait_for_replicas(site)
        assert site.sentinels[0].says("SENTINEL", "FAILOVER", PRIMARY)
        new = site.wait_for_another_than(old)
        wait_until(f"within {ASKED_EVERY} s the new one is asked", lambda: port(store) == new.port)
        asks(store)
        writes(store)

        with new.client() as client:
            assert client.hget(f"node:{NAME}", "rev") == "3"


class TestAnOldPrimary:
    def test_that_the_majority_has_left_is_not_believed(
        self, site: Watched, store: Inventory
    ) -> None:
        """It was cut off from the others, and not from us: it answers as if nothing had been."""
        old = site.primary()
        [new] = [one for one in site.servers.values() if one is not old]
        asks(store)
        with new.client() as client:
            client.replicaof("NO", "ONE")
            client.hset(f"node:{NAME}", "state", State.RETIRING)
        for one in site.sentinels[:2]:
            one.end()
            one.primary = new.port
            one.start()

        def answer() -> State | None:
            found = store.lookups.look_up(NAME).node
            return found and found.state

        wait_until(
            f"within {ASKED_EVERY} s the new one is asked", lambda: answer() is State.RETIRING
        )
        with old.client() as client:
            assert client.info("replication")["role"] == "master"


class TestWithoutAMajority:
    def test_nothing_is_asked_and_it_is_said_who_is_silent(
        self, site: Watched, store: Inventory
    ) -> None:
        asks(store)
        for one in site.sentinels[:2]:
            one.end()
        wait_until("they count", lambda: not works(lambda: asks(store))())
        said = said_by(store)

        assert said.startswith("no majority of the 3 Sentinels in REDIS_URL names the same primary")
        assert said.count("does not answer") == 2
        assert f"127.0.0.1:{site.sentinels[2].primary_of()}" in said

    def test_one_of_three_may_be_away(self, site: Watched) -> None:
        site.sentinels[0].end()
        store = Inventory.on(connect(site.url, timeout=TIMEOUT, clock=monotonic))
        begin(store)
        assert store.meta.get() is not None
        store.redis.close()

    def test_a_name_that_they_do_not_know_is_told(self, site: Watched) -> None:
        store = Inventory.on(
            connect(site.url.replace(PRIMARY, "other"), timeout=TIMEOUT, clock=monotonic)
        )
        with pytest.raises(StoreUnavailableError, match="knows no primary of this name"):
            store.meta.get()
        store.redis.close()
