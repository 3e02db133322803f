"""One page looks at so many members and no more, whatever its filters pass over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import State
from enc.inventory import CorruptError, Inventory, Page, Query, connect
from enc.inventory.paging import LOOKED_AT
from enc.inventory.query import LOOKED_AT as NODES_LOOKED_AT
from enc.inventory.query import LOOKED_AT_BY_TEXT, Queries
from tests.builders import event, launch, node, role
from tests.servers import RedisServer
from tests.service.pages import following, page, words
from tests.service.turns import Turns


def in_index(redis: Redis, key: str, names: Iterable[str], score: float) -> None:
    redis.zadd(key, dict.fromkeys(names, score))


@dataclass(frozen=True)
class Kept:
    """A list in which the one that is asked for lies behind many of another role."""

    page: Callable[[Inventory, str | None], Any]
    items: str
    make: Callable[[Inventory], object]
    index: str
    of: str


def _archive(inventory: Inventory) -> None:
    born = inventory.nodes.create(node(role="rare", state=State.RETIRING), event())
    inventory.nodes.archive(born, event())


KEPT = {
    "launches": Kept(
        lambda store, cursor: store.launches.page(5, cursor, role="rare"), "launches",
        lambda store: store.launches.open(launch(role="rare"), event()), "launches", "launch",
    ),
    "archive": Kept(
        lambda store, cursor: store.nodes.archive_page(5, cursor, role="rare"), "nodes",
        _archive, "archived", "archive",
    ),
}  # fmt: skip


@pytest.fixture(params=KEPT)
def kept(request: pytest.FixtureRequest, inventory: Inventory) -> Kept:
    found = KEPT[request.param]
    found.make(inventory)
    return found


# As many as that, and by a client: seconds.
_BURY = """
for n = 1, tonumber(ARGV[3]) do
  local name = string.format('l-f%015x', n)
  redis.call('COPY', ARGV[1], ARGV[2] .. ':' .. name)
  redis.call('HSET', ARGV[2] .. ':' .. name, 'role', 'common')
  redis.call('ZADD', KEYS[1], '9e9', name)
end
"""


def bury(redis: Redis, kept: Kept, count: int) -> None:
    """Later ones, so many, of another role."""
    [one] = list(redis.scan_iter(f"{kept.of}:*", count=1000))
    redis.eval(_BURY, 1, kept.index, one, kept.of, count)


def test_a_page_that_has_looked_at_enough_is_empty_and_says_where_to_go_on(
    inventory: Inventory, redis: Redis, kept: Kept
) -> None:
    bury(redis, kept, LOOKED_AT)
    first = kept.page(inventory, None)
    assert getattr(first, kept.items) == ()
    assert first.cursor is not None
    second = kept.page(inventory, first.cursor)
    assert [one.role for one in _of(second, kept)] == ["rare"]
    assert second.cursor is None


def test_a_page_looks_on_as_long_as_it_may(inventory: Inventory, redis: Redis, kept: Kept) -> None:
    bury(redis, kept, LOOKED_AT - 1)
    assert [one.role for one in _of(kept.page(inventory, None), kept)] == ["rare"]


def test_a_page_passes_over_only_so_many_that_are_gone(
    inventory: Inventory, redis: Redis, kept: Kept
) -> None:
    in_index(redis, kept.index, (f"l-f{n:015x}" for n in range(LOOKED_AT + 1000)), 9e9)
    pages = [inventory.launches.page, inventory.nodes.archive_page]
    page = pages[kept.of == "archive"]
    first = page(1)
    assert getattr(first, kept.items) == ()
    assert len(getattr(page(1, first.cursor), kept.items)) == 1


def _of(found: Any, kept: Kept) -> list[Any]:
    return [getattr(one, "node", one) for one in getattr(found, kept.items)]


class TestIndexesThatHardlyMeet:
    """Nodes of a role of which few are in a state, and of the state few in the role."""

    def ask(self, inventory: Inventory, cursor: str | None = None) -> Any:
        query = Query(role="web", state=State.LOST)
        return inventory.queries.page(query, limit=5, cursor=cursor)

    def lay_out(self, inventory: Inventory, redis: Redis, before: int) -> str:
        born = inventory.nodes.create(node(state=State.LOST), event())
        names = [f"i-{n:017x}" for n in range(before)]
        in_index(redis, "nodes:role:web", names, 1.0)
        in_index(redis, "nodes:state:lost", (f"x-{n}" for n in range(before + 9)), 1.0)
        return born.certname

    def test_are_walked_a_bounded_way_at_a_time(self, inventory: Inventory, redis: Redis) -> None:
        name = self.lay_out(inventory, redis, NODES_LOOKED_AT)
        first = self.ask(inventory)
        assert first.nodes == ()
        assert first.cursor is not None
        second = self.ask(inventory, first.cursor)
        assert [one.certname for one in second.nodes] == [name]
        assert second.cursor is None

    def test_are_walked_to_the_end_where_that_is_not_far(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        name = self.lay_out(inventory, redis, NODES_LOOKED_AT - 1)
        assert [one.certname for one in self.ask(inventory).nodes] == [name]


class TestASearch:
    """For what many nodes have, of which none is in the role that is asked for."""

    def ask(self, inventory: Inventory, redis: Redis, matches: int) -> Any:
        farm = [f"farm{n}" for n in range(matches)]
        in_index(redis, "nodes:texts", (f"{name} {name}" for name in farm), 0)
        web = (f"i-{n:017x}" for n in range(LOOKED_AT_BY_TEXT + 5000))
        in_index(redis, "nodes:role:web", web, 1.0)
        return inventory.queries.page(Query(role="web", q="farm"), limit=5)

    def test_looks_at_the_fewer_of_the_two(self, inventory: Inventory, redis: Redis) -> None:
        assert self.ask(inventory, redis, 3100) == Page((), None)

    def test_looks_at_so_many_where_both_are_many(self, inventory: Inventory, redis: Redis) -> None:
        found = self.ask(inventory, redis, 10_100)
        assert found.nodes == ()
        assert found.cursor is not None


class TestThePages:
    @pytest.fixture
    def buried(self, inventory: Inventory, redis: Redis) -> None:
        inventory.roles.apply([role("rare")], event())
        for kept in KEPT.values():
            kept.make(inventory)
            bury(redis, kept, LOOKED_AT)

    @pytest.mark.parametrize("path", ["/launches?role=rare", "/history?role=rare&since=400d"])
    def test_of_a_role_long_past_say_where_to_look_further(
        self, client: FlaskClient, buried: None, path: str
    ) -> None:
        text = page(client, path)
        assert f"None of the {LOOKED_AT:,}" in words(text)
        assert "Search older ones" in words(text)

    def test_lead_on_to_what_was_not_looked_at(self, client: FlaskClient, buried: None) -> None:
        text = page(client, "/launches?role=rare")
        [path] = [p for p in _links(text) if "cursor=" in p]
        assert launch().id in words(page(client, path))

    def test_of_a_role_say_that_its_launches_may_be_older(
        self, client: FlaskClient, buried: None
    ) -> None:
        text = words(page(client, "/roles/rare"))
        assert (
            f"No launch of this role among the newest {LOOKED_AT:,} of all roles. Search older ones"
            in text
        )

    def test_of_a_role_without_launches_say_just_that(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.roles.apply([role("rare")], event())
        assert "No launch in the last 400 days." in words(page(client, "/roles/rare"))

    def test_that_are_short_but_not_empty_say_so(
        self, client: FlaskClient, inventory: Inventory, redis: Redis, buried: None
    ) -> None:
        inventory.launches.open(launch("l-00000000000000bb", role="rare"), event())
        redis.zadd("launches", {"l-00000000000000bb": 9.1e9})
        text = page(client, "/launches?role=rare")
        assert f"One page reads at most {LOOKED_AT:,} records" in words(text)
        assert following(text)

    def test_that_are_whole_say_nothing_of_it(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        for kept in KEPT.values():
            kept.make(inventory)
        for path in ("/launches?role=rare", "/launches?limit=1", "/nodes?limit=1"):
            assert "looked at" not in words(page(client, path))


def _links(text: str) -> list[str]:
    return [part.split('"')[0].replace("&amp;", "&") for part in text.split('href="')[1:]]


class TestARecordThatIsNotText:
    """It spoils the answer that it is in, and is looked for in this alone."""

    def test_is_named_without_reading_the_others(
        self, inventory: Inventory, redis: Redis, redis_server: RedisServer
    ) -> None:
        names = [f"i-{n:017x}" for n in range(3000)]
        inventory.nodes.create_many((node(name), event()) for name in names)
        redis.hset(f"node:{names[3]}", "held", b"\xff")
        client = connect(redis_server.url, timeout=5)
        turns = Turns(client)
        queries = Queries(client)
        with pytest.raises(CorruptError, match=f"^node:{names[3]} in Redis"):
            queries.page(Query(), limit=10)
        # Twice the script, the records in one go and then each alone: not three thousand.
        assert turns.count < 60

    def test_is_named_and_what_lies_behind_it_is_read(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        names = [f"i-{n:017x}" for n in range(1200)]
        inventory.nodes.create_many((node(name), event()) for name in names)
        redis.hset(f"node:{names[700]}", "held", b"\xff")
        for query in (Query(), Query(role="web", newest=True), Query(q="i-")):
            found = inventory.queries.everything(query)
            assert [*found.spoilt] == [names[700]]
            assert len(found.nodes) == 1199

    def test_is_not_met_by_a_page_without_it(self, inventory: Inventory, redis: Redis) -> None:
        names = [f"i-{n:017x}" for n in range(30)]
        inventory.nodes.create_many((node(name), event()) for name in names)
        redis.hset(f"node:{names[20]}", "held", b"\xff")
        assert len(inventory.queries.page(Query(), limit=10).nodes) == 10

    def test_whose_name_is_not_text_spoils_its_index(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        inventory.nodes.create(node(), event())
        redis.zadd("nodes", {b"\xff": 1.0})
        redis.hset(b"node:\xff", "held", "x")
        with pytest.raises(CorruptError, match=r"^nodes in Redis is not UTF-8"):
            inventory.queries.page(Query(), limit=10)
