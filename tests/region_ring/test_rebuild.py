"""Redis lost, or restored from a backup: the machines come back, and nothing is terminated."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Kind, State
from enc.inventory import Inventory
from provisioner.commands.adopt import adopt_all
from tests.conftest import begin
from tests.fakes.clock import FakeClock
from tests.service.farm import Farm
from tests.service.invariants import check

HOUR = timedelta(hours=1)


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


def terminated(farm: Farm) -> list[str]:
    return [i for _, ids in farm.cloud.requests("terminate") for i in ids]


def rebuilt(farm: Farm, redis: Redis) -> None:
    """`provisioner init`, and `roles apply` of the same file."""
    redis.flushall()
    adopt_all(farm.bench.context)
    begin(farm.store, at=farm.clock.now())


def test_a_lost_store_comes_back_from_the_tags(farm: Farm, redis: Redis) -> None:
    ready = farm.grown()
    extra = farm.launch_extra(ttl=2 * HOUR)
    before = {node.certname: node for node in farm.nodes()}
    farm.wait(HOUR / 2)
    rebuilt(farm, redis)
    farm.apply()
    last = farm.passes(3)
    after = {node.certname: node for node in farm.nodes()}
    assert set(after) == set(before)
    assert farm.ready() == sorted([*ready, extra])
    for name, node in after.items():
        was = before[name]
        assert (node.role, node.kind, node.launch) == (was.role, was.kind, was.launch)
        assert node.spec_hash == was.spec_hash
        ends = was.expires_at.replace(microsecond=0) if was.expires_at else None
        assert node.expires_at == ends
    assert terminated(farm) == []
    assert last.plan.actions == ()
    check(redis)


def test_a_life_that_is_known_by_its_tag_alone_ends_in_time(farm: Farm, redis: Redis) -> None:
    farm.grown()
    extra = farm.launch_extra(ttl=2 * HOUR, kind=Kind.BURST)
    farm.wait(HOUR)
    rebuilt(farm, redis)
    farm.apply()
    farm.wait(HOUR)
    farm.passes(4)
    assert extra not in farm.cloud.alive
    assert len(farm.ready()) == 3


def test_without_roles_nothing_is_ended_or_launched(farm: Farm, redis: Redis) -> None:
    ready = farm.grown()
    farm.wait(HOUR)
    rebuilt(farm, redis)
    farm.passes(3)
    assert farm.ready() == ready
    assert terminated(farm) == []
    assert any("role web is gone" in note for note in farm.plan().notes)


def dumped(redis: Redis) -> dict[bytes, bytes]:
    given = redis.connection_pool.connection_kwargs
    raw = Redis(host=given["host"], port=given["port"])
    found = {key: raw.dump(key) for key in raw.scan_iter()}
    raw.close()
    return found


def restore(redis: Redis, saved: dict[bytes, bytes]) -> None:
    given = redis.connection_pool.connection_kwargs
    raw = Redis(host=given["host"], port=given["port"])
    raw.flushall()
    for key, text in saved.items():
        raw.restore(key, 0, text)
    raw.close()


def test_one_pass_corrects_an_old_store_and_ends_nothing(farm: Farm, redis: Redis) -> None:
    """Since the backup one machine was lost and replaced, and one launched by hand."""
    first, *_ = farm.grown()
    saved = dumped(redis)
    farm.cloud.kill(first)
    farm.passes(4)
    extra = farm.launch_extra()
    farm.passes(2)
    alive = set(farm.cloud.alive)
    restore(redis, saved)
    farm.converge()
    known = {node.certname for node in farm.nodes()}
    assert alive <= known
    farm.passes(4)
    assert set(farm.cloud.alive) == alive
    assert {node.certname for node in farm.nodes()} == alive
    assert extra in alive
    assert terminated(farm) == []
    check(redis)


def test_an_old_role_does_not_roll_the_fleet_back(farm: Farm, redis: Redis) -> None:
    farm.grown()
    farm.wait(HOUR)
    saved = dumped(redis)
    farm.apply(spec_hash="fedcba9876543210")
    farm.passes(25)
    new = farm.ready()
    assert {n.spec_hash for n in farm.nodes(State.READY)} == {"fedcba9876543210"}
    restore(redis, saved)
    farm.passes(12)
    assert farm.ready() == new
    farm.apply(spec_hash="fedcba9876543210")
    assert farm.passes(2).plan.actions == ()
