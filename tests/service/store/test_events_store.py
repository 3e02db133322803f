"""The audit log and the life of each node."""

from __future__ import annotations

import pytest
from redis import Redis

from enc.inventory import BadCursorError, CorruptError, Inventory
from tests.builders import event, node


def test_the_log_is_read_on_from_where_one_was(inventory: Inventory) -> None:
    each = inventory.nodes.create(node(), event("first"))
    for n in range(5):
        each = inventory.nodes.change(each, event(f"change {n}"))
    seen: list[str] = []
    last = "-"
    while found := inventory.events.after(last, count=2):
        seen += [fields["what"] for _, fields in found]
        last = found[-1][0]
    assert seen == ["init", "first", *(f"change {n}" for n in range(5))]
    assert inventory.events.after(last) == []


def test_the_end_of_the_log_stays_the_end_until_more_comes(inventory: Inventory) -> None:
    last = inventory.events.after()[-1][0]
    assert inventory.events.after(last) == []
    inventory.nodes.create(node(), event("more"))
    assert [fields["what"] for _, fields in inventory.events.after(last)] == ["more"]


@pytest.mark.parametrize("last", ["", "+", "(1", "x", "1-", "1-2-3", "-1", "1 ", "²", "9" * 30])
def test_what_is_no_id_of_an_event_is_refused(inventory: Inventory, last: str) -> None:
    with pytest.raises(BadCursorError, match="is not the id of an event"):
        inventory.events.after(last)


@pytest.mark.parametrize("last", ["0", "0-0", "1767268800000", "1767268800000-5"])
def test_any_id_may_be_asked_for(inventory: Inventory, last: str) -> None:
    assert inventory.events.after(last) == inventory.events.after()


def test_a_node_without_a_life_has_none(inventory: Inventory) -> None:
    assert inventory.events.life("i-0123456789abcdef0") == []


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_a_garbled_life_is_named(inventory: Inventory, redis: Redis, text: str) -> None:
    redis.rpush("life:x", text)
    with pytest.raises(CorruptError, match=r"^life:x in Redis holds"):
        inventory.events.life("x")


@pytest.mark.parametrize("key", ["events", "life:x"])
def test_a_wrong_type_is_named(inventory: Inventory, redis: Redis, key: str) -> None:
    redis.delete(key)
    redis.set(key, "text")
    read = inventory.events.after if key == "events" else lambda: inventory.events.life("x")
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        read()


def test_empty_fields_take_no_room(inventory: Inventory) -> None:
    inventory.nodes.create(node(), event("first", why=""))
    assert set(inventory.events.after()[-1][1]) == {"at", "who", "what", "node", "role"}
