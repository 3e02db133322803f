"""Host names and addresses, which EC2 gives out again: the newest live machine has them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import Inventory
from tests.builders import event, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service.invariants import check

pytestmark = on_each_redis

NAME = "ip-10-0-0-1.ec2.internal"
OLD, NEW, NEWER = "i-00000000000000001", "i-00000000000000002", "i-00000000000000003"


def born(inventory: Inventory, certname: str, minute: int, **fields: str) -> Node:
    at = START + timedelta(minutes=minute)
    names = fields or {"private_dns": NAME}
    return inventory.nodes.create(node(certname, launched_at=at, **names), event(at=at))


def end(inventory: Inventory, each: Node) -> None:
    retiring = inventory.nodes.change(each, event(), state=State.RETIRING)
    inventory.nodes.archive(retiring, event(why="too old"))


def moves(inventory: Inventory) -> list[tuple[str, str, str]]:
    logged = [fields for _, fields in inventory.events.after(count=1000)]
    return [(e["name"], e["from"], e["node"]) for e in logged if e["what"] == "name moved"]


def test_a_node_is_found_by_its_names_and_its_address(inventory: Inventory) -> None:
    born(inventory, OLD, 0, private_dns=NAME, public_dns="a.example", private_ip="10.0.0.1")
    assert [inventory.nodes.named(n) for n in (NAME, "a.example", "vpc-1:10.0.0.1")] == [OLD] * 3
    assert inventory.nodes.named("b.example") is None
    assert moves(inventory) == []


def test_the_same_address_in_another_network_is_another_machine_s(inventory: Inventory) -> None:
    born(inventory, OLD, 0, private_ip="10.0.0.1", vpc="vpc-1")
    born(inventory, NEW, 1, private_ip="10.0.0.1", vpc="vpc-2")
    assert inventory.nodes.named("vpc-1:10.0.0.1") == OLD
    assert inventory.nodes.named("vpc-2:10.0.0.1") == NEW


@pytest.mark.parametrize("minutes", [(0, 1), (1, 0)])
def test_the_newer_machine_has_the_name_whichever_is_written_first(
    inventory: Inventory, redis: Redis, minutes: tuple[int, int]
) -> None:
    for minute in minutes:
        born(inventory, (OLD, NEW)[minute], minute)
    assert inventory.nodes.named(NAME) == NEW
    check(redis)


def test_taking_a_name_is_told_in_the_log_and_in_both_lives(inventory: Inventory) -> None:
    dead = born(inventory, OLD, 0)
    inventory.nodes.change(dead, event(), state=State.LOST)
    born(inventory, NEW, 1)
    assert moves(inventory) == [(NAME, OLD, NEW)]
    [_, _, lost], [_, won] = inventory.events.life(OLD), inventory.events.life(NEW)
    assert lost == won
    assert won["at"] == "2026-01-01T12:01:00.000Z"


def test_a_machine_that_does_not_get_the_name_makes_no_event(inventory: Inventory) -> None:
    born(inventory, NEW, 1)
    born(inventory, OLD, 0)
    assert moves(inventory) == []


def test_the_name_of_an_archived_machine_is_free_and_its_taking_is_told(
    inventory: Inventory, redis: Redis
) -> None:
    end(inventory, born(inventory, OLD, 0))
    assert inventory.nodes.named(NAME) is None
    assert redis.ttl(f"formerly:{NAME}") == 30 * 24 * 3600
    born(inventory, NEW, 1)
    assert inventory.nodes.named(NAME) == NEW
    assert moves(inventory) == [(NAME, OLD, NEW)]
    assert inventory.events.life(OLD)[-1]["what"] == "name moved"
    check(redis)


def test_a_machine_whose_life_is_forgotten_is_not_told_of_anything(
    inventory: Inventory, redis: Redis
) -> None:
    end(inventory, born(inventory, OLD, 0))
    redis.delete(f"life:{OLD}")
    born(inventory, NEW, 1)
    assert moves(inventory) == [(NAME, OLD, NEW)]
    assert not redis.exists(f"life:{OLD}")


def test_a_machine_that_gets_its_own_name_back_is_no_news(inventory: Inventory) -> None:
    first = born(inventory, OLD, 0)
    second = inventory.nodes.change(first, event(), private_dns="")
    assert inventory.nodes.named(NAME) is None
    inventory.nodes.change(second, event(), private_dns=NAME)
    assert inventory.nodes.named(NAME) == OLD
    assert moves(inventory) == []


def test_the_name_goes_back_to_the_newest_that_still_lives(
    inventory: Inventory, redis: Redis
) -> None:
    old, new, newer = (born(inventory, c, m) for m, c in enumerate((OLD, NEW, NEWER)))
    end(inventory, new)
    assert inventory.nodes.named(NAME) == NEWER
    end(inventory, newer)
    assert inventory.nodes.named(NAME) == OLD
    assert moves(inventory)[-1] == (NAME, NEWER, OLD)
    check(redis)
    end(inventory, old)
    assert inventory.nodes.named(NAME) is None
    check(redis)


def test_a_machine_that_turns_out_older_or_newer_loses_or_wins_its_names(
    inventory: Inventory, redis: Redis
) -> None:
    old, new = born(inventory, OLD, 0), born(inventory, NEW, 1)
    new = inventory.nodes.change(new, event(), launched_at=START - timedelta(minutes=1))
    assert inventory.nodes.named(NAME) == OLD
    check(redis)
    inventory.nodes.change(old, event(), launched_at=START - timedelta(minutes=2))
    assert inventory.nodes.named(NAME) == NEW
    check(redis)


def test_of_machines_launched_in_one_millisecond_always_the_same_has_the_name(
    inventory: Inventory, redis: Redis
) -> None:
    for certname in (NEW, NEWER, OLD):
        born(inventory, certname, 0)
    assert inventory.nodes.named(NAME) == NEWER
    check(redis)


def test_one_name_in_two_fields_is_one_name(inventory: Inventory, redis: Redis) -> None:
    each = born(inventory, OLD, 0, private_dns=NAME, public_dns=NAME)
    each = inventory.nodes.change(each, event(), public_dns="")
    assert inventory.nodes.named(NAME) == OLD
    end(inventory, each)
    assert inventory.nodes.named(NAME) is None
    check(redis)


def test_a_name_left_behind_by_a_hash_that_somebody_deleted_is_taken(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, OLD, 1)
    redis.delete(f"node:{OLD}")
    for key in ("nodes", "nodes:role:web", "nodes:state:running", "nodes:market:spot"):
        redis.zrem(key, OLD)
    born(inventory, NEW, 0)
    assert inventory.nodes.named(NAME) == NEW
    assert not redis.exists(f"claims:{NAME}")
