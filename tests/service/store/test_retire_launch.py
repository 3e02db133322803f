"""What EC2 lists as a machine of a launch ends as one, whatever the inventory calls it."""

from __future__ import annotations

import pytest
from redis import Redis

from enc.domain.model import Kind, Launch, Node, State
from enc.inventory import Inventory
from provisioner.commands.assign import make_foreign
from provisioner.launching.abandon import abandon
from provisioner.ports.errors import Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.service.retirements import Stage


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    return Stage.of(inventory, clock)


def launch_of(stage: Stage, node: Node) -> Launch:
    found = stage.bench.inventory.launches.get(node.launch)
    assert found is not None
    return found


def found_again(stage: Stage, node: Node) -> tuple[Node, ...]:
    return abandon(stage.bench.context, launch_of(stage, node)).nodes


def unrecorded(redis: Redis, node: Node) -> None:
    """As if its launch had died before it was written down."""
    for key in redis.scan_iter(_type="zset"):
        redis.zrem(key, node.certname)
    redis.delete(f"node:{node.certname}")


@pytest.fixture
def disguised(stage: Stage, redis: Redis) -> Node:
    """A machine of a launch that was taken for a foreign host meanwhile."""
    [machine] = stage.launched()
    unrecorded(redis, machine)
    make_foreign(stage.bench.context, machine.certname, "db", None)
    return machine


def archived(stage: Stage) -> Node:
    """A node that has ended, of a machine that has not."""
    [machine] = stage.launched()
    nodes = stage.bench.inventory.nodes
    nodes.archive(nodes.change(machine, event("retiring"), state=State.RETIRING), event("archived"))
    return machine


def test_a_machine_that_was_assigned_as_foreign_ends_as_a_machine(
    stage: Stage, disguised: Node
) -> None:
    alive: list[list[str]] = []
    stage.ca.on("clean", lambda: alive.append(stage.bench.cloud.alive))
    [node] = found_again(stage, disguised)
    assert (node.kind, node.role, node.launch) == (Kind.EXTRA, "db", disguised.launch)
    assert (node.instance_id, node.region) == (disguised.instance_id, disguised.region)
    assert stage.now(node.certname) == node
    assert stage.end([node]).archived == (node.certname,)
    assert alive == [[]]
    assert "adopted" in stage.life(node.certname)


@pytest.mark.parametrize("step", ["", "clean"])
def test_so_does_one_that_is_half_forgotten_already(
    stage: Stage, disguised: Node, step: str
) -> None:
    half = stage.now(disguised.certname)
    stage.bench.inventory.nodes.change(half, event(), state=State.RETIRING, retire_step=step)
    nodes = found_again(stage, disguised)
    # EC2 does not know it by its id yet; after a step that was a foreign host's that is no proof.
    stage.bench.cloud.manners.unknown_s = 5
    alive: list[list[str]] = []
    stage.ca.on("clean", lambda: alive.append(stage.bench.cloud.alive))
    assert stage.end(nodes).archived
    assert alive == [[]]


def test_a_machine_that_has_another_role_is_left_as_it_is(stage: Stage) -> None:
    [machine] = stage.launched()
    assigned = stage.bench.inventory.nodes.change(machine, event("assigned"), role="db")
    assert found_again(stage, machine) == (assigned,)


def test_a_foreign_host_is_no_machine_of_a_launch(stage: Stage) -> None:
    [machine], db = stage.launched(), stage.foreign()
    assert [node.certname for node in found_again(stage, machine)] == [machine.certname]
    assert stage.now(db.certname) == db


def test_a_tag_makes_no_machine_foreign(stage: Stage, redis: Redis) -> None:
    [machine] = stage.launched()
    unrecorded(redis, machine)
    stage.bench.cloud.machines.by_id[machine.certname].tags["rolecall:kind"] = "foreign"
    [node] = found_again(stage, machine)
    assert node.kind is Kind.EXTRA


def test_an_archived_machine_that_runs_is_terminated_and_its_end_left_to_look_at(
    stage: Stage,
) -> None:
    machine = archived(stage)
    assert found_again(stage, machine) == ()
    assert stage.bench.cloud.alive == []
    [said] = stage.bench.reporter.said[-1:]
    assert said == (
        f"{machine.certname} in us-east-1 is archived and still runs: EC2 is told to terminate "
        f"it, and its end is not waited for; 'provisioner retire {machine.launch}' again in a "
        "minute tells if it still runs"
    )


def test_of_one_that_does_not_run_nothing_is_said(stage: Stage) -> None:
    machine = archived(stage)
    stage.bench.cloud.kill(machine.certname)
    said = list(stage.bench.reporter.said)
    assert found_again(stage, machine) == ()
    assert stage.bench.reporter.said == said


def test_one_that_ec2_will_not_end_is_named_and_keeps_no_other(stage: Stage) -> None:
    first, second = stage.launched(2)
    nodes = stage.bench.inventory.nodes
    nodes.archive(nodes.change(first, event("retiring"), state=State.RETIRING), event("archived"))
    stage.bench.cloud.fail("terminate", Trouble.DENIED)
    assert [node.certname for node in found_again(stage, second)] == [second.certname]
    [said] = stage.bench.reporter.said[-1:]
    assert f"{first.certname} in us-east-1 is archived and still runs and is not terminated" in said
    assert said.endswith(
        f"UnauthorizedOperation: as the test has it; then 'provisioner retire "
        f"{second.launch}' again"
    )
