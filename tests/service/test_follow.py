"""Following launched machines to running and to ready."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import Node, State
from enc.inventory import Inventory
from provisioner.launching.follow import follow_to_ready, follow_to_running
from provisioner.launching.launch import launch
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def launched(bench: Workbench, number: int = 2) -> tuple[Node, ...]:
    return launch(bench.context, bench.order(number)).nodes


def follow(bench: Workbench, nodes: tuple[Node, ...], *, on_running: bool = False) -> list[State]:
    found = follow_to_running(bench.context, nodes, ready_when_running=on_running)
    assert bench.inventory.nodes.many([n.certname for n in found]) == list(found)
    return [node.state for node in found]


def test_a_pending_machine_is_followed_until_it_runs(bench: Workbench) -> None:
    bench.cloud.manners.pending_s = 5
    assert follow(bench, launched(bench)) == [State.RUNNING, State.RUNNING]


def test_waits_hardly_longer_than_ec2_does(bench: Workbench) -> None:
    bench.cloud.manners.pending_s = 5
    follow(bench, launched(bench))
    assert sum(bench.clock.slept) < 6


def test_names_and_addresses_are_written_down(bench: Workbench) -> None:
    (node, _) = launched(bench)
    follow(bench, (node,))
    now = bench.inventory.nodes.get(node.certname)
    assert now is not None
    assert now.private_ip
    assert bench.inventory.nodes.named(now.private_dns) == node.certname


def test_names_that_come_late_are_waited_for(bench: Workbench) -> None:
    bench.cloud.manners.dns_s = 4
    (node, _) = launched(bench)
    follow(bench, (node,))
    now = bench.inventory.nodes.get(node.certname)
    assert now is not None
    assert now.private_dns


def test_names_that_never_come_are_not_waited_for_for_ever(bench: Workbench) -> None:
    bench.cloud.manners.dns_s = 100_000
    assert follow(bench, launched(bench)) == [State.RUNNING, State.RUNNING]
    assert sum(bench.clock.slept) <= 11


def test_a_machine_that_never_runs_is_given_up_and_stays_pending(bench: Workbench) -> None:
    bench.cloud.manners.pending_s = 100_000
    assert follow(bench, launched(bench, 1)) == [State.PENDING]
    assert sum(bench.clock.slept) <= bench.timeouts.running.total_seconds() + 5


def test_a_machine_that_dies_at_birth_is_lost_with_its_reason(bench: Workbench) -> None:
    bench.cloud.manners.pending_s = 5
    (first, second) = launched(bench)
    bench.cloud.interrupt(first.certname)
    assert follow(bench, (first, second)) == [State.LOST, State.RUNNING]
    life = bench.inventory.events.life(first.certname)
    assert "Server.SpotInstanceTermination" in life[-1]["why"]


def test_a_machine_that_a_listing_misses_is_not_taken_for_dead(bench: Workbench) -> None:
    bench.cloud.manners.hidden_s = 8
    assert follow(bench, launched(bench)) == [State.RUNNING, State.RUNNING]


def test_an_ec2_that_cannot_be_listed_is_waited_for(bench: Workbench) -> None:
    nodes = launched(bench)
    bench.cloud.fail("instances", Trouble.THROTTLED, times=3)
    assert follow(bench, nodes) == [State.RUNNING, State.RUNNING]


def test_a_denied_listing_is_not_waited_for(bench: Workbench) -> None:
    nodes = launched(bench)
    bench.cloud.fail("instances", Trouble.DENIED)
    with pytest.raises(CloudError, match="UnauthorizedOperation"):
        follow(bench, nodes)


def test_a_role_without_puppet_is_ready_when_it_runs(bench: Workbench) -> None:
    assert follow(bench, launched(bench), on_running=True) == [State.READY, State.READY]


def test_a_role_with_puppet_is_not(bench: Workbench) -> None:
    assert State.READY not in follow(bench, launched(bench))


def test_a_node_that_somebody_else_moved_meanwhile_is_read_again(bench: Workbench) -> None:
    (node,) = launched(bench, 1)
    bench.inventory.nodes.change(node, event("running"), state=State.RUNNING)
    assert follow(bench, (node,)) == [State.RUNNING]


def test_ready_is_waited_for_until_the_last_report(bench: Workbench) -> None:
    nodes = launched(bench, 1)
    follow(bench, nodes)

    def report() -> None:
        (now,) = bench.inventory.nodes.many([nodes[0].certname])
        bench.inventory.nodes.change(now, event("ready"), state=State.READY)

    bench.clock.at_sleep(report)
    until = bench.clock.now() + timedelta(minutes=15)
    assert [n.state for n in follow_to_ready(bench.context, nodes, until)] == [State.READY]


def test_ready_is_not_waited_for_beyond_its_time(bench: Workbench) -> None:
    nodes = launched(bench, 1)
    follow(bench, nodes)
    until = bench.clock.now() + timedelta(minutes=15)
    assert [n.state for n in follow_to_ready(bench.context, nodes, until)] == [State.RUNNING]
    assert bench.clock.now() <= until + timedelta(seconds=2)
