"""Lists of nodes: filters, prefixes, and pages that neither lose nor repeat while nodes move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Kind, Market, Node, State
from enc.inventory import (
    BadCursorError,
    CorruptError,
    Inventory,
    Page,
    Query,
    StoreLostError,
)
from tests.builders import event, foreign, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START

pytestmark = on_each_redis

NAMES = [f"i-{n:017x}" for n in range(620)]
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def fleet(inventory: Inventory) -> list[Node]:
    """24 nodes: every combination of 2 roles, 3 states and 2 markets twice, the last born first.

    The first twelve are of a fleet, the others extra.
    """
    kinds = [
        {"role": role, "state": state, "market": market}
        for role in ("web", "db")
        for state in (State.PENDING, State.RUNNING, State.READY)
        for market in Market
    ]
    asked = [
        node(
            name,
            launched_at=START - n * MILLISECOND,
            kind=Kind.FLEET if n < len(kinds) else Kind.EXTRA,
            **kind,
        )
        for n, (name, kind) in enumerate(zip(NAMES, kinds * 2, strict=False))
    ]
    inventory.nodes.create(foreign(launched_at=START + MILLISECOND, role="db"), event())
    return inventory.nodes.create_many((each, event()) for each in asked)


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


QUERIES = [
    Query(),
    Query(role="web"),
    Query(state=State.READY),
    Query(market=Market.SPOT),
    Query(role="web", state=State.READY),
    Query(role="db", market=Market.ON_DEMAND),
    Query(state=State.PENDING, market=Market.SPOT),
    Query(role="web", state=State.RUNNING, market=Market.SPOT),
    Query(role="none"),
    Query(role="web", state=State.LOST),
    Query(q="i-"),
    Query(q="i-0000000000000000a"),
    Query(q="db1."),
    Query(q="nothing"),
    Query(role="db", q="db1"),
    Query(role="web", q="db1"),
    Query(kind=Kind.FLEET),
    Query(kind=Kind.BURST),
    Query(kind=Kind.FOREIGN, role="db"),
    Query(kind=Kind.EXTRA, state=State.READY, market=Market.SPOT, q="i-0"),
]


@pytest.mark.parametrize("newest", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_has_exactly_the_nodes_that_it_asks_for_by_age(
    inventory: Inventory, fleet: list[Node], query: Query, newest: bool
) -> None:
    query = replace(query, newest=newest)

    def asked_for(each: Node) -> bool:
        names = ("role", "kind", "state", "market")
        wanted = {name: getattr(query, name) for name in names if getattr(query, name) is not None}
        fits = all(getattr(each, name) == value for name, value in wanted.items())
        return fits and each.certname.startswith(query.q or "")

    everyone = [*reversed(fleet), *inventory.nodes.many(["db1.example.com"])]
    expected = [each for each in everyone if asked_for(each)]
    if newest:
        expected.reverse()
    assert list(inventory.queries.every(query)) == expected
    for limit in (1, 3, 24, 1000):
        found = list(pages(inventory, query, limit))
        assert [each for page in found for each in page.nodes] == expected
        assert len(found) == max(1, -(-len(expected) // limit))


@pytest.mark.parametrize(
    "q", ["i-0123", "ip-10-0-0-7.", "ec2-7", "10.0.0.7", "i-0123456789abcdef7"]
)
def test_a_prefix_may_be_of_the_certname_a_name_or_the_address(
    inventory: Inventory, q: str
) -> None:
    named = node(
        "i-0123456789abcdef7",
        private_dns="ip-10-0-0-7.ec2.internal",
        public_dns="ec2-7.example",
        private_ip="10.0.0.7",
    )
    born = inventory.nodes.create(named, event())
    inventory.nodes.create(foreign(private_dns="x10.0.0.7"), event())
    assert inventory.queries.page(Query(q=q), limit=9).nodes == (born,)


@pytest.mark.parametrize("newest", [False, True])
def test_a_cursor_of_one_order_is_none_of_the_other(
    inventory: Inventory, fleet: list[Node], newest: bool
) -> None:
    cursor = inventory.queries.page(Query(newest=newest), limit=5).cursor
    with pytest.raises(BadCursorError, match="of this one in another order"):
        inventory.queries.page(Query(newest=not newest), limit=5, cursor=cursor)


@pytest.mark.parametrize("newest", [False, True])
def test_a_cursor_goes_on_at_its_place_under_another_filter(
    inventory: Inventory, fleet: list[Node], newest: bool
) -> None:
    first = inventory.queries.page(Query(newest=newest), limit=11)
    web = Query(role="web", newest=newest)
    rest = inventory.queries.page(web, limit=100, cursor=first.cursor).nodes
    met = {each.certname for each in first.nodes}
    everyone = inventory.queries.page(web, limit=100).nodes
    assert list(rest) == [each for each in everyone if each.certname not in met]


def test_a_prefix_is_looked_for_in_what_is_so_now(inventory: Inventory) -> None:
    each = inventory.nodes.create(node(private_dns="old.example", private_ip="10.0.0.7"), event())
    each = inventory.nodes.change(each, event(), private_dns="new.example")

    def found(q: str) -> int:
        return len(inventory.queries.page(Query(q=q), limit=9).nodes)

    assert (found("old."), found("new."), found("10.0.0.7"), found(each.certname)) == (0, 1, 1, 1)
    inventory.nodes.archive(inventory.nodes.change(each, event(), state=State.RETIRING), event())
    assert (found("new."), found("10.0.0.7"), found(each.certname)) == (0, 0, 0)


def test_a_node_is_found_once_whatever_of_it_begins_so(inventory: Inventory) -> None:
    born = inventory.nodes.create(
        foreign("db1.example.com", private_dns="db1.example.com", public_dns="db1.example"),
        event(),
    )
    for newest in (False, True):
        assert inventory.queries.page(Query(q="db1", newest=newest), limit=1) == Page((born,), None)


@pytest.mark.parametrize("q", ["i-0000000000000000a i-", f"{NAMES[0]} ", " ", "\xff", "é", "\0"])
def test_a_prefix_does_not_reach_into_how_texts_are_kept(
    inventory: Inventory, fleet: list[Node], q: str
) -> None:
    assert inventory.queries.page(Query(q=q), limit=9).nodes == ()


def test_an_empty_prefix_is_no_prefix(inventory: Inventory, fleet: list[Node]) -> None:
    assert inventory.queries.total() == len(fleet) + 1
    assert len(inventory.queries.page(Query(q=""), limit=100).nodes) == len(fleet) + 1


def test_a_prefix_is_no_pattern(inventory: Inventory, fleet: list[Node]) -> None:
    for q in ("*", "i?", "[i]", "^i", ".", "%", "i-0*"):
        assert list(inventory.queries.every(Query(q=q))) == []


def test_the_node_at_the_cursor_may_be_gone(inventory: Inventory, fleet: list[Node]) -> None:
    first = inventory.queries.page(Query(role="web"), limit=5)
    last = inventory.nodes.change(first.nodes[-1], event(), state=State.RETIRING)
    inventory.nodes.archive(last, event())
    second = inventory.queries.page(Query(role="web"), limit=5, cursor=first.cursor)
    expected = [each for each in reversed(fleet) if each.role == "web"]
    assert list(second.nodes) == expected[5:10]


def test_a_node_is_shown_as_it_is_and_not_as_the_index_was(inventory: Inventory) -> None:
    for each in inventory.nodes.create_many((node(name), event()) for name in NAMES[:50]):
        inventory.nodes.change(each, event(), state=State.READY)
    assert {n.state for n in inventory.queries.every(Query(state=State.READY))} == {State.READY}
    assert list(inventory.queries.every(Query(state=State.RUNNING))) == []


def test_a_store_that_is_lost_between_two_pages_is_not_at_its_end(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    cursor = inventory.queries.page(Query(), limit=5).cursor
    walk = inventory.queries.every(Query())
    next(walk)
    redis.flushall()
    for act in (
        lambda: inventory.queries.page(Query(), limit=5, cursor=cursor),
        lambda: inventory.queries.page(Query(role="web"), limit=5),
        lambda: list(inventory.queries.every(Query())),
        inventory.queries.total,
    ):
        with pytest.raises(StoreLostError):
            act()


def test_texts_of_the_wrong_type_are_named(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    redis.set("nodes:texts", "text")
    assert inventory.queries.page(Query(), limit=100).cursor is None
    with pytest.raises(CorruptError, match=r"^nodes:texts in Redis has a value of the wrong"):
        inventory.queries.page(Query(q="i"), limit=100)


@pytest.mark.parametrize("key", ["nodes:role:web", "nodes:state:ready", f"node:{NAMES[3]}"])
def test_a_value_of_the_wrong_type_is_named(
    inventory: Inventory, fleet: list[Node], redis: Redis, key: str
) -> None:
    redis.delete(key)
    redis.set(key, "text")
    whole = Query() if key.startswith("node:") else Query(role="web", state=State.READY)
    for query in (whole, replace(whole, q="i"), replace(whole, kind=Kind.FLEET, newest=True)):
        with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
            inventory.queries.page(query, limit=100)


def test_a_node_that_cannot_be_read_is_named_and_not_left_out(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    redis.hset(f"node:{NAMES[3]}", "kind", "pet")
    with pytest.raises(CorruptError, match=f"^node:{NAMES[3]} in Redis has kind"):
        inventory.queries.page(Query(), limit=100)


def test_an_index_entry_without_its_node_is_passed_over(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    redis.delete(f"node:{NAMES[3]}")
    assert len(certnames(pages(inventory, Query(), 5))) == len(fleet)


def test_a_page_has_every_text_as_it_was_written(inventory: Inventory) -> None:
    odd = 'a"b\\c/d\x00\x01\x1f\x7f\n\r\t é \u2028 \U0001f600 </script> [] {}'
    born = inventory.nodes.create(node(held=odd, environment="[]", replace_because="\x7f"), event())
    assert inventory.queries.page(Query(), limit=9).nodes == (born,)
    every = inventory.queries.everything()
    assert (every.nodes, every.spoilt) == ({born.certname: born}, {})


def test_a_node_whose_text_is_not_utf_8_is_named(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    redis.hset(f"node:{NAMES[3]}", "held", b"\xff\xfe")
    with pytest.raises(CorruptError, match=f"^node:{NAMES[3]} in Redis"):
        inventory.queries.page(Query(), limit=100)


def test_a_search_in_a_store_of_before_its_index_looks_at_every_node(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    wanted = fleet[0]
    redis.delete("nodes:texts")
    found = inventory.queries.page(Query(q=wanted.certname), limit=10).nodes
    assert wanted.certname in {node.certname for node in found}


def test_a_change_of_a_node_brings_it_back_into_the_index(
    inventory: Inventory, fleet: list[Node], redis: Redis
) -> None:
    redis.delete("nodes:texts")
    inventory.nodes.change(fleet[0], event("held"), held="why")
    assert any(
        text.endswith(f" {fleet[0].certname}") for text in redis.zrange("nodes:texts", 0, -1)
    )
