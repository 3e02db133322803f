"""The end of a node: archived once, out of everything, and never back as the same machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import ArchivedError, ConflictError, Inventory
from tests.builders import event, foreign, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service.invariants import check, dump

pytestmark = on_each_redis

MINUTE = timedelta(minutes=1)
NAMED = {"private_ip": "10.0.0.1", "private_dns": "ip-10-0-0-1.ec2.internal"}


def retired(inventory: Inventory, each: Node, *, at: datetime = START) -> None:
    retiring = inventory.nodes.change(each, event(at=at), state=State.RETIRING)
    inventory.nodes.archive(retiring, event("retired", at=at, why="too old"))


def test_a_machine_that_ended_is_archived_whole_and_out_of_everything(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create(node(**NAMED), event())
    retired(inventory, born, at=START + MINUTE)
    ended = inventory.nodes.archived(born.certname)
    assert ended is not None
    assert (ended.reason, ended.ended_at) == ("too old", START + MINUTE)
    assert ended.node.private_ip == "10.0.0.1"
    assert inventory.nodes.get(born.certname) is None
    assert not redis.keys("n*")
    assert redis.ttl(f"archive:{born.certname}") == 400 * 24 * 3600
    check(redis)


def test_ending_again_what_has_ended_is_no_conflict_and_no_news(
    inventory: Inventory, redis: Redis
) -> None:
    each = inventory.nodes.create(node(state=State.RETIRING), event())
    inventory.nodes.archive(each, event(why="first"))
    before = dump(redis)
    inventory.nodes.archive(each, event(why="second"))
    assert dump(redis) == before


def test_ending_what_somebody_changed_or_brought_back_is_a_conflict(inventory: Inventory) -> None:
    each = inventory.nodes.create(foreign(state=State.RETIRING), event())
    inventory.nodes.change(each, event(), held="wait")
    with pytest.raises(ConflictError, match=r"rev 1, now 2"):
        inventory.nodes.archive(each, event())
    changed = inventory.nodes.get(each.certname)
    assert changed is not None
    inventory.nodes.archive(changed, event())
    inventory.nodes.create(foreign(held="back"), event())
    with pytest.raises(ConflictError):
        inventory.nodes.archive(changed, event())
    with pytest.raises(ConflictError, match="has left the inventory"):
        inventory.nodes.archive(node(state=State.RETIRING), event())


def test_a_machine_that_ended_never_comes_back(inventory: Inventory, redis: Redis) -> None:
    retired(inventory, inventory.nodes.create(node(), event()))
    before = dump(redis)
    for init in (False, True):
        with pytest.raises(ArchivedError, match="never comes back"):
            inventory.nodes.create(node(role="db"), event(), init=init)
    assert dump(redis) == before


def test_an_instance_id_that_was_foreign_does_not_come_back_either(inventory: Inventory) -> None:
    each = foreign("i-0123456789abcdef0")
    retired(inventory, inventory.nodes.create(each, event()))
    with pytest.raises(ArchivedError):
        inventory.nodes.create(each, event())


def test_a_foreign_name_comes_back_and_its_life_goes_on(inventory: Inventory, redis: Redis) -> None:
    each = foreign(instance_id="")
    retired(inventory, inventory.nodes.create(each, event("first")))
    assert redis.ttl(f"life:{each.certname}") > 0
    inventory.nodes.create(each, event("second"))
    whats = [entry["what"] for entry in inventory.events.life(each.certname)]
    assert whats == ["first", "test", "retired", "second"]
    assert redis.ttl(f"life:{each.certname}") == -1


def test_the_archive_of_a_foreign_name_tells_of_its_last_life_alone(inventory: Inventory) -> None:
    each = foreign(instance_id="")
    retired(inventory, inventory.nodes.create(replace(each, held="by alice"), event()))
    retired(inventory, inventory.nodes.create(each, event()))
    ended = inventory.nodes.archived(each.certname)
    assert ended is not None
    assert ended.node.held == ""


def test_a_name_of_a_new_machine_comes_back_but_its_old_machine_does_not(
    inventory: Inventory,
) -> None:
    old = foreign(instance_id="i-0123456789abcdef0")
    retired(inventory, inventory.nodes.create(old, event()))
    with pytest.raises(ArchivedError):
        inventory.nodes.create(old, event())
    inventory.nodes.create(replace(old, instance_id="i-0123456789abcdef1"), event())


def test_the_archive_forgets_after_400_days(inventory: Inventory, redis: Redis) -> None:
    first = inventory.nodes.create(node("i-0123456789abcdef0"), event())
    retired(inventory, first, at=START)
    second = inventory.nodes.create(node("i-0123456789abcdef1"), event())
    retired(inventory, second, at=START + timedelta(days=400, seconds=1))
    assert redis.zrange("archived", 0, -1) == [second.certname]


def test_the_last_to_end_are_shown_latest_first(inventory: Inventory) -> None:
    names = [f"i-{n:017x}" for n in range(6)]
    for n, name in enumerate(names):
        born = inventory.nodes.create(node(name, role="even" if n % 2 == 0 else "odd"), event())
        retired(inventory, born, at=START + n * MINUTE)

    def shown(count: int, role: str | None = None) -> list[str]:
        page = inventory.nodes.archive_page(count, role=role)
        return [one.node.certname for one in page.nodes]

    assert shown(2) == [names[5], names[4]]
    assert shown(2, "even") == [names[4], names[2]]
    assert shown(10, "odd") == [names[5], names[3], names[1]]
