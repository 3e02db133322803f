"""Nodes: written by one script, found again, changed once, ended for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from enc.domain.certname import ImpossibleCertnameError
from enc.domain.model import IllegalTransitionError, Kind, Market, State
from enc.inventory import (
    AlreadyThereError,
    ConflictError,
    CorruptError,
    Inventory,
    StoreLostError,
)
from enc.inventory.nodes import Nodes
from tests.builders import event, foreign, launch, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service.invariants import check, dump

pytestmark = on_each_redis

MINUTE = timedelta(minutes=1)
NAMED = {
    "private_ip": "10.0.0.1",
    "private_dns": "ip-10-0-0-1.ec2.internal",
    "public_dns": "ec2-1.example",
}


def test_a_new_node_is_found_again_as_it_was(inventory: Inventory, redis: Redis) -> None:
    born = inventory.nodes.create(node(**NAMED), event())
    assert inventory.nodes.get(born.certname) == born == replace(node(**NAMED), rev=1)
    check(redis)


def test_a_node_with_microseconds_equals_what_is_read_back(inventory: Inventory) -> None:
    exact = datetime(2026, 1, 1, 12, 0, 0, 987_654, tzinfo=UTC)
    born = inventory.nodes.create(node(launched_at=exact), event(at=exact))
    changed = inventory.nodes.change(born, event(at=exact), state=State.READY, ready_at=exact)
    assert inventory.nodes.get(born.certname) == changed


def test_a_node_without_a_market_is_in_no_market(inventory: Inventory, redis: Redis) -> None:
    inventory.nodes.create(foreign(), event())
    check(redis)
    assert not redis.keys("nodes:market:*")
    assert inventory.roles.counts(["web"]) == {"web": {"foreign:ready:none": 1}}


def test_a_certname_that_no_machine_can_have_is_not_written(inventory: Inventory) -> None:
    with pytest.raises(ImpossibleCertnameError):
        inventory.nodes.create(node("../etc"), event())


def test_a_node_cannot_begin_as_archived(inventory: Inventory) -> None:
    with pytest.raises(ValueError, match="cannot begin as archived"):
        inventory.nodes.create(node(state=State.ARCHIVED), event())


def test_a_change_moves_indexes_counts_and_names(inventory: Inventory, redis: Redis) -> None:
    born = inventory.nodes.create(node(**NAMED), event())
    changed = inventory.nodes.change(
        born,
        event(at=START + MINUTE),
        state=State.READY,
        role="db",
        kind=Kind.FLEET,
        market=Market.ON_DEMAND,
        private_ip="10.0.0.2",
        public_dns="",
        launched_at=START + MINUTE,
    )
    assert inventory.nodes.get(born.certname) == changed
    assert (changed.rev, changed.state_since) == (2, START + MINUTE)
    assert sorted(redis.keys("n*:*")) == [
        *("name:ip-10-0-0-1.ec2.internal", "name:vpc-1:10.0.0.2", "node:i-0aaaaaaaaaaaaaaa1"),
        *("nodes:kind:fleet", "nodes:market:on-demand", "nodes:role:db", "nodes:state:ready"),
        "nodes:texts",
    ]
    check(redis)


def test_a_change_that_keeps_the_state_keeps_its_time(inventory: Inventory) -> None:
    born = inventory.nodes.create(node(), event())
    assert inventory.nodes.change(born, event(at=START + MINUTE)).state_since == START


def test_a_step_that_is_not_allowed_is_not_asked_of_redis(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create(node(state=State.RUNNING), event())
    before = dump(redis)
    with pytest.raises(IllegalTransitionError):
        inventory.nodes.change(born, event(), state=State.PENDING)
    with pytest.raises(IllegalTransitionError):
        inventory.nodes.archive(born, event())
    assert dump(redis) == before


@pytest.mark.parametrize("field", ["certname", "rev"])
def test_what_makes_a_node_itself_cannot_be_changed(inventory: Inventory, field: str) -> None:
    born = inventory.nodes.create(node(), event())
    with pytest.raises(ValueError, match=f"{field} of a node cannot be changed"):
        inventory.nodes.change(born, event(), **{field: "x"})


def test_of_two_writers_who_read_the_same_exactly_one_wins(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create(node(), event())
    won = inventory.nodes.change(born, event(), held="first")
    before = dump(redis)
    with pytest.raises(ConflictError, match=r"rev 1, now 2"):
        inventory.nodes.change(born, event(), held="second")
    with pytest.raises(ConflictError):
        inventory.nodes.archive(replace(born, state=State.RETIRING), event())
    assert inventory.nodes.get(born.certname) == won
    assert dump(redis) == before


def test_a_node_is_made_once(inventory: Inventory, redis: Redis) -> None:
    inventory.nodes.create(node(), event())
    before = dump(redis)
    with pytest.raises(AlreadyThereError, match="already in the inventory"):
        inventory.nodes.create(node(role="db"), event())
    assert dump(redis) == before


def test_a_node_that_nobody_made_cannot_be_changed(inventory: Inventory, redis: Redis) -> None:
    before = dump(redis)
    for unknown in (node(), node(rev=1)):
        with pytest.raises(ConflictError, match="has left the inventory"):
            inventory.nodes.change(unknown, event(), held="x")
    assert dump(redis) == before


def test_lists_by_role_and_launch_are_oldest_first(inventory: Inventory) -> None:
    pairs = [("i-0000000000000000c", 1), ("i-0000000000000000a", 3), ("i-0000000000000000b", 2)]
    for name, minute in pairs:
        each = node(name, launched_at=START + minute * MINUTE, launch=f"l-{minute % 2}")
        inventory.nodes.create(each, event())
    inventory.nodes.create(node(role="db"), event())
    assert [n.certname[-1] for n in inventory.nodes.of_role("web")] == ["c", "b", "a"]
    assert [n.certname[-1] for n in inventory.nodes.of_launch("l-1", "web")] == ["c", "a"]
    assert inventory.nodes.of_role("none") == []


def test_every_node_counts_for_its_launch_once(inventory: Inventory, redis: Redis) -> None:
    asked = launch()
    inventory.launches.open(asked, event())
    born = inventory.nodes.create(node(launch=asked.id), event())
    inventory.nodes.create(node("i-0123456789abcdef1", launch=asked.id), event())
    inventory.nodes.change(born, event(), held="x")
    found = inventory.launches.get(asked.id)
    assert found is not None
    assert found.got == 2
    check(redis)


def test_a_node_of_a_launch_that_nobody_knows_is_recorded_without_making_one(
    inventory: Inventory, redis: Redis
) -> None:
    inventory.nodes.create(node(launch="l-unknown"), event())
    assert not redis.keys("launch:*")


def test_every_change_is_in_the_log_and_in_the_life_of_its_node(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create(node(launch="l-1"), event("launched", why="asked"))
    inventory.nodes.change(born, event("came up"), state=State.READY)
    logged = [fields for _, fields in inventory.events.after()][-2:]
    assert logged == inventory.events.life(born.certname)
    about = {"at": "2026-01-01T12:00:00.000Z", "who": "alice@ops", "role": "web", "launch": "l-1"}
    assert logged == [
        {**about, "node": born.certname, "what": "launched", "why": "asked"},
        {**about, "node": born.certname, "what": "came up", "was": "running", "state": "ready"},
    ]


def test_an_event_cannot_pretend_to_be_about_another_node(inventory: Inventory) -> None:
    pretending = event("x", node="db1", more={"node": "db2", "who": "root", "at": "never"})
    born = inventory.nodes.create(node(), pretending)
    [entry] = inventory.events.life(born.certname)
    assert (entry["node"], entry["who"]) == (born.certname, "alice@ops")


def test_a_life_keeps_its_last_200_events(inventory: Inventory, redis: Redis) -> None:
    each = inventory.nodes.create(node(), event("born"))
    for n in range(205):
        each = inventory.nodes.change(each, event(f"change {n}"))
    life = inventory.events.life(each.certname)
    assert [life[0]["what"], life[-1]["what"], len(life)] == ["change 5", "change 204", 200]
    check(redis)


def test_the_log_is_bounded(redis: Redis, inventory: Inventory) -> None:
    limits = replace(inventory.nodes.limits, events=300)
    nodes = Nodes(redis, limits)
    each = nodes.create(node(), event())
    for _ in range(600):
        each = nodes.change(each, event())
    # Redis drops whole pieces of a stream, of 100 entries each.
    assert 300 <= redis.xlen("events") < 401


def test_the_log_is_bounded_to_a_million_in_production(inventory: Inventory) -> None:
    assert (inventory.nodes.limits.events, inventory.nodes.limits.life) == (1_000_000, 200)


@pytest.mark.parametrize("text", ["\0", "a\nb", "é€😀", '"', "\\", "{}", "\u2028", "x" * 1_000_000])
def test_any_text_comes_back_as_it_was(inventory: Inventory, text: str) -> None:
    born = inventory.nodes.create(node(held=text), event(why=text))
    assert inventory.nodes.get(born.certname) == born
    assert inventory.events.life(born.certname)[0]["why"] == text
    assert inventory.events.after()[-1][1]["why"] == text


def test_a_store_that_was_lost_takes_no_change_and_denies_nothing(
    inventory: Inventory, redis: Redis
) -> None:
    born = inventory.nodes.create(node(), event())
    redis.flushall()
    for act in (
        lambda: inventory.nodes.create(node(), event()),
        lambda: inventory.nodes.create_many([(node(), event())]),
        lambda: inventory.nodes.change(born, event(), held="x"),
        lambda: inventory.nodes.change_many([(born, event(), {"held": "x"})]),
        lambda: inventory.nodes.archive(replace(born, state=State.RETIRING), event()),
        lambda: inventory.nodes.get(born.certname),
        lambda: inventory.nodes.many([born.certname]),
        lambda: inventory.nodes.named("a.example"),
        lambda: inventory.nodes.archived(born.certname),
        lambda: inventory.nodes.archive_page(1),
        lambda: inventory.nodes.of_role("web"),
        lambda: inventory.nodes.of_launch("l-1", "web"),
        inventory.events.after,
        lambda: inventory.events.life(born.certname),
    ):
        with pytest.raises(StoreLostError, match="provisioner init"):
            act()
    assert not redis.keys()


def test_init_may_fill_a_store_before_it_has_meta(new_store: Inventory, redis: Redis) -> None:
    born = new_store.nodes.create(node(**NAMED), event(), init=True)
    assert new_store.nodes.get(born.certname) == born
    check(redis)


def test_a_meta_of_the_wrong_type_is_not_taken_for_one(new_store: Inventory, redis: Redis) -> None:
    redis.set("meta", "1")
    with pytest.raises(CorruptError, match=r"^meta in Redis has a value of the wrong type"):
        new_store.nodes.create(node(), event(), init=True)
    assert redis.keys() == ["meta"]
