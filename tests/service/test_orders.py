"""An end that nobody ordered: what is written into a node's record by hand ends nothing."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import Inventory
from enc.inventory.explanation import explained
from provisioner.loop.converge import Pass, Wish, converge, plan
from tests.builders import event, foreign
from tests.conftest import on_each_redis
from tests.fakes.clock import FakeClock
from tests.service.retirements import Stage


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    return Stage.of(inventory, clock)


def passes(stage: Stage, number: int = 3) -> Pass:
    for _ in range(number):
        last = converge(stage.bench.context, Wish())
        stage.bench.clock.step(3600)
    return last


def written(redis: Redis, node: Node, state: State, **fields: Any) -> None:
    """As anybody may who may change nodes: the record, and the index that goes with it."""
    redis.hset(f"node:{node.certname}", mapping={"state": state.value, **fields})
    redis.zadd(f"nodes:state:{state.value}", {node.certname: node.launched_at.timestamp()})


@pytest.mark.parametrize("step", ["clean", "archive", ""])
def test_a_foreign_node_that_was_written_retiring_keeps_its_certificate(
    stage: Stage, redis: Redis, step: str
) -> None:
    db = stage.foreign()
    passes(stage, 1)
    written(redis, db, State.RETIRING, retire_step=step)

    last = passes(stage)

    assert (stage.ca.revoked, stage.ca.signed) == ([], [db.certname])
    assert stage.now(db.certname).state is State.RETIRING
    why = f"order:{db.certname} in Redis does not: nobody ordered that"
    assert why in str(last.plan.notes)
    found = explained(stage.bench.inventory, stage.now(db.certname), stage.bench.clock.now())
    assert why in str(found.next)


@pytest.mark.parametrize(
    ("state", "step"), [(State.RETIRING, "clean"), (State.RETIRING, ""), (State.DRAINING, "")]
)
def test_a_machine_that_was_written_at_its_end_lives_and_keeps_its_certificate(
    stage: Stage, redis: Redis, state: State, step: str
) -> None:
    [machine] = stage.launched()
    passes(stage, 1)
    written(redis, stage.now(machine.certname), state, retire_step=step)

    passes(stage)

    assert stage.bench.cloud.alive == [machine.certname]
    assert stage.ca.revoked == []


def test_a_person_who_retires_such_a_node_orders_it(stage: Stage, redis: Redis) -> None:
    db = stage.foreign()
    passes(stage, 1)
    written(redis, db, State.RETIRING, retire_step="clean")

    assert stage.end([stage.now(db.certname)]).archived == (db.certname,)
    assert stage.ca.revoked == [db.certname]


def test_an_end_that_was_ordered_is_seen_through_by_the_loop(stage: Stage) -> None:
    db = stage.foreign()
    passes(stage, 1)
    stage.bench.inventory.nodes.change(db, event("retiring"), state=State.RETIRING)

    passes(stage, 1)

    assert stage.ca.revoked == [db.certname]


def test_an_order_to_drain_is_none_to_end(stage: Stage, redis: Redis) -> None:
    [machine] = stage.launched()
    passes(stage, 1)
    nodes = stage.bench.inventory.nodes
    running = nodes.change(stage.now(machine.certname), event(), state=State.RUNNING)
    written(redis, nodes.change(running, event(), state=State.DRAINING), State.RETIRING)

    converge(stage.bench.context, Wish())

    assert stage.bench.cloud.alive == [machine.certname]


def test_what_was_at_its_end_before_there_were_orders_ends(stage: Stage, redis: Redis) -> None:
    """As version 0.1.0 leaves it: the first pass gives it its order, and later ones need it."""
    db, other = stage.foreign(), stage.foreign("db2.example.com")
    written(redis, db, State.RETIRING, retire_step="clean")
    planned = plan(stage.bench.context, Wish())[1]
    assert db.certname in {action.target for action in planned.actions}

    passes(stage, 1)
    written(redis, other, State.RETIRING, retire_step="clean")
    passes(stage)

    assert stage.ca.revoked == [db.certname]


@on_each_redis
def test_a_name_that_comes_again_has_no_order_from_before(inventory: Inventory) -> None:
    nodes = inventory.nodes
    for _ in range(2):
        db = nodes.create(foreign(), event())
        assert inventory.redis.exists(f"order:{db.certname}") == 0
        ending = nodes.change(db, event(), state=State.RETIRING)
        assert inventory.redis.get(f"order:{db.certname}") == "retiring"
        nodes.archive(ending, event("archived"))


@on_each_redis
def test_one_that_drained_and_is_lost_has_no_order_any_more(
    inventory: Inventory, redis: Redis
) -> None:
    node = inventory.nodes.create(foreign(), event())
    for state, said in [(State.DRAINING, "draining"), (State.LOST, None)]:
        node = inventory.nodes.change(node, event(), state=state)
        assert redis.get(f"order:{node.certname}") == said
