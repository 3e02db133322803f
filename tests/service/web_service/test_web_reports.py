"""POST /v1/reports: what is taken, and what is refused for good or for now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from enc.domain.model import State
from enc.inventory import Inventory
from tests.builders import event, node
from tests.conftest import begin
from tests.fakes.clock import START
from tests.service.invariants import dump
from tests.service.web import app_on, client_of, problem, slug
from tests.summaries import body, report, summary

NODE = "i-0aaaaaaaaaaaaaaa1"
SECRET = "hunter2"
OUTCOME = "rolecall_reports_total"


@pytest.fixture
def ours(inventory: Inventory) -> Inventory:
    inventory.nodes.create(node(NODE, state=State.PENDING), event())
    return inventory


def post(client: FlaskClient, sent: bytes, kind: str = "application/json") -> TestResponse:
    return client.post("/v1/reports", data=sent, content_type=kind)


def counted(client: FlaskClient, outcome: str) -> bool:
    return f'{OUTCOME}{{outcome="{outcome}"}} 1.0' in client.get("/metrics").text


def one(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/nodes/{NODE}").get_json()
    return found


def test_a_report_is_taken_with_nothing_to_say(ours: Inventory, client: FlaskClient) -> None:
    answer = post(client, body(NODE))

    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Type" not in answer.headers
    assert counted(client, "taken")


def test_what_was_taken_is_shown(ours: Inventory, client: FlaskClient) -> None:
    post(client, body(NODE))
    post(client, body(NODE, time=START + timedelta(hours=1), status="failed", errors=["no"]))

    found = one(client)

    assert (found["state"], found["report_status"]) == ("ready", "failed")
    assert found["report_at"] == "2026-01-01T13:00:00.000Z"
    assert [run["status"] for run in found["runs"]] == ["changed", "failed"]
    kept = {k: v for k, v in summary(NODE).items() if k not in ("version", "certname")}
    assert found["runs"][0] == kept
    assert found["runs"][1]["errors"] == ["no"]
    [listed] = client.get("/v1/nodes").get_json()["nodes"]
    assert (listed["report_status"], "runs" in listed) == ("failed", False)


def test_one_that_comes_again_is_answered_as_taken_and_counted_as_old(
    ours: Inventory, client: FlaskClient, redis: Redis
) -> None:
    post(client, body(NODE))
    before = dump(redis)

    assert post(client, body(NODE)).status_code == 204
    assert dump(redis) == before
    assert counted(client, "taken")
    assert counted(client, "old")


def test_the_kind_may_say_its_encoding(ours: Inventory, client: FlaskClient) -> None:
    assert post(client, body(NODE), "application/json; charset=utf-8").status_code == 204


def padded(size: int) -> bytes:
    """A lawful report of this size: what is between the parts of JSON counts too."""
    return body(NODE) + b" " * (size - len(body(NODE)))


REFUSED = [
    pytest.param(b"", 400, "bad-report", id="nothing"),
    pytest.param(SECRET.encode(), 400, "bad-report", id="no JSON"),
    pytest.param(b"\xff" * 100, 400, "bad-report", id="bytes"),
    pytest.param(b"[]", 400, "bad-report", id="no map"),
    pytest.param(b"{}", 400, "bad-report", id="empty"),
    pytest.param(body(NODE) * 2, 400, "bad-report", id="two"),
    pytest.param(body(f"../{SECRET}"), 400, "bad-report", id="a path for a name"),
    pytest.param(body(NODE, status=SECRET), 400, "bad-report", id="a status that is none"),
    pytest.param(padded(8193), 413, "report-too-large", id="a byte too much"),
    pytest.param(b"x" * 2**16, 413, "report-too-large", id="64 KiB"),
    pytest.param(b"x" * 2**20, 413, "report-too-large", id="a megabyte"),
    pytest.param(body("i-0aaaaaaaaaaaaaaa9"), 404, "unknown-node", id="unknown"),
]


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(("sent", "status", "kind"), REFUSED)
def test_what_is_refused_is_told_why_and_counted_and_leaves_nothing(
    client: FlaskClient, redis: Redis, sent: bytes, status: int, kind: str
) -> None:
    before = dump(redis)

    found = problem(post(client, sent), status)

    assert slug(found) == kind
    assert SECRET not in str(found)
    assert dump(redis) == before
    assert counted(client, kind)


def test_the_largest_report_is_not_too_large(ours: Inventory, client: FlaskClient) -> None:
    assert post(client, padded(8192)).status_code == 204


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_not_said_to_be_json_is_refused(
    ours: Inventory, client: FlaskClient, kind: str
) -> None:
    assert slug(problem(post(client, body(NODE), kind), 415)) == "not-json"
    assert one(client)["runs"] == []


def test_a_machine_that_has_ended_is_gone_and_one_that_is_ending_is_not(
    ours: Inventory, client: FlaskClient
) -> None:
    born = ours.nodes.get(NODE)
    assert born is not None
    ending = ours.nodes.change(born, event(), state=State.RETIRING)
    assert post(client, body(NODE)).status_code == 204
    assert one(client)["state"] == "retiring"
    now = ours.nodes.get(NODE)
    assert now is not None
    assert now.rev == ending.rev + 1
    ours.nodes.archive(now, event("archived"))

    found = problem(post(client, body(NODE, time=START + timedelta(days=1))), 410)

    assert slug(found) == "ended-node"
    assert counted(client, "ended-node")


def test_asking_is_no_way_to_report(ours: Inventory, client: FlaskClient) -> None:
    assert client.get("/v1/reports").status_code == 405


# What is spoilt of one node is that node's; what is everybody's, the shipper waits for.


@pytest.mark.parametrize(
    ("key", "status", "kind"),
    [
        (f"node:{NODE}", 422, "corrupt-value"),
        (f"runs:{NODE}", 422, "corrupt-value"),
        (f"life:{NODE}", 422, "corrupt-value"),
        ("events", 503, "store-corrupt"),
        ("fleet:web", 422, "corrupt-value"),
        ("nodes:state:pending", 503, "store-corrupt"),
        ("role:web", 422, "corrupt-value"),
        ("meta", 503, "store-corrupt"),
    ],
)
@pytest.mark.usefixtures("ours")
def test_a_spoilt_key_is_named_and_is_its_nodes_or_everybodys(
    client: FlaskClient, redis: Redis, key: str, status: int, kind: str
) -> None:
    redis.delete(key)
    redis.sadd(key, SECRET)

    found = problem(post(client, body(NODE)), status)

    assert slug(found) == kind
    assert key in found["detail"]
    assert SECRET not in str(found)
    assert counted(client, kind)


def test_a_garbled_field_is_its_nodes(ours: Inventory, client: FlaskClient, redis: Redis) -> None:
    redis.hset(f"node:{NODE}", "state", "reddy")

    assert slug(problem(post(client, body(NODE)), 422)) == "corrupt-value"


def test_runs_that_are_garbled_are_named_when_the_node_is_shown(
    ours: Inventory, client: FlaskClient, redis: Redis
) -> None:
    redis.rpush(f"runs:{NODE}", SECRET)

    found = problem(client.get(f"/v1/nodes/{NODE}"), 422)
    assert f"runs:{NODE}" in found["detail"]
    assert SECRET not in str(found)


def test_a_lost_store_is_no_answer(redis: Redis, client: FlaskClient) -> None:
    redis.flushall()

    assert slug(problem(post(client, body(NODE)), 503)) == "store-lost"
    assert counted(client, "store-lost")


def test_another_sites_store_is_no_answer(new_store: Inventory) -> None:
    begin(new_store, site="elsewhere")
    client = app_on(new_store, site="here").test_client()

    assert slug(problem(post(client, body(NODE)), 503)) == "other-site"


def test_a_store_that_is_away_is_no_answer_and_counted() -> None:
    client = client_of("redis://127.0.0.1:1/0")

    assert slug(problem(post(client, body(NODE)), 503)) == "store-unavailable"
    assert counted(client, "store-unavailable")


def test_a_good_report_of_a_lost_machine_is_kept_but_moves_it_not(
    inventory: Inventory, client: FlaskClient
) -> None:
    inventory.nodes.create(node(NODE, state=State.LOST), event())

    post(client, body(NODE))

    assert (one(client)["state"], one(client)["report_status"]) == ("lost", "changed")
    assert inventory.reports.runs(NODE) == [report(NODE)]
