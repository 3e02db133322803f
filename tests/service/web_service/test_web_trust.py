"""POST /v1/autosign: yes for our machines, and for all else no and why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.trust import password
from enc.inventory import Inventory
from enc.inventory.clock import redis_now
from tests.builders import event, launch, node
from tests.conftest import begin
from tests.csrs import ec_key, request
from tests.service.web import app_on, problem, slug

NODE = "i-0aaaaaaaaaaaaaaa1"
KEY = "5e" * 32
GOOD = request(NODE, password(KEY, NODE), key=ec_key())
STRANGERS = request(NODE, "0" * 64, key=ec_key())


@pytest.fixture
def ours(inventory: Inventory, redis: Redis) -> Inventory:
    now = redis_now(redis)
    inventory.launches.open(
        launch(key=KEY, opened_at=now, key_expires=now + timedelta(hours=1)), event()
    )
    inventory.nodes.create(node(NODE, launch="l-00000000000000aa"), event())
    return inventory


def test_a_machine_of_ours_is_signed(ours: Inventory, client: FlaskClient) -> None:
    answer = client.post(f"/v1/autosign/{NODE}", data=GOOD)

    assert (answer.status_code, answer.text) == (200, f"sign {NODE}\n")
    assert answer.content_type.startswith("text/plain")
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_stranger_is_refused_and_told_why_but_no_secret(
    ours: Inventory, client: FlaskClient
) -> None:
    found = problem(client.post(f"/v1/autosign/{NODE}", data=STRANGERS), 403)

    assert slug(found) == "csr-refused"
    assert "password is not this machine's" in found["detail"]
    assert password(KEY, NODE) not in str(found)


def test_a_name_with_path_parts_is_impossible(ours: Inventory, client: FlaskClient) -> None:
    for name in ("../../x", "a//b", "", "%2e%2e"):
        found = problem(client.post(f"/v1/autosign/{name}", data=GOOD), 400)
        assert slug(found) == "impossible-certname"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 403, id="nothing"),
        pytest.param(b"x" * 2**20, 413, id="a megabyte"),
        pytest.param(b"\xff\xfe\x00", 403, id="bytes"),
        pytest.param(GOOD + GOOD, 403, id="two requests"),
    ],
)
def test_what_is_no_request_is_a_clear_no(
    ours: Inventory, client: FlaskClient, body: bytes, status: int
) -> None:
    problem(client.post(f"/v1/autosign/{NODE}", data=body), status)


def test_asking_without_a_request_is_no_way_to_look(ours: Inventory, client: FlaskClient) -> None:
    assert client.get(f"/v1/autosign/{NODE}").status_code == 405


def test_a_lost_store_is_no_answer(redis: Redis, client: FlaskClient) -> None:
    redis.flushall()

    assert slug(problem(client.post(f"/v1/autosign/{NODE}", data=GOOD), 503)) == "store-lost"


def test_another_sites_store_is_no_answer(new_store: Inventory) -> None:
    begin(new_store, site="elsewhere")
    client = app_on(new_store, site="here").test_client()

    assert slug(problem(client.post(f"/v1/autosign/{NODE}", data=GOOD), 503)) == "other-site"


def test_a_garbled_node_is_named(ours: Inventory, redis: Redis, client: FlaskClient) -> None:
    redis.hset(f"node:{NODE}", "state", "reddy")

    found = problem(client.post(f"/v1/autosign/{NODE}", data=GOOD), 422)
    assert f"node:{NODE}" in found["detail"]


def test_verdicts_are_counted_by_their_reason(ours: Inventory, client: FlaskClient) -> None:
    for body in (GOOD, GOOD, STRANGERS):
        client.post(f"/v1/autosign/{NODE}", data=body)

    counted = client.get("/metrics").text
    assert 'rolecall_csr_verdicts_total{reason="ours"} 1.0' in counted
    assert 'rolecall_csr_verdicts_total{reason="ours-again"} 1.0' in counted
    assert 'rolecall_csr_verdicts_total{reason="wrong-password"} 1.0' in counted
