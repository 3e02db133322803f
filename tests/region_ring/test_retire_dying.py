"""Dying anywhere in a retirement: whoever runs it again finishes, and does nothing twice.

A driver counts every call to EC2, the CA, PuppetDB and the store, and dies around each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import Event, Inventory
from enc.inventory.nodes import Nodes
from provisioner.context import Context
from provisioner.domain.retirement import Step
from provisioner.ending.retire import Retirement, retire
from tests.builders import event
from tests.conftest import begin
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.puppetdb import FakePuppetDB
from tests.service.retirements import Stage
from tests.workbench import Workbench


class Killed(BaseException):
    """The process is no more; nothing of it may catch this."""


@dataclass
class Fate:
    """Dies at the ``at``-th outside call, before or after it is done; 0 is never."""

    at: int = 0
    after: bool = False
    points: list[str] = field(default_factory=list)

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        self.points.append(call)
        mine = len(self.points) == self.at
        if mine and not self.after:
            raise Killed(call)
        yield
        if mine:
            raise Killed(call)


class FatefulCloud(FakeCloud):
    fate = Fate()

    @contextmanager
    def call(self, action: str, request: Any) -> Iterator[None]:
        with self.fate.around(action), super().call(action, request):
            yield


class FatefulCA(FakeCA):
    """Remembers what lived when it was told to clean."""

    fate = Fate()
    alive: Callable[[], Sequence[str]] = list
    wronged: tuple[str, ...] = ()

    @contextmanager
    def call(self, action: str, request: Any) -> Iterator[None]:
        with self.fate.around(action), super().call(action, request):
            yield

    def clean(self, certnames: Sequence[str]) -> None:
        self.wronged += tuple(set(certnames) & set(self.alive()))
        super().clean(certnames)


class FatefulPuppetDB(FakePuppetDB):
    fate = Fate()

    @contextmanager
    def call(self, action: str, request: Any) -> Iterator[None]:
        with self.fate.around(action), super().call(action, request):
            yield


class FatefulNodes(Nodes):
    def __init__(self, redis: Redis, fate: Fate) -> None:
        super().__init__(redis)
        self.fate = fate

    def change(self, node: Node, event: Event, **changes: Any) -> Node:
        with self.fate.around(event.what):
            return super().change(node, event, **changes)

    def archive(self, node: Node, event: Event) -> None:
        with self.fate.around(event.what):
            super().archive(node, event)


@dataclass
class World:
    """A foreign node and machines in service; what is left of them between two processes."""

    stage: Stage
    cloud: FatefulCloud
    ca: FatefulCA
    puppetdb: FatefulPuppetDB
    names: list[str]

    @classmethod
    def made(cls, store: Inventory) -> World:
        clock = FakeClock()
        cloud, ca, puppetdb = FatefulCloud(clock), FatefulCA(), FatefulPuppetDB()
        stage = Stage(Workbench(store, clock, cloud, ca=ca, puppetdb=puppetdb), ca, puppetdb)
        nodes = [*stage.launched(2), stage.foreign()]
        for one in nodes[:1]:
            store.nodes.change(one, event("running"), state=State.RUNNING)
        cloud.manners.shutdown_s = 3
        ca.alive = lambda: cloud.alive
        return cls(stage, cloud, ca, puppetdb, [one.certname for one in nodes])

    @property
    def store(self) -> Inventory:
        return self.stage.bench.inventory

    def left(self) -> list[Node]:
        return self.store.nodes.many(self.names)

    def run(self, fate: Fate) -> Retirement:
        """A new process: nothing of an earlier one is remembered but what the world keeps."""
        self.cloud.fate = self.ca.fate = self.puppetdb.fate = fate
        nodes = FatefulNodes(self.store.redis, fate)
        context: Context = replace(
            self.stage.bench.context, inventory=replace(self.store, nodes=nodes)
        )
        return retire(context, self.left(), drain=lambda _: timedelta(seconds=1), why="enough")

    def run_to_the_death(self, fate: Fate) -> bool:
        try:
            self.run(fate)
        except Killed:
            return True
        return False

    def has_ended_well(self) -> None:
        assert self.left() == []
        assert self.cloud.alive == []
        assert (self.ca.signed, self.ca.requests_pending) == ([], [])
        assert sorted(self.ca.revoked) == sorted(self.names)
        assert sorted(self.puppetdb.deactivated) == sorted(self.names)
        assert self.ca.wronged == ()
        for name in self.names:
            assert self.store.nodes.archived(name) is not None
            life = Counter(entry["what"] for entry in self.store.events.life(name))
            assert set(life.values()) == {1}, life


@pytest.fixture
def world(inventory: Inventory) -> Callable[[], World]:
    """Makes a new one, and empties the store for it."""

    def made() -> World:
        inventory.redis.flushdb()
        begin(inventory)
        return World.made(inventory)

    return made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_at_any_call_leaves_what_the_next_one_finishes(
    world: Callable[[], World], *, after: bool
) -> None:
    whole = Fate()
    assert len(world().run(whole).archived) == 3
    stood: set[str] = set()
    for at in range(1, len(whole.points) + 1):
        tried = world()
        assert tried.run_to_the_death(Fate(at, after=after)), whole.points[at - 1]
        stood |= {node.retire_step for node in tried.left()}
        tried.run(Fate())
        tried.has_ended_well()
    assert len(whole.points) >= len(Step)
    assert stood == {"", *Step}, "there are steps at which nobody died"
    assert {"terminate", "describe", "clean", "deactivate"} <= set(whole.points)
    assert {"draining", "retiring", "terminated", "gone", "archived"} <= set(whole.points)


@pytest.mark.parametrize("seed", range(20))
def test_dying_again_and_again_ends_well(world: Callable[[], World], seed: int) -> None:
    rng, tried = Random(seed), world()
    for _ in range(100):
        if not tried.run_to_the_death(Fate(rng.randint(2, 12), after=rng.random() < 0.5)):
            break
    tried.run(Fate())
    tried.has_ended_well()
