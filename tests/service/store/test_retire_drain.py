"""Nodes drain as long as each of them should, whatever the clocks and the others do."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from enc.domain.model import Node, State
from enc.inventory import Inventory
from provisioner.ending.retire import Retirement, retire
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.service.retirements import Stage

DRAIN = timedelta(minutes=5)
HOUR = timedelta(hours=1)


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    return Stage.of(inventory, clock)


def running(stage: Stage, number: int = 1) -> list[Node]:
    change = stage.bench.inventory.nodes.change
    return [change(one, event("running"), state=State.RUNNING) for one in stage.launched(number)]


def end(stage: Stage, nodes: list[Node], **drains: timedelta) -> Retirement:
    """``drains`` by the last digit of the certname; DRAIN for the others."""
    return retire(
        stage.bench.context,
        nodes,
        drain=lambda node: drains.get(f"n{node.certname[-1]}", DRAIN),
        why="enough",
    )


def at(stage: Stage, node: Node, what: str) -> datetime:
    life = stage.bench.inventory.events.life(node.certname)
    return next(datetime.fromisoformat(entry["at"]) for entry in life if entry["what"] == what)


def test_one_that_need_not_drain_does_not_wait_for_those_that_do(stage: Stage) -> None:
    began = stage.bench.clock.now()
    quick, slow = running(stage, 2)
    assert len(end(stage, [quick, slow], n1=timedelta(0), n2=HOUR).archived) == 2
    assert at(stage, quick, "archived") - began < timedelta(seconds=5)
    assert at(stage, slow, "retiring") - began >= HOUR


def test_one_with_a_longer_drain_is_not_ended_before_it(stage: Stage) -> None:
    began = stage.bench.clock.now()
    first, second = running(stage, 2)
    alive: list[list[str]] = []
    stage.ca.on("clean", lambda: alive.append(stage.bench.cloud.alive))
    end(stage, [first, second], n2=HOUR)
    assert alive == [[second.certname]]
    assert at(stage, first, "retiring") - began < DRAIN + timedelta(seconds=15)


def test_those_that_are_due_within_seconds_share_the_end(stage: Stage) -> None:
    nodes = running(stage, 9)
    stage.bench.cloud.calls.clear()
    assert len(end(stage, nodes, n1=DRAIN + timedelta(seconds=3)).archived) == 9
    assert (stage.bench.cloud.count("terminate"), stage.ca.count("clean")) == (1, 1)


def test_a_drain_that_began_on_a_clock_ahead_of_ours_begins_now(stage: Stage) -> None:
    [node] = running(stage)
    ahead = event("draining", at=stage.bench.clock.now() + 5 * HOUR)
    draining = stage.bench.inventory.nodes.change(node, ahead, state=State.DRAINING)
    began = stage.bench.clock.now()
    assert end(stage, [draining]).archived
    assert DRAIN <= stage.bench.clock.now() - began < DRAIN + timedelta(seconds=5)


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_a_clock_that_is_put_while_they_drain_changes_nothing(stage: Stage, seconds: float) -> None:
    nodes = running(stage)
    began = stage.bench.clock.monotonic()
    stage.bench.clock.at_sleep(lambda: stage.bench.clock.put(seconds))
    retiring: list[float] = []
    stage.bench.cloud.on("describe", lambda: retiring.append(stage.bench.clock.monotonic()))
    end(stage, nodes)
    assert DRAIN.total_seconds() <= retiring[0] - began < DRAIN.total_seconds() + 5


@pytest.mark.parametrize("state", [State.RUNNING, State.READY])
def test_one_that_went_into_service_meanwhile_drains(stage: Stage, state: State) -> None:
    slow, young = [running(stage)[0], *stage.launched()]

    def serve() -> None:
        change = stage.bench.inventory.nodes.change
        now = change(stage.now(young.certname), event("running"), state=State.RUNNING)
        if state is State.READY:
            change(now, event("ready"), state=State.READY)

    serve()
    result = end(stage, [young, slow])
    assert sorted(result.archived) == sorted([slow.certname, young.certname])
    assert at(stage, young, "retiring") - at(stage, young, "draining") >= DRAIN


def test_one_that_did_not_does_not(stage: Stage) -> None:
    [young] = stage.launched()
    began = stage.bench.clock.now()
    assert end(stage, [young]).archived
    assert stage.bench.clock.now() - began < DRAIN
    assert "draining" not in stage.life(young.certname)
