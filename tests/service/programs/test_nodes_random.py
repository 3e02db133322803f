"""Thousands of changes, repeated and at once: what follows from the nodes still does."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import ALLOWED, Kind, Market, Node, State
from enc.inventory import Inventory, NotAllRecordedError, StoreError, connect
from enc.inventory.errors import AlreadyThereError, ArchivedError, ConflictError
from enc.inventory.reports import Taken
from tests.builders import event, foreign, launch, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.invariants import check
from tests.summaries import report

pytestmark = on_each_redis

CERTNAMES = [f"i-{n:017x}" for n in range(40)]
FOREIGN = [f"db{n}.example" for n in range(5)]
LAUNCHES = ["l-00000000000000aa", "l-00000000000000bb"]
REFUSED = (AlreadyThereError, ArchivedError, ConflictError, NotAllRecordedError)


@dataclass
class Chaos:
    """Random changes, of nodes as they are or as this one remembers them."""

    inventory: Inventory
    rng: random.Random
    known: dict[str, Node] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def act(self) -> None:
        doing: Callable[[], Any] = self.rng.choice(
            [
                *(self.create, self.create_again, self.create_many, self.end),
                *(*4 * [self.change], *2 * [self.report]),
            ]
        )
        try:
            doing()
            self.done[doing.__name__] += 1
        except REFUSED as error:
            self.done[type(error).__name__] += 1

    def create(self) -> None:
        self.keep([self.inventory.nodes.create(self.some_node(), event())])

    def create_again(self) -> None:
        """A writer who lost the answer to its first try."""
        each = self.some_node()
        self.inventory.nodes.create_many([(each, event())])
        self.keep(self.inventory.nodes.create_many([(each, event())]))

    def create_many(self) -> None:
        some = [(self.some_node(), event()) for _ in range(5)]
        self.keep(self.inventory.nodes.create_many(some))

    def change(self) -> None:
        each = self.some_known()
        state = self.rng.choice([each.state, *ALLOWED[each.state] - {State.ARCHIVED}])
        changes = {"state": state, "held": self.rng.choice(["", "x"]), **self.some_names()}
        if self.rng.random() < 0.2:
            changes |= {"role": self.role(), "launched_at": self.time()}
        many = self.inventory.nodes.change_many([(each, event(), changes)] * 2)
        self.keep(many)

    def report(self) -> None:
        """Of any machine, known or not, with a clock that jumps."""
        certname = self.rng.choice([*CERTNAMES, *FOREIGN])
        status = self.rng.choice(["changed", "unchanged", "failed"])
        sent = report(certname, time=self.time(), status=status, noop=self.rng.random() < 0.2)
        self.done[self.inventory.reports.take(sent, site="default", who="chaos")] += 1

    def end(self) -> None:
        each = self.some_known()
        if each.state not in (State.RETIRING, State.ARCHIVED):
            each = self.inventory.nodes.change(each, event(), state=State.RETIRING)
        self.inventory.nodes.archive(each, event(at=self.time(), why="chaos"))
        self.known.pop(each.certname, None)

    def keep(self, nodes: list[Node]) -> None:
        """Sometimes not: then the next change of it is made from what was."""
        self.known |= {n.certname: n for n in nodes if self.rng.random() < 0.9}

    def some_known(self) -> Node:
        return self.rng.choice(list(self.known.values()) or [node(CERTNAMES[0], rev=3)])

    def some_node(self) -> Node:
        if self.rng.random() < 0.1:
            return foreign(self.rng.choice(FOREIGN), role=self.role(), **self.some_names())
        return node(
            self.rng.choice(CERTNAMES),
            role=self.role(),
            kind=self.rng.choice([Kind.FLEET, Kind.EXTRA]),
            state=self.rng.choice([State.PENDING, State.RUNNING, State.READY]),
            market=self.rng.choice(list(Market)),
            launch=self.rng.choice([*LAUNCHES, "l-unknown", ""]),
            launched_at=self.time(),
            **self.some_names(),
        )

    def some_names(self) -> dict[str, str]:
        number = self.rng.randrange(6)
        return {
            "private_ip": self.rng.choice(["", f"10.0.0.{number}"]),
            "private_dns": self.rng.choice(["", f"ip-10-0-0-{number}.ec2.internal"]),
            "public_dns": self.rng.choice(["", f"ip-10-0-0-{number}.ec2.internal", "a.example"]),
        }

    def role(self) -> str:
        return self.rng.choice(["web", "db"])

    def time(self) -> Any:
        return START + timedelta(milliseconds=self.rng.randrange(20))


@pytest.fixture
def opened(inventory: Inventory) -> Inventory:
    for launch_id in LAUNCHES:
        inventory.launches.open(launch(launch_id), event())
    return inventory


def test_one_writer_at_random(opened: Inventory, redis: Redis) -> None:
    chaos = Chaos(opened, random.Random(1))
    for turn in range(500):
        chaos.act()
        if turn % 100 == 0:
            check(redis)
    check(redis)
    wanted = {
        "create",
        "create_again",
        "create_many",
        "change",
        "end",
        *Taken,
        *(e.__name__ for e in REFUSED),
    }
    assert chaos.done.keys() >= wanted - {"ConflictError"}


def test_four_writers_at_once(opened: Inventory, redis: Redis, redis_server: RedisServer) -> None:
    writers = [
        Chaos(Inventory.on(connect(redis_server.url, timeout=5)), random.Random(seed))
        for seed in range(4)
    ]
    errors: list[BaseException] = []

    def run(chaos: Chaos) -> None:
        try:
            for _ in range(200):
                chaos.act()
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            errors.append(error)

    in_threads([lambda writer=writer: run(writer) for writer in writers])
    assert errors == []
    check(redis)
    assert sum((writer.done for writer in writers), Counter())["ConflictError"] > 0
    for writer in writers:
        writer.inventory.redis.close()


def test_of_many_writers_at_once_each_rev_has_one_winner(
    inventory: Inventory, redis_server: RedisServer
) -> None:
    born = inventory.nodes.create(node(), event())
    won: list[tuple[int, str]] = []

    def run(who: str) -> None:
        mine = Inventory.on(connect(redis_server.url, timeout=5))
        seen = born
        for _ in range(50):
            try:
                seen = mine.nodes.change(seen, event(), held=who)
                won.append((seen.rev, who))
            except StoreError:
                seen = mine.nodes.get(born.certname) or seen
        mine.redis.close()

    in_threads([lambda who=str(n): run(who) for n in range(4)])
    assert sorted(rev for rev, _ in won) == list(range(2, len(won) + 2))
    last = inventory.nodes.get(born.certname)
    assert last == replace(born, rev=len(won) + 1, held=dict(won)[len(won) + 1])


def in_threads(acts: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
