"""What must not be ended, failed or lost, though much speaks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from enc.domain.model import State
from enc.inventory import Inventory
from provisioner.commands import holds
from provisioner.domain.actions import End
from provisioner.domain.world import World
from provisioner.loop.acts import ends
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, FakeCloud
from tests.service.farm import Farm

QUARTER = timedelta(minutes=16)


class ShortSightedCloud(FakeCloud):
    """Its listings miss a machine that it knows by its id."""

    missed = ""

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        found = super().instances(region, site, tags)
        return tuple(one for one in found if one.id != self.missed)


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    made = Farm.on(inventory, clock)
    made.bench.cloud = ShortSightedCloud(clock)
    return made


@contextmanager
def missing(farm: Farm, name: str) -> Iterator[None]:
    cloud = farm.cloud
    assert isinstance(cloud, ShortSightedCloud)
    cloud.missed = name
    yield
    cloud.missed = ""


def state(farm: Farm, name: str) -> State | None:
    node = farm.store.nodes.get(name)
    return node and node.state


def failed(farm: Farm) -> str:
    """A node that was not ready in time."""
    farm.apply("other", fleet={"size": 1})
    farm.passes(3)
    farm.puppet = False
    farm.apply("web", fleet={"size": 1})
    farm.passes(2)
    farm.wait(QUARTER)
    farm.report_of("other")
    farm.converge()
    [node] = farm.nodes(State.FAILED)
    return node.certname


def test_a_stopped_machine_that_listings_miss_is_not_terminated(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.wait(timedelta(minutes=10))
    farm.cloud.stop(first)
    farm.passes(2)
    with missing(farm, first):
        farm.passes(4)
    assert first in farm.cloud.alive
    assert state(farm, first) is State.LOST


def test_a_machine_that_is_gone_in_truth_is_archived_though_everything_is_paused(
    farm: Farm,
) -> None:
    first, *_ = farm.grown()
    farm.wait(timedelta(minutes=10))
    holds.pause(farm.bench.context, "", "a freeze")
    farm.cloud.forget(first)
    farm.passes(5)
    assert farm.store.nodes.archived(first) is not None


def test_a_failed_node_that_became_ready_just_now_is_not_ended(farm: Farm) -> None:
    name = failed(farm)
    seen = farm.store.nodes.get(name)
    assert seen is not None
    farm.store.nodes.change(seen, event(), state=State.READY, ready_at=farm.clock.now())
    action = End(node=seen, reason="it has failed")
    now = farm.clock.now()
    world = World(now=now, store_now=now, site="default", roles={}, nodes={}, regions={})
    [done] = ends.end(farm.bench.context, [action], world)
    assert done.line.startswith("not done: retire")
    assert state(farm, name) is State.READY


def test_a_failed_machine_that_a_person_stopped_is_kept(farm: Farm) -> None:
    name = failed(farm)
    farm.cloud.stop(name)
    farm.wait(2 * QUARTER)
    farm.report_of("other")
    farm.passes(3)
    assert name in farm.cloud.alive


def test_a_failed_machine_that_runs_ends_in_time(farm: Farm) -> None:
    name = failed(farm)
    farm.wait(2 * QUARTER)
    farm.passes(3)
    assert name not in farm.cloud.alive


def test_machines_that_need_no_puppet_do_not_fail_because_nobody_looked(farm: Farm) -> None:
    farm.puppet = False
    farm.apply(fleet={"ready_when": "running", "size": 2})
    farm.converge()
    farm.wait(2 * QUARTER)
    farm.passes(3)
    assert len(farm.ready()) == 2


def test_a_machine_that_was_started_again_has_its_time_anew(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.puppet = False
    farm.cloud.stop(first)
    farm.passes(1)
    farm.wait(timedelta(hours=2))
    farm.cloud.stop(first, stopped=False)
    farm.passes(3)
    assert state(farm, first) is State.RUNNING


def test_nodes_of_a_role_that_cannot_be_read_neither_drain_out_nor_fail(farm: Farm) -> None:
    first, *_ = farm.grown(fleet={"drain": "2h"})
    node = farm.store.nodes.get(first)
    assert node is not None
    farm.store.nodes.change(node, event(at=farm.clock.now()), state=State.DRAINING)
    role = farm.store.roles.get("web")
    assert role is not None
    newer = {**role.definition, "fleet": {**role.definition["fleet"], "unheard_of": 1}}
    farm.store.roles.apply([replace(role, definition=newer)], event())
    farm.passes(4)
    assert first in farm.cloud.alive
    assert state(farm, first) is State.DRAINING


def test_a_lost_machine_is_found_by_passes_that_are_about_its_role_alone(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.wait(timedelta(minutes=10))
    farm.cloud.forget(first)
    for _ in range(5):
        farm.converge("web")
        farm.clock.step(61)
    assert farm.store.nodes.archived(first) is not None


def test_an_orphan_where_we_have_nothing_else_ends(farm: Farm) -> None:
    farm.store.redis.hset("meta", "account", ACCOUNT)
    farm.cloud.region_names.add("eu-west-1")
    farm.grown()
    extra = farm.cloud.copy(farm.cloud.machines.by_id[farm.ready()[0]])
    farm.cloud.machines.by_id[extra].region = "eu-west-1"
    farm.store.redis.delete("swept")
    farm.passes(3)
    assert extra not in farm.cloud.alive


def test_a_region_that_is_denied_is_not_asked_in_every_pass(farm: Farm) -> None:
    farm.store.redis.hset("meta", "account", ACCOUNT)
    farm.grown()
    farm.store.redis.delete("swept")
    farm.cloud.region_names.add("eu-west-1")
    farm.cloud.fail("instances", Trouble.DENIED)
    farm.passes(4)
    assert farm.cloud.count("regions") == 2


def test_regions_that_are_not_told_are_asked_for_again(farm: Farm) -> None:
    farm.store.redis.hset("meta", "account", ACCOUNT)
    farm.grown()
    farm.store.redis.delete("swept")
    farm.cloud.fail("regions", Trouble.UNAVAILABLE)
    farm.passes(1)
    assert not farm.store.sweeps.done()
    farm.passes(1)
    assert farm.store.sweeps.done()


def test_a_command_whose_clock_is_behind_is_not_taken_for_dead(farm: Farm) -> None:
    """It says that it lives by Redis' clock, not by its own."""
    farm.apply("web", fleet={"size": None})
    farm.bench.store_ahead = timedelta(seconds=45)
    launch = farm.dead_launch(want=2)
    farm.clock.step(20)
    farm.converge()
    assert launch in farm.open_launches()


def test_nothing_is_launched_by_a_clock_that_is_wrong(farm: Farm) -> None:
    farm.apply()
    farm.bench.store_ahead = timedelta(days=-3)
    farm.passes(2)
    assert farm.cloud.alive == []
    assert any("the clocks differ" in note for note in farm.plan().notes)
    farm.bench.store_ahead = timedelta(0)
    farm.passes(1)
    assert len(farm.cloud.alive) == 3


@pytest.mark.parametrize("action", ["create_template", "ground", "create_fleet"])
def test_what_ec2_refuses_for_good_is_not_asked_in_each_pass(farm: Farm, action: str) -> None:
    farm.cloud.fail(action, Trouble.DENIED, times=1000)
    farm.apply()
    farm.passes(40)
    assert farm.cloud.count(action) <= 10
    assert farm.open_launches() == []
    farm.cloud.heal()
    farm.passes(40)
    assert len(farm.ready()) == 3
