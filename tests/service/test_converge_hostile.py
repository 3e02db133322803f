"""What must not be ended, failed or lost, though much speaks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from enc.inventory import Inventory
from enc.model import State
from provisioner import steering
from provisioner.acts import ends
from provisioner.domain.actions import End
from provisioner.domain.world import World
from provisioner.ports import Instance
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
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
    steering.pause(farm.bench.context, "", "a freeze")
    farm.cloud.forget(first)
    farm.passes(5)
    assert farm.store.nodes.archived(first) is not None


def test_a_failed_node_that_became_ready_just_now_is_not_ended(farm: Farm) -> None:
    name = failed(farm)
    seen = farm.store.nodes.get(name)
    assert seen is not None
    farm.store.nodes.change(seen, event(), state=State.READY, ready_at=farm.clock.now())
    action = End(node=seen, reason="it has failed")
    world = World(now=farm.clock.now(), site="default", roles={}, nodes={}, regions={})
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
