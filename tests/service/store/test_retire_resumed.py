"""An end of life that was left at some step: what EC2 says by then decides how it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import Node, State
from enc.inventory import Inventory
from provisioner.ending.retire import retire
from provisioner.ports.errors import Trouble
from tests.builders import event, node
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT
from tests.service.retirements import Stage

OTHER_REGION = "eu-west-1"


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    return Stage.of(inventory, clock)


def left_at(stage: Stage, step: str, *, number: int = 1) -> list[Node]:
    """Retiring nodes that a command left at this step; their machines are gone."""
    nodes = []
    for one in stage.launched(number):
        changed = stage.bench.inventory.nodes.change(
            one, event("left"), state=State.RETIRING, retire_step=step
        )
        nodes.append(changed)
        stage.bench.cloud.kill(one.certname)
    return nodes


STEPS = ["terminate", "confirm", "clean", "deactivate", "archive"]
LATER = STEPS[2:]


@pytest.mark.parametrize("step", STEPS)
def test_from_each_step_it_goes_on_and_does_not_begin_again(stage: Stage, step: str) -> None:
    nodes = left_at(stage, step, number=2)
    assert len(stage.end(nodes).archived) == 2
    at = STEPS.index(step)
    assert stage.bench.cloud.count("terminate") == (1 if at == 0 else 0)
    assert stage.ca.count("clean") == (1 if at <= 2 else 0)
    assert stage.puppetdb.count("deactivate") == (2 if at <= 3 else 0)


@pytest.mark.parametrize("step", LATER)
def test_a_machine_that_ec2_lists_no_more_stays_gone(stage: Stage, step: str) -> None:
    [left] = left_at(stage, step)
    stage.bench.cloud.forget(left.certname)
    assert stage.end([left]).archived
    assert stage.bench.clock.slept == []


@pytest.mark.parametrize("step", LATER)
def test_a_machine_that_lives_after_all_goes_back_and_keeps_its_certificate(
    stage: Stage, step: str
) -> None:
    [left] = left_at(stage, step)
    stage.bench.cloud.machines.by_id[left.certname].ended = None
    stage.bench.cloud.manners.shutdown_s = 30
    stage.bench.clock.at_sleep(lambda: held.append(stage.ca.count("clean")))
    held: list[int] = []
    assert stage.end([left]).archived
    assert held == [0]
    assert stage.bench.cloud.alive == []
    said = f"{left.certname} is alive again: EC2 lists it running: terminating it again"
    assert said in stage.bench.reporter.said
    assert stage.life(left.certname)[-6:] == [
        *("alive again", "terminated", "gone"),
        *("certificate revoked", "deactivated in PuppetDB", "archived"),
    ]


@pytest.mark.parametrize("step", LATER)
@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.DENIED])
def test_without_ec2s_word_nothing_goes_on(stage: Stage, step: str, trouble: Trouble) -> None:
    [left] = left_at(stage, step)
    stage.bench.cloud.fail("describe", trouble, times=10_000)
    result = stage.end([left])
    assert list(result.remaining) == [left.certname]
    assert stage.now(left.certname).retire_step == step
    assert (stage.ca.calls, stage.puppetdb.calls) == ([], [])


def test_another_region_goes_on_where_one_cannot_be_asked(stage: Stage) -> None:
    [here] = stage.launched()
    there = stage.bench.inventory.nodes.create(
        node("i-0bbbbbbbbbbbbbbb2", region=OTHER_REGION, state=State.LOST), event()
    )
    stage.bench.cloud.fail("terminate", Trouble.DENIED)
    result = stage.end([there, here])
    assert result.archived == (here.certname,)
    assert "UnauthorizedOperation" in result.remaining[there.certname]


# Others write meanwhile.


def test_a_report_that_comes_in_while_it_drains_does_not_stop_it(stage: Stage) -> None:
    [machine] = stage.launched()
    nodes = stage.bench.inventory.nodes
    ready = nodes.change(machine, event("running"), state=State.RUNNING)

    def report() -> None:
        nodes.change(stage.now(machine.certname), event("report"), report_status="changed")

    stage.bench.clock.at_sleep(report)
    result = retire(
        stage.bench.context, [ready], drain=lambda _: timedelta(seconds=5), why="enough"
    )
    assert result.archived == (machine.certname,)


def test_one_that_somebody_else_has_ended_meanwhile_has_ended(stage: Stage) -> None:
    [read] = stage.launched()
    stage.end([read])
    result = stage.end([read])
    assert result.archived == (read.certname,)
    assert stage.life(read.certname).count("archived") == 1


def test_two_that_end_the_same_nodes_end_each_of_them_once(stage: Stage) -> None:
    nodes = stage.launched(3)
    stage.bench.cloud.manners.shutdown_s = 20
    names = [one.certname for one in nodes]
    done: list[str] = []

    def other() -> None:
        done.extend(stage.end([stage.now(name) for name in names]).archived)

    stage.bench.cloud.on("terminate", other)
    result = stage.end(nodes)
    assert {*done, *result.archived} == set(names)
    assert stage.ca.count("clean") == 1


def test_a_step_of_another_retire_is_one_reason_without_a_name(stage: Stage) -> None:
    nodes = stage.launched(3)
    changed = stage.bench.inventory.nodes.change

    def other() -> None:
        for one in nodes:
            step = {"state": State.RETIRING, "retire_step": "confirm"}
            changed(one, event("retiring"), **step)

    stage.bench.cloud.on("account", other)
    stage.bench.inventory.redis.hset("meta", "account", ACCOUNT)
    [said] = set(stage.end(nodes).remaining.values())
    assert said.startswith("another retire is at it;")


def test_a_change_by_hand_is_one_reason_without_a_name(stage: Stage) -> None:
    nodes = stage.launched(2)
    for one in nodes:
        stage.bench.inventory.nodes.change(one, event("held"), held="mine")
    [said] = set(stage.end(nodes).remaining.values())
    assert said.startswith("it was changed by someone else meanwhile;")
