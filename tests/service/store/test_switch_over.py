"""A planned switch-over: the old primary lives on as a replica, and keeps its connections.

The relay stands for the name or the virtual address that the primary has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from enc.domain.model import State
from enc.inventory import Inventory, StoreUnavailableError, connect
from enc.inventory.health import check_ready
from tests.builders import event, node
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer, wait_until
from tests.service.relay import Relay

NAME = "i-0aaaaaaaaaaaaaaa1"


class Pair:
    """Two servers, and an address that leads to the primary."""

    def __init__(self, folder: Path) -> None:
        quick = ("--repl-diskless-sync-delay", "0")
        self.old = RedisServer(folder / "old", options=quick).start()
        self.new = RedisServer(folder / "new", options=quick).start()
        self._clients = [self.old.client(), self.new.client()]
        self._clients[1].replicaof("127.0.0.1", str(self.old.port))
        self.relay = Relay(self.old.port).__enter__()

    def switch(self) -> None:
        """Nothing is closed: who is connected stays so, to what is a replica from now on."""
        caught_up = self._clients[0].info("replication")["master_repl_offset"]
        wait_until("the replica has it all", lambda: self._offset() >= caught_up)
        self._clients[1].replicaof("NO", "ONE")
        self._clients[0].replicaof("127.0.0.1", str(self.new.port))
        wait_until("it follows", lambda: self._link() == "up")
        self.relay.port = self.new.port

    def end(self) -> None:
        for client in self._clients:
            client.close()
        self.relay.__exit__()
        self.old.end()
        self.new.end()

    def _offset(self) -> int:
        said: Any = self._clients[1].info("replication")
        return int(said.get("slave_repl_offset", -1))

    def _link(self) -> str:
        said: Any = self._clients[0].info("replication")
        return str(said.get("master_link_status", ""))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    try:
        yield made
    finally:
        made.end()


def inventory(pair: Pair) -> Inventory:
    found = Inventory.on(connect(pair.relay.url, timeout=2.0))
    begin(found)
    found.nodes.create(node(NAME), event())
    return found


CALLS: dict[str, Callable[[Inventory], object]] = {
    "a look-up": lambda store: store.lookups.look_up(NAME),
    "a name": lambda store: store.names.read(
        "a.example", store.names.ask("a.example", start=0, want=10), "default"
    ),
    "readiness": lambda store: check_ready(store.redis, "default"),
    "a change": lambda store: store.nodes.change(
        store.nodes.get(NAME),  # type: ignore[arg-type]
        event("ready", at=START),
        state=State.RUNNING,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_the_old_primary_refuses_once_the_new_one_answers(pair: Pair, name: str) -> None:
    store = inventory(pair)
    if name != "a change":
        CALLS[name](store)
    pair.switch()

    failed = 0
    for _ in range(3):
        try:
            CALLS[name](store)
            break
        except StoreUnavailableError:
            failed += 1
    else:
        pytest.fail("it stays with the old primary")
    assert failed <= 1


def test_while_it_stays_a_replica_it_is_refused_each_time(pair: Pair) -> None:
    store = inventory(pair)
    store.lookups.look_up(NAME)
    pair.switch()
    pair.relay.port = pair.old.port

    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match="replica"):
            store.lookups.look_up(NAME)
