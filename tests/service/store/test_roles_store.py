"""Roles as applied: all or none, counted, kept while nodes have them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Role, State
from enc.inventory import (
    Applied,
    ConflictError,
    CorruptError,
    Inventory,
    RoleInUseError,
    StoreLostError,
    connect,
)
from enc.inventory.roles import Roles
from tests.builders import event, foreign, node, role
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.invariants import dump

LATER = START + timedelta(hours=1)


def classes(name: str = "web", workers: int = 4, **fields: str) -> Role:
    return role(name, definition={"classes": {f"role::{name}": {"workers": workers}}}, **fields)


def rev(inventory: Inventory) -> int:
    return inventory.meta.require().roles_rev


def test_an_applied_role_is_read_with_who_and_when(inventory: Inventory) -> None:
    done = inventory.roles.apply([classes(spec_hash="abc")], event())
    assert done == Applied(changed=("web",), removed=(), unchanged=())
    expected = replace(classes(spec_hash="abc"), rev=1, applied_at=START, applied_by="alice@ops")
    assert inventory.roles.get("web") == expected
    assert inventory.roles.all() == {"web": expected}
    assert inventory.roles.names() == ["web"]


def test_only_what_differs_is_written(inventory: Inventory) -> None:
    inventory.roles.apply([classes("web"), classes("db")], event())
    done = inventory.roles.apply([classes("web", 8), classes("db")], event(at=LATER))
    assert done == Applied(changed=("web",), removed=(), unchanged=("db",))
    web, db = inventory.roles.get("web"), inventory.roles.get("db")
    assert web is not None
    assert db is not None
    assert (web.rev, web.applied_at) == (2, LATER)
    assert (db.rev, db.applied_at) == (1, START)
    assert rev(inventory) == 2


def test_a_changed_spec_alone_is_a_change(inventory: Inventory) -> None:
    inventory.roles.apply([classes(spec_hash="abc")], event())
    assert inventory.roles.apply([classes(spec_hash="abd")], event()).changed == ("web",)


def test_the_order_of_keys_in_a_definition_counts(inventory: Inventory) -> None:
    """Puppet evaluates classes in the order of the file."""
    first = role(definition={"classes": {"a": {}, "b": {}}})
    second = role(definition={"classes": {"b": {}, "a": {}}})
    inventory.roles.apply([first], event())
    assert inventory.roles.apply([second], event()).changed == ("web",)


def test_applying_the_same_again_writes_nothing(inventory: Inventory, redis: Redis) -> None:
    inventory.roles.apply([classes()], event())
    before = dump(redis)
    done = inventory.roles.apply([classes()], event(at=LATER), prune=True)
    assert done == Applied(changed=(), removed=(), unchanged=("web",))
    assert dump(redis) == before


def test_every_changed_and_removed_role_is_in_the_log(inventory: Inventory) -> None:
    inventory.roles.apply([classes("web"), classes("db")], event())
    inventory.roles.apply([classes("web", 8)], event(at=LATER), prune=True)
    logged = [(e["what"], e["role"], e.get("rev")) for _, e in inventory.events.after()[1:]]
    assert logged == [
        *(("role applied", "web", "1"), ("role applied", "db", "1")),
        *(("role applied", "web", "2"), ("role removed", "db", None)),
    ]


def test_roles_that_are_not_in_the_file_stay_unless_pruned(inventory: Inventory) -> None:
    inventory.roles.apply([classes("web"), classes("db")], event())
    assert inventory.roles.apply([classes("web")], event()).removed == ()
    assert inventory.roles.names() == ["db", "web"]
    assert inventory.roles.apply([classes("web")], event(), prune=True).removed == ("db",)
    assert inventory.roles.names() == ["web"]
    assert inventory.roles.get("db") is None
    assert rev(inventory) == 2


def test_a_role_with_nodes_is_not_pruned_and_nothing_else_is_written(
    inventory: Inventory, redis: Redis
) -> None:
    inventory.roles.apply([classes("web"), classes("db")], event())
    inventory.nodes.create_many([(foreign(f"db{n}.example", role="db"), event()) for n in range(2)])
    before = dump(redis)
    with pytest.raises(RoleInUseError, match=r"role db still has 2 node\(s\).*ls --role db"):
        inventory.roles.apply([classes("web", 8)], event(), prune=True)
    assert dump(redis) == before


def test_a_role_whose_nodes_are_archived_is_pruned(inventory: Inventory) -> None:
    inventory.roles.apply([classes("db")], event())
    each = inventory.nodes.create(node(role="db", state=State.RETIRING), event())
    inventory.nodes.archive(each, event())
    assert inventory.roles.apply([], event(), prune=True).removed == ("db",)


class Slow(Roles):
    """Roles to whom something happens between reading and writing, every time."""

    def __init__(self, redis: Redis, meanwhile: Callable[[], object]) -> None:
        super().__init__(redis)
        self._meanwhile = meanwhile

    def _stored(self) -> tuple[str, dict[str, dict[str, str]]]:
        found = super()._stored()
        self._meanwhile()
        return found


def test_a_role_is_not_pruned_from_under_a_node_that_gets_it_meanwhile(
    inventory: Inventory, redis: Redis
) -> None:
    inventory.roles.apply([classes("db")], event())
    slow = Slow(redis, lambda: inventory.nodes.create(foreign(role="db"), event()))
    with pytest.raises(RoleInUseError, match=r"role db still has 1 node\(s\)"):
        slow.apply([], event(), prune=True)
    assert inventory.roles.names() == ["db"]


def test_a_role_that_somebody_else_changes_meanwhile_is_read_again(
    inventory: Inventory, redis: Redis
) -> None:
    others = iter([8])

    def meanwhile() -> None:
        for workers in others:
            inventory.roles.apply([classes("web", workers)], event())

    assert Slow(redis, meanwhile).apply([classes("web", 4)], event()).changed == ("web",)
    found = inventory.roles.get("web")
    assert found is not None
    assert (found.rev, found.definition) == (2, classes("web", 4).definition)


def test_of_two_who_apply_at_once_neither_is_lost(
    inventory: Inventory, redis_server: RedisServer
) -> None:
    errors: list[BaseException] = []

    def run(name: str) -> None:
        mine = Inventory.on(connect(redis_server.url, timeout=5))
        try:
            for workers in range(15):
                mine.roles.apply([classes(name, workers)], event())
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            errors.append(error)
        mine.redis.close()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("web", "db")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {name: each.rev for name, each in inventory.roles.all().items()} == {"web": 15, "db": 15}
    assert rev(inventory) == 30


def test_one_who_never_gets_his_turn_is_told(inventory: Inventory, redis: Redis) -> None:
    slow = Slow(redis, lambda: redis.hincrby("meta", "roles_rev", 1))
    with pytest.raises(ConflictError, match="others are applying roles"):
        slow.apply([classes()], event())
    assert inventory.roles.names() == []


def test_a_role_that_cannot_be_written_stops_all_of_them(
    inventory: Inventory, redis: Redis
) -> None:
    redis.set("role:zzz", "text")
    before = dump(redis)
    with pytest.raises(CorruptError, match=r"^role:zzz in Redis has a value of the wrong type"):
        inventory.roles.apply([classes("aaa"), classes("zzz")], event())
    assert dump(redis) == before


@pytest.mark.parametrize("key", ["events", "roles", "nodes:role:db"])
def test_wrong_types_elsewhere_stop_it_too(inventory: Inventory, redis: Redis, key: str) -> None:
    inventory.roles.apply([classes("web"), classes("db")], event())
    redis.delete(key)
    redis.set(key, "text")
    before = dump(redis)
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        inventory.roles.apply([classes("web", 8)], event(), prune=True)
    assert dump(redis) == before


@pytest.mark.parametrize(("key", "field"), [("meta", "roles_rev"), ("role:web", "rev")])
def test_garbled_fields_are_named(inventory: Inventory, redis: Redis, key: str, field: str) -> None:
    inventory.roles.apply([classes("web")], event())
    redis.hset(key, field, "garbled")
    for act in (
        lambda: inventory.roles.apply([classes("web", 8)], event()),
        lambda: inventory.roles.all() and inventory.meta.get(),
    ):
        with pytest.raises(CorruptError, match=f"^{key} in Redis"):
            act()


def test_a_garbled_definition_is_mended_by_applying(inventory: Inventory, redis: Redis) -> None:
    inventory.roles.apply([classes("web")], event())
    redis.hset("role:web", "definition", "{")
    with pytest.raises(CorruptError, match=r"^role:web in Redis holds text that is not JSON"):
        inventory.roles.all()
    assert inventory.roles.apply([classes("web")], event()).changed == ("web",)
    assert inventory.roles.all()["web"].definition == classes("web").definition


def test_counts_are_by_kind_state_and_market(inventory: Inventory, redis: Redis) -> None:
    inventory.nodes.create(node(), event())
    inventory.nodes.create(foreign(), event())
    counted = inventory.roles.counts(["web", "none"])
    assert counted == {"web": {"extra:running:spot": 1, "foreign:ready:none": 1}, "none": {}}
    redis.hset("fleet:web", "extra:running:spot", "some")
    with pytest.raises(CorruptError, match=r"^fleet:web in Redis has extra:running:spot"):
        inventory.roles.counts(["web"])


def test_no_counts_are_asked_for_no_roles(inventory: Inventory) -> None:
    assert inventory.roles.counts([]) == {}


def test_a_lost_store_has_no_roles_rather_than_none(inventory: Inventory, redis: Redis) -> None:
    inventory.roles.apply([classes()], event())
    redis.flushall()
    for act in (
        lambda: inventory.roles.get("web"),
        inventory.roles.names,
        inventory.roles.all,
        lambda: inventory.roles.counts(["web"]),
        lambda: inventory.roles.apply([classes()], event()),
        lambda: inventory.roles.apply([], event(), prune=True),
        lambda: inventory.lookups.definition("web"),
    ):
        with pytest.raises(StoreLostError):
            act()
    assert not redis.keys()
