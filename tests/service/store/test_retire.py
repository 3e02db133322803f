"""The end of a node's life, from every state, interrupted anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from enc.domain.model import Kind, Node, State
from enc.inventory import Inventory, Query
from provisioner.ending.retire import Retirement, retire
from provisioner.launching.launch import launch
from provisioner.ports.errors import Trouble
from tests.builders import event, foreign, node
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench

DRAIN = timedelta(minutes=5)
OTHER = "i-0bbbbbbbbbbbbbbb2"


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def launched(bench: Workbench, number: int = 1, state: State = State.RUNNING) -> list[Node]:
    """Machines that EC2 has, with their records in this state."""
    found = []
    for born in launch(bench.context, bench.order(number)).nodes:
        now = born
        for step in _path(state):
            now = bench.inventory.nodes.change(now, event(step, at=bench.clock.now()), state=step)
        found.append(now)
    return found


def _path(state: State) -> Sequence[State]:
    paths = {
        State.PENDING: [],
        State.RUNNING: [State.RUNNING],
        State.READY: [State.RUNNING, State.READY],
        State.DRAINING: [State.RUNNING, State.DRAINING],
        State.FAILED: [State.RUNNING, State.FAILED],
        State.LOST: [State.RUNNING, State.LOST],
        State.RETIRING: [State.RUNNING, State.RETIRING],
    }
    return paths[state]


def end(bench: Workbench, nodes: Sequence[Node], drain: timedelta = DRAIN) -> Retirement:
    return retire(bench.context, nodes, drain=lambda _: drain, why="retired by alice@ops")


@pytest.mark.parametrize("state", [s for s in State if s is not State.ARCHIVED])
def test_a_node_ends_from_every_state(bench: Workbench, state: State) -> None:
    nodes = launched(bench, state=state)
    result = end(bench, nodes)
    assert result.archived == tuple(node.certname for node in nodes)
    assert bench.cloud.alive == []
    ended = bench.inventory.nodes.archived(nodes[0].certname)
    assert ended is not None
    assert ended.reason == "retired by alice@ops"
    assert list(bench.inventory.queries.every(Query())) == []


@pytest.mark.parametrize("state", [State.RUNNING, State.READY, State.DRAINING])
def test_a_node_in_service_drains_first(bench: Workbench, state: State) -> None:
    nodes = launched(bench, state=state)
    began = bench.clock.now()
    end(bench, nodes)
    assert bench.clock.now() - began >= DRAIN


@pytest.mark.parametrize("state", [State.PENDING, State.FAILED, State.LOST, State.RETIRING])
def test_a_node_that_serves_nobody_does_not_drain(bench: Workbench, state: State) -> None:
    nodes = launched(bench, state=state)
    end(bench, nodes)
    assert bench.clock.slept == []


def test_is_not_terminated_while_it_drains(bench: Workbench) -> None:
    nodes = launched(bench)
    alive: list[str] = []
    bench.clock.at_sleep(lambda: alive.extend(bench.cloud.alive))
    end(bench, nodes)
    assert alive == [nodes[0].certname]


def test_a_drain_that_began_earlier_is_not_begun_again(bench: Workbench) -> None:
    nodes = launched(bench)
    bench.clock.at_sleep(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        end(bench, nodes)
    left = bench.inventory.nodes.get(nodes[0].certname)
    assert left is not None
    assert left.state is State.DRAINING
    bench.clock.step(400)
    slept = len(bench.clock.slept)
    assert end(bench, [left]).archived
    assert len(bench.clock.slept) == slept


def test_a_foreign_node_is_archived_and_ec2_not_asked(bench: Workbench) -> None:
    made = bench.inventory.nodes.create(foreign(), event())
    assert end(bench, [made]).archived == (made.certname,)
    assert bench.cloud.calls == []


def test_a_foreign_node_named_like_an_instance_is_not_terminated(bench: Workbench) -> None:
    (machine,) = launched(bench)
    named = bench.inventory.nodes.create(
        replace(foreign("db1"), instance_id=machine.instance_id), event()
    )
    end(bench, [named])
    assert bench.cloud.alive == [machine.certname]


def test_is_archived_only_when_ec2_lists_it_terminated(bench: Workbench) -> None:
    bench.cloud.manners.shutdown_s = 40
    nodes = launched(bench, state=State.LOST)
    began = bench.clock.now()
    end(bench, nodes)
    assert bench.clock.now() - began >= timedelta(seconds=40)


def test_a_machine_that_will_not_end_remains_and_is_named(bench: Workbench) -> None:
    bench.cloud.manners.shutdown_s = 10_000
    nodes = launched(bench, state=State.LOST)
    result = end(bench, nodes)
    assert "shutting-down" in result.remaining[nodes[0].certname]
    left = bench.inventory.nodes.get(nodes[0].certname)
    assert left is not None
    assert (left.state, left.retire_step) == (State.RETIRING, "confirm")


def test_goes_on_from_there_the_next_time(bench: Workbench) -> None:
    bench.cloud.manners.shutdown_s = 1000
    nodes = launched(bench, state=State.LOST)
    end(bench, nodes)
    bench.clock.step(1000)
    left = bench.inventory.nodes.get(nodes[0].certname)
    assert left is not None
    assert end(bench, [left]).archived == (left.certname,)


def test_a_machine_that_ec2_does_not_know_is_looked_for_twice(bench: Workbench) -> None:
    (machine,) = launched(bench, state=State.LOST)
    bench.cloud.forget(machine.certname)
    began = bench.clock.now()
    assert end(bench, [machine]).archived
    assert bench.clock.now() - began >= bench.timeouts.suspect


def test_a_machine_that_ec2_did_not_know_yet_is_terminated_when_it_shows(bench: Workbench) -> None:
    bench.cloud.manners.unknown_s = 5
    bench.cloud.manners.shutdown_s = 3
    nodes = launched(bench, state=State.LOST)
    assert end(bench, nodes).archived == (nodes[0].certname,)
    assert bench.cloud.alive == []


def test_what_ec2_did_not_know_is_not_said_to_be_terminated(bench: Workbench) -> None:
    bench.cloud.manners.unknown_s = 100_000
    nodes = launched(bench, state=State.LOST)
    bench.clock.at_sleep(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        end(bench, nodes)
    whats = [entry["what"] for entry in bench.inventory.events.life(nodes[0].certname)]
    assert "terminated" not in whats


def test_an_ec2_that_cannot_be_asked_is_no_proof_that_it_is_gone(bench: Workbench) -> None:
    nodes = launched(bench, state=State.LOST)
    bench.cloud.fail("describe", Trouble.UNAVAILABLE, times=10_000)
    result = end(bench, nodes)
    assert result.archived == ()
    assert bench.inventory.nodes.get(nodes[0].certname) is not None


def test_a_denied_termination_archives_nothing(bench: Workbench) -> None:
    nodes = launched(bench, 2, state=State.LOST)
    bench.cloud.fail("terminate", Trouble.DENIED, times=10)
    result = end(bench, nodes)
    assert set(result.remaining) == {node.certname for node in nodes}
    assert "UnauthorizedOperation" in result.remaining[nodes[0].certname]


def test_a_termination_whose_answer_was_lost_is_sent_again(bench: Workbench) -> None:
    nodes = launched(bench, state=State.LOST)
    bench.cloud.fail("terminate", Trouble.UNKNOWN_OUTCOME, after=True)
    assert end(bench, nodes).archived


def test_one_node_that_changed_meanwhile_does_not_stop_the_others(bench: Workbench) -> None:
    first, second = launched(bench, 2, state=State.LOST)
    bench.inventory.nodes.change(first, event("touched"), held="by hand")
    result = end(bench, [first, second])
    assert result.archived == (second.certname,)
    assert first.certname in result.remaining


def test_many_machines_end_in_one_call(bench: Workbench) -> None:
    nodes = launched(bench, 30, state=State.LOST)
    end(bench, nodes)
    assert bench.cloud.count("terminate") == 1


@pytest.mark.parametrize("action", ["terminate", "describe"])
@pytest.mark.parametrize("after", [False, True])
def test_dying_anywhere_leaves_what_the_next_one_finishes(
    bench: Workbench, action: str, *, after: bool
) -> None:
    nodes = launched(bench, 2, state=State.READY)
    bench.cloud.fail(action, KeyboardInterrupt(), after=after)
    with pytest.raises(KeyboardInterrupt):
        end(bench, nodes, drain=timedelta(0))
    left = bench.inventory.nodes.many([node.certname for node in nodes])
    assert len(end(bench, left).archived) == 2
    assert bench.cloud.alive == []


def test_an_archived_machine_never_comes_back(bench: Workbench) -> None:
    nodes = launched(bench, state=State.LOST)
    end(bench, nodes)
    assert bench.inventory.nodes.get(nodes[0].certname) is None
    assert Kind.EXTRA is nodes[0].kind
    with pytest.raises(Exception, match="never comes back"):
        bench.inventory.nodes.create(node(nodes[0].certname), event())
