"""Nodes in several states at once: whole, or with what is wrong."""

from __future__ import annotations

import pytest
from redis import Redis

from enc.domain.model import State
from enc.inventory import Inventory, StoreLostError
from enc.outputs import TOLD
from tests.builders import event, node


def fill(inventory: Inventory) -> None:
    for state in (State.PENDING, State.RUNNING, State.READY, State.DRAINING, State.FAILED):
        inventory.nodes.create(node(f"i-0{state}", state=state), event())


def test_those_in_the_states_are_there_and_no_others(inventory: Inventory) -> None:
    fill(inventory)
    nodes, spoilt = inventory.queries.among(TOLD)
    assert set(nodes) == {"i-0running", "i-0failed", "i-0ready"}
    assert not spoilt


@pytest.mark.parametrize("text", ["odd", b"\xff"])
def test_one_that_is_damaged_is_named_and_takes_no_other_away(
    inventory: Inventory, redis: Redis, text: str | bytes
) -> None:
    fill(inventory)
    redis.hset("node:i-0ready", "market", text)
    nodes, spoilt = inventory.queries.among(TOLD)
    assert set(nodes) == {"i-0running", "i-0failed"}
    assert "node:i-0ready" in str(spoilt["i-0ready"])


def test_a_store_that_is_lost_has_no_nodes_to_tell(inventory: Inventory, redis: Redis) -> None:
    redis.flushdb()
    with pytest.raises(StoreLostError):
        inventory.queries.among(TOLD)
