"""The process dies at every point where it talks to EC2, Redis, the CA or PuppetDB.

Before the call, and after it but before its answer is used. Two passes of converge later, more
than a minute apart: nothing is leaked, no launch has more than it wanted, nothing was ended that
should not, no template is left, and the inventory is equal to EC2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import Kind, LaunchState, State
from enc.inventory import Inventory, LeaseLostError
from provisioner.context import Context
from provisioner.ending.retire import retire
from provisioner.launching.launch import launch
from provisioner.loop.converge import Wish, converge
from provisioner.ports.tags import LAUNCH_TAG
from tests.conftest import begin
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.puppetdb import FakePuppetDB
from tests.service.crash import DiedError, Fate, Sleeper, mortal
from tests.service.farm import Farm
from tests.service.invariants import check, dump


@dataclass(frozen=True)
class Case:
    """``arrange`` what there is; ``act`` is what dies. ``may_end``: how many nodes it may cost."""

    name: str
    arrange: Callable[[Farm], None]
    act: Callable[[Farm, Context], object]
    may_end: int = 0


def grown(farm: Farm) -> None:
    farm.grown(3)


def with_a_loss(farm: Farm) -> None:
    first, *_ = farm.grown(3)
    farm.cloud.kill(first)


def with_an_ended(farm: Farm) -> None:
    """One whose machine is gone, and one that drains and is due."""
    first, second, *_ = farm.grown(4)
    farm.apply(fleet={"size": 3})
    farm.passes(1)
    farm.wait(timedelta(minutes=6))
    assert farm.nodes(State.DRAINING)
    assert first != second
    farm.cloud.kill(farm.ready()[0])


def nothing(farm: Farm) -> None:
    farm.apply(fleet={"size": 3})


def one_pass(_: Farm, context: Context) -> object:
    return converge(context, Wish())


def launched(farm: Farm, context: Context) -> object:
    return launch(context, farm.bench.order(2))


def burst(farm: Farm, context: Context) -> object:
    return launch(context, farm.bench.order(2, kind=Kind.BURST, ttl=timedelta(hours=2)))


def retired(farm: Farm, context: Context) -> object:
    nodes = farm.nodes(State.READY)[:1]
    return retire(context, nodes, drain=lambda _: timedelta(0), why="retired by a test")


CASES = (
    Case("launch", grown, launched),
    Case("burst", grown, burst),
    Case("retire", grown, retired, may_end=1),
    Case("fill", nothing, one_pass),
    Case("replace a loss", with_a_loss, one_pass, may_end=1),
    Case("end", with_an_ended, one_pass, may_end=2),
)


def fresh(redis: Redis) -> Farm:
    redis.flushall()
    inventory = Inventory.on(redis)
    begin(inventory)
    farm = Farm.on(inventory, FakeClock())
    farm.bench.ca, farm.bench.puppetdb = FakeCA(), FakePuppetDB()
    return farm


def calls_of(case: Case, redis: Redis) -> list[str]:
    """What a clean run calls."""
    farm, fate = fresh(redis), Fate()
    case.arrange(farm)
    case.act(farm, mortal(farm.bench.context, fate))
    return fate.calls


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dying_anywhere_is_put_right_by_two_passes(case: Case, redis: Redis) -> None:
    calls = calls_of(case, redis)
    assert len(calls) >= 10
    died = 0
    for number in range(1, len(calls) + 1):
        for after in (False, True):
            die(case, redis, Fate(number=number, after=after))
            died += 1
    assert died == 2 * len(calls)


@pytest.mark.parametrize("case", [c for c in CASES if c.act is one_pass], ids=lambda c: c.name)
def test_sleeping_past_the_lease_anywhere_does_nothing_twice(case: Case, redis: Redis) -> None:
    """Another converge goes on meanwhile; the one that wakes up can change nothing in the store."""
    calls = calls_of(case, redis)
    for number in range(1, len(calls) + 1):
        farm = fresh(redis)
        case.arrange(farm)
        before = set(farm.cloud.alive)
        found: list[dict[str, Any]] = []

        def meanwhile(farm: Farm = farm, found: list[dict[str, Any]] = found) -> None:
            asleep_with = farm.store.leases.current()
            redis.delete("lease:converge")
            farm.clock.step(61)
            farm.settle()
            if asleep_with:
                found.append(dump(redis))

        sleeper = Sleeper(number=number, meanwhile=meanwhile)
        with suppress(LeaseLostError):
            case.act(farm, mortal(farm.bench.context, sleeper))
        assert not found or dump(redis) == found[0], f"asleep in call {number}: {sleeper.calls}"
        farm.clock.step(61)
        farm.settle()
        where = f"{case.name}: asleep in call {number} of {sleeper.calls}"
        is_whole(farm, redis, where)
        assert len(farm.ready()) >= 3, where
        assert len(before - set(farm.cloud.alive)) <= case.may_end, where


def die(case: Case, redis: Redis, fate: Fate) -> None:
    farm = fresh(redis)
    case.arrange(farm)
    before = set(farm.cloud.alive)
    with pytest.raises(DiedError):
        case.act(farm, mortal(farm.bench.context, fate))
    where = f"{case.name}: {'after' if fate.after else 'before'} call {fate.number} of {fate.calls}"
    # A lease that nobody renews runs out by Redis' own clock, which the test does not step.
    redis.delete("lease:converge")
    farm.clock.step(61)
    farm.settle()
    is_whole(farm, redis, where)
    assert len(before - set(farm.cloud.alive)) <= case.may_end, where


def is_whole(farm: Farm, redis: Redis, where: str) -> None:
    check(redis)
    alive = set(farm.cloud.alive)
    known = {node.certname for node in farm.nodes()}
    # A machine that has ended may still be on its way out of the inventory.
    ending = {n.certname for n in farm.nodes(State.RETIRING, State.LOST, State.DRAINING)}
    assert alive <= known, f"{where}: leaked {alive - known}"
    assert known - ending <= alive, f"{where}: no machine has {known - ending - alive}"
    opened = {one.id for one in farm.store.launches.opened()}
    assert {
        one for one in farm.cloud.template_names if one.removeprefix("rolecall-") not in opened
    } == set(), where
    made = Counter(farm.cloud.machines.by_id[name].tags[LAUNCH_TAG] for name in alive)
    for name, count in made.items():
        found = farm.store.launches.get(name)
        assert found is not None, where
        assert count <= found.want, f"{where}: {name} has {count} of {found.want}"
        assert found.state is not LaunchState.OPEN or found.owner == "converge", where
