"""Simulated months: the invariants hold after each pass, and three deliberate bugs break them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from redis import Redis

from enc.domain.model import State
from provisioner.domain.world import Rules
from provisioner.loop.converge import Pass
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError
from tests.fakes.cloud import FakeCloud
from tests.service.invariants import check
from tests.service.invariants_of_passes import BrokenError
from tests.service.months import ROLES, Months

PASSES = 2000
_UNREAL = 1000
SEEDS = (1, 2, 3, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_invariants_hold_after_each_pass(redis: Redis, seed: int) -> None:
    months = Months.of(redis, seed)
    months.live(PASSES // len(SEEDS))
    check(redis)


def test_a_fleet_of_hundreds_lives_through_a_day(redis: Redis) -> None:
    months = Months.of(redis, 5, larger=10)
    months.live(60)
    check(redis)


class BlindCloud(FakeCloud):
    """The deliberate bug: what cannot be listed is taken for empty."""

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        try:
            return super().instances(region, site, tags)
        except CloudError:
            return ()

    def describe(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        try:
            return super().describe(region, ids)
        except CloudError:
            return {}


class Forgetful(Months):
    """The deliberate bug: the look before a drain sees more ready machines than there are.

    What it asks of Redis is put up while the pass lists EC2, and right again when it is over.
    """

    def converged(self, *, dies: bool) -> Pass | None:
        self.farm.cloud.on("instances", lambda: self._put(_UNREAL))
        try:
            return super().converged(dies=dies)
        finally:
            self._put(0)

    def _put(self, number: int) -> None:
        for name in ROLES:
            for state, by in ((State.READY, number), (State.PENDING, -number)):
                # Of no market: no fleet's node is counted there.
                counted = (f"fleet:{name}", f"fleet:{state}:none")
                self.redis.hset(*counted, str(by)) if by else self.redis.hdel(*counted)


def broken(
    redis: Redis, rules: Rules, *, first: int = 100, blind: bool = False, of: type[Months] = Months
) -> str:
    """What one of some seeds meets; ``first`` is one that is known to, so that it is quick."""
    for seed in range(first, first + 20):
        try:
            months = of.of(redis, seed, rules=rules)
            if blind:
                months.farm.cloud.__class__ = BlindCloud
            months.live(200)
        except BrokenError as error:
            return str(error)
    return ""


def test_to_forget_the_second_look_is_caught(redis: Redis) -> None:
    assert "left ready, below" in broken(redis, Rules(), first=131, of=Forgetful)


def test_to_count_only_ready_nodes_is_caught(redis: Redis) -> None:
    assert "wanted, above" in broken(redis, Rules(counted=frozenset({State.READY})))


def test_to_take_an_error_for_an_empty_list_is_caught(redis: Redis) -> None:
    assert "lives and is lost" in broken(redis, Rules(), blind=True)
