"""Whatever EC2 answers: no certificate is cleaned of a machine that its last answer calls alive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from redis import Redis

from enc.domain.model import Market, Node, State
from enc.domain.timeouts import Timeouts
from enc.inventory import Inventory
from provisioner.calls import WrongAccountError
from provisioner.domain.retirement import Step
from provisioner.ending.retire import retire
from provisioner.launching.launch import launch
from provisioner.ports.ec2 import Instance, InstanceState
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event, node
from tests.conftest import begin
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, FakeCloud
from tests.workbench import Workbench

SPANS = Timeouts(terminated=timedelta(minutes=3), suspect=timedelta(seconds=20))
ANSWERS: list[InstanceState | None] = [
    *(None, None, None, InstanceState.TERMINATED, InstanceState.SHUTTING_DOWN),
    *(InstanceState.RUNNING, InstanceState.STOPPED, InstanceState.PENDING),
]
TROUBLES = [Trouble.UNAVAILABLE, Trouble.THROTTLED, Trouble.UNKNOWN_OUTCOME]


class MoodyCloud(FakeCloud):
    """Answers by its mood, which changes; remembers what it said last, and since when."""

    def __init__(self, clock: FakeClock, rng: Random) -> None:
        super().__init__(clock)
        self.rng = rng
        self.constancy = rng.choice([0.5, 0.9, 0.98])
        self.trouble = rng.choice([0.0, 0.1, 0.5])
        self.said: dict[str, InstanceState | None] = {}
        self.absent_since: dict[str, datetime] = {}
        self.lived: set[str] = set()

    def describe(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        self._maybe_fail()
        return {i: instance for i in ids if (instance := self._answer(i))}

    def terminate(self, region: str, ids: Sequence[str]) -> frozenset[str]:
        self._maybe_fail()
        return frozenset(i for i in ids if self.rng.random() < 0.3)

    def _maybe_fail(self) -> None:
        if self.rng.random() < self.trouble:
            raise CloudError(self.rng.choice(TROUBLES), "Moody", "as the test has it")

    def _answer(self, instance_id: str) -> Instance | None:
        if instance_id not in self.said or self.rng.random() > self.constancy:
            self.said[instance_id] = self.rng.choice(ANSWERS)
        state = self.said[instance_id]
        if state is not None:
            if state is not InstanceState.TERMINATED:
                self.lived.add(instance_id)
            self.absent_since.pop(instance_id, None)
            return _instance(instance_id, state, self.clock.now())
        self.absent_since.setdefault(instance_id, self.clock.now())
        return None


class Witness(FakeCA):
    """Knows of each name in a clean call whether it might be cleaned."""

    def __init__(self, cloud: MoodyCloud, begun: Mapping[str, Step]) -> None:
        super().__init__()
        self.cloud, self.begun = cloud, begun
        self.seen: Counter[str] = Counter()

    def clean(self, certnames: Sequence[str]) -> None:
        for name in certnames:
            self.seen[self._why(name)] += 1
        super().clean(certnames)

    def _why(self, name: str) -> str:
        state = self.cloud.said[name]
        if state is InstanceState.TERMINATED:
            return "terminated"
        assert state is None, f"cleaned {name}, which EC2 has just listed {state}"
        if self.begun[name] is Step.CLEAN and name not in self.cloud.lived:
            return "gone before"
        absent = self.cloud.clock.now() - self.cloud.absent_since[name]
        assert absent >= SPANS.suspect, f"cleaned {name}, absent for {absent}"
        return "absent"


def test_never_one_that_may_live(inventory: Inventory) -> None:
    seen: Counter[str] = Counter()
    for seed in range(150):
        seen += tried(inventory, Random(seed))
    assert set(seen) == {"terminated", "absent", "gone before"}


def tried(inventory: Inventory, rng: Random) -> Counter[str]:
    clock = FakeClock()
    cloud = MoodyCloud(clock, rng)
    nodes = [left_somewhere(inventory, rng) for _ in range(3)]
    ca = Witness(cloud, {one.certname: Step(one.retire_step) for one in nodes})
    bench = Workbench(inventory, clock, cloud, timeouts=SPANS, ca=ca)
    result = retire(bench.context, nodes, drain=lambda _: timedelta(0), why="a test")
    assert {*result.archived, *result.remaining} == {one.certname for one in nodes}
    return ca.seen


def left_somewhere(inventory: Inventory, rng: Random) -> Node:
    step = rng.choice(list(Step)[:3])
    made = node(f"i-{rng.getrandbits(68):017x}", state=State.RETIRING, retire_step=step)
    return inventory.nodes.create(made, event())


def _instance(instance_id: str, state: InstanceState, now: datetime) -> Instance:
    return Instance(
        id=instance_id,
        state=state,
        region="us-east-1",
        zone="us-east-1a",
        instance_type="c5.large",
        market=Market.SPOT,
        launched_at=now,
    )


@pytest.mark.parametrize("state", [InstanceState.RUNNING, InstanceState.STOPPED])
def test_one_that_always_lives_is_never_forgotten(
    inventory: Inventory, clock: FakeClock, state: InstanceState
) -> None:
    cloud = MoodyCloud(clock, Random(0))
    cloud.constancy, cloud.trouble = 1.0, 0.0
    nodes = [left_somewhere(inventory, Random(seed)) for seed in range(10)]
    cloud.said = {one.certname: state for one in nodes}
    ca = FakeCA()
    bench = Workbench(inventory, clock, cloud, timeouts=SPANS, ca=ca)
    result = retire(bench.context, nodes, drain=lambda _: timedelta(0), why="a test")
    assert (result.archived, ca.calls) == ((), [])
    assert all(state.value in why for why in result.remaining.values())


# EC2 answers the truth, of another account or of what a damaged record asks for.


def test_never_one_that_another_account_does_not_know(inventory: Inventory, redis: Redis) -> None:
    """Its word is constant, and true: it has no such machine."""
    for seed in range(30):
        rng, clock, ca = Random(seed), FakeClock(), FakeCA()
        theirs = FakeCloud(clock)
        redis.hset("meta", "account", rng.choice(["999999999999", "0", f"{ACCOUNT} "]))
        nodes = [left_somewhere(inventory, rng) for _ in range(3)]
        bench = Workbench(inventory, clock, theirs, timeouts=SPANS, ca=ca)
        with pytest.raises(WrongAccountError):
            retire(bench.context, nodes, drain=lambda _: timedelta(0), why="a test")
        assert inventory.nodes.many([one.certname for one in nodes]) == nodes
        assert (ca.calls, theirs.count("terminate")) == ([], 0)


class Guard(FakeCA):
    """Knows which machines live, by name."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__()
        self.cloud = cloud

    def clean(self, certnames: Sequence[str]) -> None:
        wronged = set(certnames) & set(self.cloud.alive)
        assert not wronged, f"cleaned {wronged}, which live"
        super().clean(certnames)


def test_never_one_whose_record_is_damaged(inventory: Inventory, redis: Redis) -> None:
    """Whatever is lost of it: the machine lives until it is known to have ended, or is kept."""
    ended = 0
    for seed in range(60):
        rng, clock = Random(seed), FakeClock()
        cloud = FakeCloud(clock)
        ca = Guard(cloud)
        bench = Workbench(inventory, clock, cloud, timeouts=SPANS, ca=ca)
        names = [one.certname for one in launch(bench.context, bench.order(3)).nodes]
        for name in names[:2]:
            damage(redis, name, rng)
        nodes = inventory.nodes.many(names)
        result = retire(bench.context, nodes, drain=lambda _: timedelta(0), why="a test")
        assert sorted([*result.archived, *cloud.alive]) == sorted(names)
        assert names[2] in result.archived
        ended += len(result.archived)
        redis.flushdb()
        begin(inventory)
    assert 60 < ended < 180


def damage(redis: Redis, certname: str, rng: Random) -> None:
    """What no rolecall writes: a hand in redis-cli, a restore that lost a part."""
    key = f"node:{certname}"
    harmless = rng.choice(["launch", "zone", "market", "image", "vpc"])
    redis.hdel(key, rng.choice([harmless, "region", "instance_id"]))
    if rng.random() < 0.3:
        redis.hset(key, "instance_id", rng.choice([certname[:-1], "i-0", "i-0ccccccccccccccc3"]))
    if rng.random() < 0.5:
        state = {"state": "retiring", "retire_step": rng.choice([*Step, "", "nonsense"])}
        redis.hset(key, mapping=state)
