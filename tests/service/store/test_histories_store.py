"""What lies behind: launches, events and ended nodes in pages, the latest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import LaunchState, State
from enc.inventory import (
    BadCursorError,
    CorruptError,
    EventPage,
    Inventory,
    Query,
    StoreLostError,
)
from enc.inventory.events import SCANNED
from tests.builders import event, launch, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START

pytestmark = on_each_redis

MINUTE = timedelta(minutes=1)


def opened(inventory: Inventory, number: int, role: str = "web") -> str:
    each = launch(f"l-{number:016x}", role=role, opened_at=START + number * MINUTE)
    inventory.launches.open(each, event("launch opened", at=each.opened_at))
    return each.id


def ended(inventory: Inventory, number: int, role: str = "web", at: datetime = START) -> str:
    born = inventory.nodes.create(node(f"i-{number:017x}", role=role), event())
    retiring = inventory.nodes.change(born, event(), state=State.RETIRING)
    inventory.nodes.archive(retiring, event("retired", at=at + number * MINUTE, why="too old"))
    return born.certname


def walked(page: Callable[[str | None], Any], items: str) -> list[Any]:
    seen: list[Any] = []
    cursor = None
    while True:
        found = page(cursor)
        seen += getattr(found, items)
        cursor = found.cursor
        if cursor is None:
            return seen


class TestLaunches:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    def test_come_in_pages_the_latest_first(self, inventory: Inventory, limit: int) -> None:
        ids = [opened(inventory, n) for n in range(6)]
        found = walked(lambda cursor: inventory.launches.page(limit, cursor), "launches")
        assert [each.id for each in found] == ids[::-1]
        assert found[-1] == inventory.launches.get(ids[0])

    def test_of_a_role_or_in_a_state_are_those_and_no_others(self, inventory: Inventory) -> None:
        ids = [opened(inventory, n, "even" if n % 2 == 0 else "odd") for n in range(6)]
        for one in ids[:3]:
            inventory.launches.close(one, LaunchState.FAILED, event())

        def found(**filters: Any) -> list[str]:
            pages = walked(lambda c: inventory.launches.page(1, c, **filters), "launches")
            return [each.id for each in pages]

        assert found(role="even") == [ids[4], ids[2], ids[0]]
        assert found(state=LaunchState.OPEN) == ids[:2:-1]
        assert found(state=LaunchState.FAILED, role="even") == [ids[2], ids[0]]
        assert found(state=LaunchState.PARTIAL) == []
        assert found(role="none") == []

    def test_that_come_and_go_meanwhile_move_no_other(self, inventory: Inventory) -> None:
        ids = [opened(inventory, n) for n in range(6)]
        first = inventory.launches.page(3)
        opened(inventory, 9)
        # What is closed long after forgets those that are older than 400 days.
        late = event(at=START + 2 * MINUTE + timedelta(days=400))
        inventory.launches.close(ids[5], LaunchState.COMPLETE, late)
        second = inventory.launches.page(3, first.cursor)
        assert [each.id for each in first.launches] == [ids[5], ids[4], ids[3]]
        assert [each.id for each in second.launches] == [ids[2]]

    def test_that_are_damaged_are_named_and_not_left_out(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        one = opened(inventory, 1)
        redis.hset(f"launch:{one}", "want", "many")
        with pytest.raises(CorruptError, match=f"^launch:{one} in Redis has want"):
            inventory.launches.page(5)


class TestTheArchive:
    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_comes_in_pages_the_last_end_first(self, inventory: Inventory, limit: int) -> None:
        names = [ended(inventory, n) for n in range(5)]
        found = walked(lambda cursor: inventory.nodes.archive_page(limit, cursor), "nodes")
        assert [each.node.certname for each in found] == names[::-1]
        assert found[0].reason == "too old"
        assert found[0].ended_at == START + 4 * MINUTE

    def test_of_a_role_or_since_a_time_has_those_and_no_others(self, inventory: Inventory) -> None:
        names = [ended(inventory, n, "even" if n % 2 == 0 else "odd") for n in range(6)]

        def found(**filters: Any) -> list[str]:
            pages = walked(lambda c: inventory.nodes.archive_page(1, c, **filters), "nodes")
            return [each.node.certname for each in pages]

        assert found(role="even") == [names[4], names[2], names[0]]
        assert found(since=START + 3 * MINUTE) == [names[5], names[4], names[3]]
        assert found(since=START + 3 * MINUTE, role="even") == [names[4]]
        assert found(since=START + 6 * MINUTE) == []

    def test_is_walked_whole_since_a_time(self, inventory: Inventory) -> None:
        names = [ended(inventory, n) for n in range(6)]
        for minute, expected in ((0, names), (2, names[2:]), (5, names[5:]), (6, [])):
            found = inventory.nodes.archived_since(START + minute * MINUTE)
            assert [each.node.certname for each in found] == expected[::-1]

    def test_loses_nothing_to_an_end_between_two_pages(self, inventory: Inventory) -> None:
        names = [ended(inventory, n) for n in range(4)]
        first = inventory.nodes.archive_page(2)
        ended(inventory, 9)
        second = inventory.nodes.archive_page(2, first.cursor)
        assert [each.node.certname for each in second.nodes] == [names[1], names[0]]
        assert second.cursor is None

    def test_passes_over_what_was_forgotten_already(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        names = [ended(inventory, n) for n in range(3)]
        redis.delete(f"archive:{names[1]}")
        found = inventory.nodes.archived_since(START)
        assert [each.node.certname for each in found] == [names[2], names[0]]


@pytest.mark.parametrize("of", ["nodes", "newest", "launches", "archive"])
def test_a_cursor_of_one_list_is_none_of_another(inventory: Inventory, of: str) -> None:
    for n in range(3):
        opened(inventory, n)
        ended(inventory, n)
        inventory.nodes.create(node(f"i-1{n:016x}"), event())
    pages: dict[str, Callable[[str | None], Any]] = {
        "nodes": lambda c: inventory.queries.page(Query(), limit=1, cursor=c),
        "newest": lambda c: inventory.queries.page(Query(newest=True), limit=1, cursor=c),
        "launches": lambda c: inventory.launches.page(1, c),
        "archive": lambda c: inventory.nodes.archive_page(1, c),
    }
    cursor = pages[of](None).cursor
    assert cursor is not None
    for name, page in pages.items():
        if name == of:
            page(cursor)
        else:
            with pytest.raises(BadCursorError, match="of another list"):
                page(cursor)


class TestEvents:
    def logged(self, page: EventPage) -> list[str]:
        return [fields["what"] for _, fields in page.events]

    @pytest.mark.parametrize("limit", [1, 2, 5, 7, 100])
    def test_come_in_pages_the_latest_first(self, inventory: Inventory, limit: int) -> None:
        each = inventory.nodes.create(node(), event("change 0"))
        for n in range(1, 6):
            each = inventory.nodes.change(each, event(f"change {n}"))
        found = walked(lambda before: inventory.events.page(limit, before), "events")
        expected = [*(f"change {n}" for n in range(5, -1, -1)), "init"]
        assert [fields["what"] for _, fields in found] == expected
        assert found[::-1] == inventory.events.after()

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"node": "i-0b"}, ["moved", "born"]),
            ({"role": "db"}, ["moved", "born"]),
            ({"who": "bob@ops"}, ["moved"]),
            ({"what": "born"}, ["born", "born"]),
            ({"what": "born", "role": "web"}, ["born"]),
            ({"what": "born", "who": "bob@ops"}, []),
            ({"node": "i-0"}, []),
            ({"what": ""}, []),
        ],
    )
    def test_that_are_so_are_found_and_no_others(
        self, inventory: Inventory, filters: dict[str, Any], found: list[str]
    ) -> None:
        inventory.nodes.create(node("i-0a"), event("born"))
        other = inventory.nodes.create(node("i-0b", role="db"), event("born"))
        inventory.nodes.change(other, replace(event("moved"), who="bob@ops"), held="x")
        for limit in (1, 2, 9):
            pages = walked(lambda b, m=limit: inventory.events.page(m, b, **filters), "events")
            assert [fields["what"] for _, fields in pages] == found

    def test_that_come_meanwhile_move_no_other(self, inventory: Inventory) -> None:
        each = inventory.nodes.create(node(), event("change 0"))
        for n in range(1, 6):
            each = inventory.nodes.change(each, event(f"change {n}"))
        first = inventory.events.page(2)
        inventory.nodes.change(each, event("later"))
        second = inventory.events.page(2, first.cursor)
        assert self.logged(first) == ["change 5", "change 4"]
        assert self.logged(second) == ["change 3", "change 2"]

    def test_far_behind_are_looked_for_a_bounded_way_at_a_time(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        pipe = redis.pipeline(transaction=False)
        for n in range(SCANNED + 10):
            pipe.xadd("events", {"what": "noise", "who": "x", "at": str(n)})
        pipe.execute()
        first = inventory.events.page(5, what="init")
        assert first.events == ()
        assert first.cursor is not None
        second = inventory.events.page(5, first.cursor, what="init")
        assert self.logged(second) == ["init"]
        assert second.cursor is None

    @pytest.mark.parametrize("before", ["", "+", "-", "(1", "x", "1-", "1-2-3", "²", "9" * 30])
    def test_before_what_is_no_id_are_refused(self, inventory: Inventory, before: str) -> None:
        with pytest.raises(BadCursorError, match="is not the id of an event"):
            inventory.events.page(5, before)

    @pytest.mark.parametrize("before", ["0", "0-0", "1", "1-0", "000-0"])
    def test_before_the_first_are_none(self, inventory: Inventory, before: str) -> None:
        assert inventory.events.page(5, before) == EventPage((), None)

    def test_before_a_time_are_not_those_of_it(self, inventory: Inventory, redis: Redis) -> None:
        redis.delete("events")
        for entry in ("5-0", "5-7", "6-1"):
            redis.xadd("events", {"what": entry}, id=entry)
        assert self.logged(inventory.events.page(5, "5")) == []
        assert self.logged(inventory.events.page(5, "5-7")) == ["5-0"]
        assert self.logged(inventory.events.page(5, "6")) == ["5-7", "5-0"]
        assert self.logged(inventory.events.page(5, "9" * 19)) == ["6-1", "5-7", "5-0"]

    def test_that_are_not_text_are_named(self, inventory: Inventory, redis: Redis) -> None:
        redis.xadd("events", {"what": b"\xff\xfe"})
        with pytest.raises(CorruptError, match=r"^events in Redis is not UTF-8"):
            inventory.events.page(5)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_at_least_one_place(inventory: Inventory, limit: int) -> None:
    for page in (
        inventory.launches.page,
        inventory.nodes.archive_page,
        inventory.events.page,
    ):
        with pytest.raises(ValueError, match="limit must be at least 1"):
            page(limit)


PAGES: dict[str, Callable[[Inventory], object]] = {
    "launches": lambda store: store.launches.page(5),
    "archived": lambda store: store.nodes.archive_page(5),
    "events": lambda store: store.events.page(5),
    "since": lambda store: list(store.nodes.archived_since(START)),
    "none": lambda store: store.events.page(5, "0-0"),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_lost_store_has_no_past_rather_than_an_empty_one(
    inventory: Inventory, redis: Redis, page: str
) -> None:
    PAGES[page](inventory)
    redis.delete("meta")
    with pytest.raises(StoreLostError):
        PAGES[page](inventory)


@pytest.mark.parametrize("key", ["launches", "archived", "events"])
def test_a_wrong_type_is_named(inventory: Inventory, redis: Redis, key: str) -> None:
    redis.delete(key)
    redis.set(key, "text")
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        PAGES[key](inventory)
