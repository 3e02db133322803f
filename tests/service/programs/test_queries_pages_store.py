"""Pages of nodes: nothing that stays is lost or repeated, whatever comes and goes."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Kind, Market, State
from enc.inventory import Inventory, Page, Query, StoreLostError, connect
from enc.inventory.query import Queries
from tests.builders import event, foreign, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.turns import Turns

pytestmark = on_each_redis

NAMES = [f"i-{n:017x}" for n in range(520)]
MILLISECOND = timedelta(milliseconds=1)


def pages(inventory: Inventory, query: Query, limit: int) -> Iterator[Page]:
    cursor = None
    while True:
        page = inventory.queries.page(query, limit=limit, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def certnames(found: Iterator[Page]) -> list[str]:
    return [each.certname for page in found for each in page.nodes]


@pytest.mark.parametrize("limit", [7, 499, 500])
def test_500_nodes_of_one_moment_are_paged_whole(inventory: Inventory, limit: int) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES[:500])
    assert certnames(pages(inventory, Query(), limit)) == NAMES[:500]
    assert certnames(pages(inventory, Query(newest=True), limit)) == NAMES[499::-1]


@pytest.mark.parametrize("newest", [False, True])
def test_a_page_looks_on_until_it_is_full_or_everything_was_looked_at(
    inventory: Inventory, newest: bool
) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES)
    sixteen = Query(q="i-000000000000001f", newest=newest)
    order = slice(None, None, -1 if newest else 1)
    assert certnames(pages(inventory, sixteen, 1)) == NAMES[0x1F0:0x200][order]
    for last in (NAMES[0], NAMES[-1]):
        assert certnames(pages(inventory, Query(q=last, newest=newest), 1)) == [last]


@pytest.mark.parametrize("newest", [False, True])
def test_a_page_passes_over_more_than_one_look_of_what_does_not_fit(
    inventory: Inventory, newest: bool
) -> None:
    """Every one has the prefix, which is too many to be looked up one by one."""
    names = [f"i-{n:017x}" for n in range(3100)]
    odd = {names[n] for n in (0, 999, 1000, 2050, -1)}
    inventory.nodes.create_many(
        (node(name, market=Market.ON_DEMAND if name in odd else Market.SPOT), event())
        for name in names
    )
    inventory.nodes.create_many(
        (node(f"j{name}", market=Market.ON_DEMAND), event()) for name in names
    )
    query = Query(q="i-", market=Market.ON_DEMAND, newest=newest)
    for limit in (1, 2, 5, 9):
        assert certnames(pages(inventory, query, limit)) == sorted(odd, reverse=newest)
    none = replace(query, kind=Kind.BURST)
    assert inventory.queries.page(none, limit=1) == Page((), None)


ASKED = [
    Query(),
    Query(role="web", market=Market.SPOT),
    Query(q="i-"),
    Query(kind=Kind.EXTRA),
    Query(newest=True),
    Query(newest=True, state=State.RUNNING, q="i-"),
]


@pytest.mark.parametrize("query", ASKED)
def test_what_stays_is_neither_lost_nor_repeated_while_others_come_and_go(
    inventory: Inventory, query: Query
) -> None:
    rng = random.Random(7)
    born = inventory.nodes.create_many((node(name), event()) for name in NAMES[:400:2])
    staying = {each.certname for each in born[::3]}
    going = [each for each in born if each.certname not in staying]
    coming = [node(name) for name in NAMES[1:400:2]]
    seen: list[str] = []
    for page in pages(inventory, query, 10):
        seen += [each.certname for each in page.nodes]
        for _ in range(6):
            if going:
                gone = going.pop(rng.randrange(len(going)))
                retiring = inventory.nodes.change(gone, event(), state=State.RETIRING)
                inventory.nodes.archive(retiring, event())
        for _ in range(5):
            inventory.nodes.create(coming.pop(rng.randrange(len(coming))), event())
    assert [name for name in seen if name in staying] == sorted(staying, reverse=query.newest)
    assert len(seen) == len(set(seen))


def test_a_walk_in_chunks_loses_nothing_while_another_program_archives(
    inventory: Inventory, redis_server: RedisServer
) -> None:
    inventory.nodes.create_many((node(name, state=State.RETIRING), event()) for name in NAMES)
    over = threading.Event()
    going = NAMES[:200:2]

    def archive() -> None:
        mine = Inventory.on(connect(redis_server.url, timeout=5))
        for name in going:
            if not over.is_set():
                mine.nodes.archive(replace(node(name, state=State.RETIRING), rev=1), event())
        mine.redis.close()

    archiving = threading.Thread(target=archive)
    archiving.start()
    try:
        staying = [name for name in NAMES if name not in set(going)]
        while archiving.is_alive():
            seen = [each.certname for each in inventory.queries.every(Query(q="i-"))]
            assert [name for name in seen if name not in set(going)] == staying
            seen = certnames(pages(inventory, Query(), 400))
            assert [name for name in seen if name not in set(going)] == staying
    finally:
        over.set()
        archiving.join()


@pytest.mark.parametrize("at", [1, 2, 17, 39])
def test_among_many_of_one_moment_the_node_at_the_cursor_may_be_gone_or_younger_now(
    inventory: Inventory, at: int
) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES[:40])
    first = inventory.queries.page(Query(), limit=at)
    *_, gone = first.nodes
    moved = inventory.nodes.change(gone, event(), launched_at=START + MILLISECOND)
    second = inventory.queries.page(Query(), limit=100, cursor=first.cursor)
    assert [each.certname for each in second.nodes] == [*NAMES[at:40], gone.certname]
    retiring = inventory.nodes.change(moved, event(), state=State.RETIRING)
    inventory.nodes.archive(retiring, event())
    second = inventory.queries.page(Query(), limit=100, cursor=first.cursor)
    assert [each.certname for each in second.nodes] == NAMES[at:40]


def test_our_own_cursors_fit_into_a_url(inventory: Inventory) -> None:
    for certname in ("a" * 255, "b" * 254):
        inventory.nodes.create(foreign(certname), event())
    cursor = inventory.queries.page(Query(), limit=1).cursor
    assert cursor is not None
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert len(cursor) < 400
    [last] = inventory.queries.page(Query(), limit=1, cursor=cursor).nodes
    assert last.certname == "b" * 254


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_at_least_one_place(inventory: Inventory, limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be at least 1"):
        inventory.queries.page(Query(), limit=limit)


def test_a_walk_that_meets_the_loss_says_so(inventory: Inventory, redis: Redis) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES[:600])
    walk = inventory.queries.every(Query())
    next(walk)
    redis.flushall()
    with pytest.raises(StoreLostError):
        list(walk)


def test_a_page_is_one_round_trip_however_many_nodes_there_are(
    inventory: Inventory, redis_server: RedisServer
) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES)
    client = connect(redis_server.url, timeout=5)
    turns = Turns(client)
    queries = Queries(client)
    cursor = queries.page(Query(role="web", market=Market.SPOT), limit=50).cursor
    before = turns.count
    assert len(queries.page(Query(), limit=100, cursor=cursor).nodes) == 100
    assert turns.count - before == 1
