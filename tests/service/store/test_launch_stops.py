"""Launches that are interrupted, abandoned, or closed by somebody else."""

from __future__ import annotations

import pytest

from enc.domain.model import LaunchState, State
from enc.inventory import Inventory
from provisioner.launching.abandon import LaunchAliveError, abandon, is_dead
from provisioner.launching.launch import LaunchCutShortError, Outcome, launch
from provisioner.ports.errors import Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def run(bench: Workbench, number: int = 1, **fields: object) -> Outcome:
    return launch(bench.context, bench.order(number, **fields))


@pytest.mark.parametrize("action", ["create_template", "create_fleet"])
def test_an_interrupted_launch_keeps_nothing_half_done(bench: Workbench, action: str) -> None:
    bench.cloud.fail(action, KeyboardInterrupt())
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.INTERRUPTED
    assert (bench.cloud.template_names, bench.cloud.alive) == ([], [])


def test_an_interrupt_between_attempts_keeps_what_came(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 1)
    bench.clock.at_sleep(KeyboardInterrupt())
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.INTERRUPTED
    assert [node.certname for node in outcome.nodes] == bench.cloud.alive
    assert bench.cloud.template_names == []


def test_a_second_interrupt_leaves_a_launch_that_can_be_undone(bench: Workbench) -> None:
    """The answer came, and we died before a single machine was recorded."""
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    bench.cloud.fail("delete_template", KeyboardInterrupt())
    with pytest.raises(LaunchCutShortError) as cut:
        run(bench, 2)
    left = bench.inventory.launches.get(cut.value.launch)
    assert left is not None
    assert left.state is LaunchState.OPEN
    bench.clock.step(60)
    assert is_dead(bench.context, left)
    found = abandon(bench.context, left).nodes
    assert sorted(node.certname for node in found) == sorted(bench.cloud.alive)
    assert bench.cloud.template_names == []


def test_a_launch_that_is_alive_is_not_abandoned(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    bench.cloud.fail("delete_template", KeyboardInterrupt())
    with pytest.raises(LaunchCutShortError) as cut:
        run(bench)
    left = bench.inventory.launches.get(cut.value.launch)
    assert left is not None
    with pytest.raises(LaunchAliveError, match="0 s ago"):
        abandon(bench.context, left)


def test_abandoning_twice_finds_the_same_machines(bench: Workbench) -> None:
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    bench.cloud.fail("delete_template", KeyboardInterrupt())
    with pytest.raises(LaunchCutShortError) as cut:
        run(bench, 2)
    bench.clock.step(60)
    left = bench.inventory.launches.get(cut.value.launch)
    assert left is not None
    abandon(bench.context, left)
    again = bench.inventory.launches.get(cut.value.launch)
    assert again is not None
    assert len(abandon(bench.context, again).nodes) == 2


def test_abandoning_ends_a_machine_whose_node_is_archived(bench: Workbench) -> None:
    (node,) = run(bench).nodes
    retiring = bench.inventory.nodes.change(node, event("retiring"), state=State.RETIRING)
    bench.inventory.nodes.archive(retiring, event("archived"))
    closed = bench.inventory.launches.get(node.launch)
    assert closed is not None
    assert abandon(bench.context, closed).nodes == ()
    assert bench.cloud.alive == []


def test_a_template_that_may_not_be_deleted_does_not_keep_its_machines(bench: Workbench) -> None:
    (node,) = run(bench).nodes
    closed = bench.inventory.launches.get(node.launch)
    assert closed is not None
    bench.cloud.fail("delete_template", Trouble.DENIED)
    assert [found.certname for found in abandon(bench.context, closed).nodes] == [node.certname]
    assert "is left" in bench.reporter.said[-1]


def test_a_launch_that_was_closed_meanwhile_asks_for_nothing_more(bench: Workbench) -> None:
    """As after a suspended laptop wakes up: it was taken for dead."""
    bench.cloud.capacity("spot:*:*", 1)

    def close() -> None:
        (open_launch,) = bench.inventory.launches.latest(1)
        bench.inventory.launches.close(open_launch.id, LaunchState.PARTIAL, event("closed"))

    bench.clock.at_sleep(close)
    outcome = run(bench, 2)
    assert bench.cloud.count("create_fleet") <= 3
    assert "somebody else closed" in outcome.launch.why
