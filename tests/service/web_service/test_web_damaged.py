"""A damaged node on the pages: a row that says so, beside all the others."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.inventory import CorruptError, Damaged, Inventory, Query
from enc.inventory.clock import redis_now
from tests.builders import event, launch, node
from tests.service.pages import LAUNCH, NAME, certnames, fill, following, page, words
from tests.service.web import problem

# How a record can be damaged, by a name for it.
HARM = {
    "an odd state": lambda redis: redis.hset("node:i-0b", "state", "canary-4f1c"),
    "no text": lambda redis: redis.hset("node:i-0b", "held", b"\xff canary-4f1c"),
    "no hash": lambda redis: (redis.delete("node:i-0b"), redis.set("node:i-0b", "canary-4f1c")),
}


@pytest.fixture
def filled(inventory: Inventory, client: FlaskClient) -> FlaskClient:
    fill(inventory)
    return client


@pytest.fixture(params=HARM)
def harmed(request: pytest.FixtureRequest, filled: FlaskClient, redis: Redis) -> FlaskClient:
    HARM[request.param](redis)
    return filled


@pytest.mark.parametrize("path", ["/nodes", "/nodes?role=web", "/nodes?q=i-0", "/roles/web"])
def test_a_damaged_node_is_a_row_that_says_so(harmed: FlaskClient, path: str) -> None:
    text = page(harmed, path)
    assert [name for name in certnames(text) if name != "db1.example.com"] == [NAME, "i-0b"]
    assert "damaged : node:i-0b in Redis holds what rolecall did not write" in words(text)
    assert "canary-4f1c" not in text


@pytest.mark.parametrize("path", ["/nodes", "/roles/web"])
def test_what_is_not_damaged_is_not_said_to_be(filled: FlaskClient, path: str) -> None:
    assert "damaged" not in words(page(filled, path))


def test_a_damaged_node_stops_no_paging(harmed: FlaskClient) -> None:
    seen: list[str] = []
    path: str | None = "/nodes?limit=1"
    while path:
        text = page(harmed, path)
        seen += certnames(text)
        path = following(text)
    assert seen == [NAME, "db1.example.com", "i-0b"]


def test_programs_get_no_list_that_lacks_one(harmed: FlaskClient) -> None:
    assert "node:i-0b" in problem(harmed.get("/v1/nodes"), 503)["detail"]


def test_a_marked_page_has_the_damaged_in_its_place(inventory: Inventory, redis: Redis) -> None:
    made = inventory.nodes.create_many((node(f"i-0{n}"), event()) for n in range(3))
    redis.hset("node:i-01", "kind", "pet")
    first, bad, last = inventory.queries.marked(Query(), limit=9).nodes
    assert (first, last) == (made[0], made[2])
    assert isinstance(bad, Damaged)
    assert bad.certname == "i-01"
    with pytest.raises(CorruptError, match=r"^node:i-01 in Redis has kind"):
        raise bad.why


@pytest.mark.parametrize("path", ["/launches", "/roles/web", "/history"])
def test_a_damaged_launch_hides_no_list_and_is_named_above_it(
    filled: FlaskClient, inventory: Inventory, redis: Redis, path: str
) -> None:
    now = redis_now(redis)
    inventory.launches.open(launch("l-00000000000000bb", opened_at=now), event())
    redis.hset("launch:l-00000000000000bb", "want", "canary-4f1c")
    text = page(filled, path)
    assert "launch:l-00000000000000bb in Redis holds what rolecall did not write" in words(text)
    assert (LAUNCH if path != "/history" else "i-0dead") in text
    assert "canary-4f1c" not in text
    assert "l-00000000000000bb in Redis" in problem(filled.get("/v1/launches"), 503)["detail"]


def test_a_damaged_end_hides_no_other(filled: FlaskClient, redis: Redis) -> None:
    redis.copy("archive:i-0dead", "archive:i-0bad")
    redis.zadd("archived", {"i-0bad": redis.zscore("archived", "i-0dead") or 0})
    redis.hset("archive:i-0bad", "launched_at", "canary-4f1c")
    text = page(filled, "/history")
    assert "archive:i-0bad in Redis holds what rolecall did not write" in words(text)
    assert "i-0dead web extra" in words(text)
    assert "canary-4f1c" not in text
    assert "archive:i-0bad" in problem(filled.get("/v1/archive"), 503)["detail"]
