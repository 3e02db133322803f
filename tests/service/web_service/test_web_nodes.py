"""/v1/nodes and /v1/roles: the inventory for other programs."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Kind, Market, Node, State
from enc.inventory import Inventory
from tests.builders import event, foreign, launch, node, role
from tests.fakes.clock import START
from tests.service.web import problem, slug

SECRET = "f" * 64


def certnames(client: FlaskClient, query: str = "") -> list[str]:
    response = client.get(f"/v1/nodes{query}")
    assert response.status_code == 200, response.text
    return [found["certname"] for found in response.get_json()["nodes"]]


def one(client: FlaskClient, name: str) -> dict[str, Any]:
    response = client.get(f"/v1/nodes/{name}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


@pytest.fixture
def fleet(inventory: Inventory) -> list[Node]:
    """Three nodes of two roles, a minute between their births."""
    inventory.roles.apply([role("web"), role("db")], event())
    born = [
        node("i-0a", private_ip="10.0.0.1", private_dns="ip-10-0-0-1.ec2.internal"),
        node("i-0b", role="db", market=Market.ON_DEMAND, private_ip="10.0.0.2"),
        foreign("db1.example.com", role="db"),
    ]
    minutes = [START + timedelta(minutes=n) for n in range(len(born))]
    asked = [
        (Node(**{**vars_of(one), "launched_at": at}), event())
        for one, at in zip(born, minutes, strict=True)
    ]
    return inventory.nodes.create_many(asked)


def vars_of(one: Node) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(one)}


class TestTheListOfNodes:
    def test_has_all_of_them_the_oldest_first(self, client: FlaskClient, fleet: list[Node]) -> None:
        assert certnames(client) == ["i-0a", "i-0b", "db1.example.com"]

    def test_of_a_store_without_nodes_is_empty(self, client: FlaskClient) -> None:
        assert client.get("/v1/nodes").get_json() == {"nodes": [], "cursor": None}

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("?role=db", ["i-0b", "db1.example.com"]),
            ("?role=nosuch", []),
            ("?state=running", ["i-0a", "i-0b"]),
            ("?market=spot", ["i-0a"]),
            ("?kind=foreign", ["db1.example.com"]),
            ("?kind=burst", []),
            ("?order=oldest", ["i-0a", "i-0b", "db1.example.com"]),
            ("?order=newest", ["db1.example.com", "i-0b", "i-0a"]),
            ("?order=newest&kind=extra&limit=1", ["i-0b"]),
            ("?market=on-demand&role=db", ["i-0b"]),
            ("?role=web&market=on-demand", []),
            ("?q=i-0", ["i-0a", "i-0b"]),
            ("?q=ip-10-0-0-1.", ["i-0a"]),
            ("?q=10.0.0.2", ["i-0b"]),
            ("?q=0.0.2", []),
            ("?q=db&role=db", ["db1.example.com"]),
            ("?q=%20DB1.Example%09", ["db1.example.com"]),
            ("?q=IP-10-0-0-1.", ["i-0a"]),
            ("?q=d%20b", []),
        ],
    )
    def test_has_those_that_fit_and_no_others(
        self, client: FlaskClient, fleet: list[Node], query: str, found: list[str]
    ) -> None:
        assert certnames(client, query) == found

    def test_comes_in_pages_that_follow_each_other(
        self, client: FlaskClient, fleet: list[Node]
    ) -> None:
        seen, cursor = [], ""
        for _ in fleet:
            page = client.get(f"/v1/nodes?limit=1{cursor}").get_json()
            seen += [found["certname"] for found in page["nodes"]]
            cursor = f"&cursor={quote(page['cursor'])}" if page["cursor"] else ""
        assert seen == ["i-0a", "i-0b", "db1.example.com"]
        assert cursor == ""

    @pytest.mark.parametrize(("limit", "count"), [("", 100), ("?limit=1000", 150)])
    def test_has_a_hundred_unless_more_are_wanted(
        self, client: FlaskClient, inventory: Inventory, limit: str, count: int
    ) -> None:
        inventory.nodes.create_many((node(f"i-{n:017x}"), event()) for n in range(150))
        assert len(certnames(client, limit)) == count

    def test_fails_whole_when_a_node_in_it_is_spoilt(
        self, client: FlaskClient, fleet: list[Node], redis: Redis
    ) -> None:
        redis.hset("node:i-0b", "state", "busy")
        assert "node:i-0b" in problem(client.get("/v1/nodes"), 503)["detail"]


class TestParameters:
    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=1e2", "limit"),
            ("limit=", "limit"),
            ("limit=%C2%B2", "limit"),
            ("limit=%D9%A3", "limit"),
            ("limit=9999999999999999999999", "limit"),
            ("limit=1&limit=2", "limit"),
            ("state=busy", "state"),
            ("state=Running", "state"),
            ("state=archived", "state"),
            ("state=", "state"),
            ("kind=pet", "kind"),
            ("kind=Fleet", "kind"),
            ("order=age", "order"),
            ("order=", "order"),
            ("order=oldest&order=newest", "order"),
            ("market=black", "market"),
            ("market=on_demand", "market"),
            ("role=", "role"),
            ("role=web&role=db", "role"),
            ("role=" + "a" * 256, "role"),
            ("q=", "q"),
            ("q=%20%09", "q"),
            ("q=" + "a" * 256, "q"),
            ("cursor=", "cursor"),
            ("cursor=x", "cursor"),
            ("cursor=%00", "cursor"),
            ("cursor=" + "W" * 500, "cursor"),
            ("cursor=" + "W" * 700, "cursor"),
            ("cursor=MTIz", "cursor"),
        ],
    )
    def test_that_cannot_be_used_are_named(
        self, client: FlaskClient, query: str, named: str
    ) -> None:
        found = problem(client.get(f"/v1/nodes?{query}"), 400)
        assert slug(found) == "bad-parameter"
        assert found["detail"].startswith(named)
        assert found["instance"] == "/v1/nodes"

    @pytest.mark.parametrize(
        ("query", "meant"),
        [
            ("rol=web", "role"),
            ("stat=ready", "state"),
            ("Limit=1", "limit"),
            ("curser=x", "cursor"),
        ],
    )
    def test_that_are_misspelt_are_told_the_nearest(
        self, client: FlaskClient, query: str, meant: str
    ) -> None:
        detail = problem(client.get(f"/v1/nodes?{query}"), 400)["detail"]
        assert f"did you mean {meant}?" in detail

    def test_that_are_like_none_are_told_all(self, client: FlaskClient) -> None:
        detail = problem(client.get("/v1/nodes?zzzz=1"), 400)["detail"]
        assert "did you mean" not in detail
        assert "role, kind, state, market, q, order, limit, cursor" in detail

    @pytest.mark.parametrize("path", ["/v1/nodes/i-0a", "/v1/roles"])
    def test_are_refused_where_there_are_none(self, client: FlaskClient, path: str) -> None:
        problem(client.get(f"{path}?role=web"), 400)

    def test_of_a_wrong_kind_are_told_what_there_is(self, client: FlaskClient) -> None:
        detail = problem(client.get("/v1/nodes?state=busy"), 400)["detail"]
        assert "pending, running, ready, draining, failed, lost, retiring" in detail
        assert "archived" not in detail


class TestOneNode:
    def test_is_shown_with_all_that_is_known_of_it(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.nodes.create(
            node(
                "i-0a",
                kind=Kind.FLEET,
                launch="l-1",
                ready_at=START,
                expires_at=START + timedelta(milliseconds=1),
                environment="staging",
                csr_key=SECRET,
                image="ami-1",
            ),
            event(),
        )
        assert one(client, "i-0a") == {
            "certname": "i-0a",
            "role": "web",
            "kind": "fleet",
            "state": "running",
            "launched_at": "2026-01-01T12:00:00.000Z",
            "state_since": "2026-01-01T12:00:00.000Z",
            "launch": "l-1",
            "instance_id": "i-0a",
            "market": "spot",
            "instance_type": "c5.large",
            "zone": "us-east-1a",
            "region": "us-east-1",
            "vpc": "vpc-1",
            "image": "ami-1",
            "spec_hash": None,
            "private_ip": None,
            "private_dns": None,
            "public_dns": None,
            "ready_at": "2026-01-01T12:00:00.000Z",
            "expires_at": "2026-01-01T12:00:00.001Z",
            "environment": "staging",
            "report_status": None,
            "report_at": None,
            "retire_step": None,
            "held": None,
            "replace_because": None,
            "rev": 1,
            "runs": [],
        }

    def test_has_every_field_of_a_node_but_the_private_one(
        self, client: FlaskClient, fleet: list[Node]
    ) -> None:
        known = {field.name for field in fields(Node)}
        assert set(one(client, "i-0a")) == known - {"csr_key"} | {"runs"}
        assert set(client.get("/v1/nodes").get_json()["nodes"][0]) == known - {"csr_key"}

    def test_never_shows_its_launchs_key(
        self, client: FlaskClient, inventory: Inventory, fleet: list[Node]
    ) -> None:
        inventory.launches.open(launch("l-1", key=SECRET), event())
        inventory.nodes.change(fleet[0], event(), launch="l-1")
        for path in ("/v1/nodes", "/v1/nodes/i-0a", "/v1/roles", "/v1/enc/i-0a"):
            assert SECRET not in client.get(path).text

    @pytest.mark.parametrize(
        "name", ["i-0a", "ip-10-0-0-1.ec2.internal", "vpc-1:10.0.0.1", "vpc-1%3A10.0.0.1"]
    )
    def test_is_found_by_certname_name_and_address(
        self, client: FlaskClient, fleet: list[Node], name: str
    ) -> None:
        assert one(client, name)["certname"] == "i-0a"

    @pytest.mark.parametrize(
        "name", ["10.0.0.1", "vpc-2:10.0.0.1", "ip-10-0-0-1", "i-0", "X", "a/b"]
    )
    def test_is_not_found_by_what_is_not_its_own(
        self, client: FlaskClient, fleet: list[Node], name: str
    ) -> None:
        assert slug(problem(client.get(f"/v1/nodes/{name}"), 404)) == "unknown-node"

    def test_is_found_by_certname_before_another_is_by_name(
        self, client: FlaskClient, inventory: Inventory, fleet: list[Node]
    ) -> None:
        inventory.nodes.create(node("i-0c", private_dns="db1.example.com"), event())
        assert one(client, "db1.example.com")["certname"] == "db1.example.com"

    def test_that_took_anothers_name_is_the_one_who_has_it(
        self, client: FlaskClient, inventory: Inventory, fleet: list[Node]
    ) -> None:
        later = START + timedelta(days=1)
        name = "ip-10-0-0-1.ec2.internal"
        inventory.nodes.create(node("i-0c", private_dns=name, launched_at=later), event())
        assert one(client, name)["certname"] == "i-0c"

    def test_that_has_ended_is_gone_with_when_and_why(
        self, client: FlaskClient, inventory: Inventory, fleet: list[Node]
    ) -> None:
        ending = inventory.nodes.change(fleet[0], event(), state=State.RETIRING)
        inventory.nodes.archive(ending, event(why="too old"))
        detail = problem(client.get("/v1/nodes/i-0a"), 410)["detail"]
        assert "2026-01-01T12:00:00.000Z" in detail
        assert "too old" in detail


class TestRoles:
    def test_are_shown_as_last_applied_with_how_many_nodes_they_have(
        self, client: FlaskClient, inventory: Inventory, fleet: list[Node]
    ) -> None:
        definition = {"classes": {"a": {"b": [1, "é"]}}, "parameters": {}}
        inventory.roles.apply([role("web", definition=definition, spec_hash="abc")], event())
        assert client.get("/v1/roles").get_json()["roles"][1] == {
            "name": "web",
            "rev": 2,
            "applied_at": "2026-01-01T12:00:00.000Z",
            "applied_by": "alice@ops",
            "spec_hash": "abc",
            "definition": definition,
            "counts": {"extra:running:spot": 1},
            "nodes": 1,
            "runs": {"none": 1},
            "oldest": "2026-01-01T12:00:00.000Z",
            "hold": None,
        }

    def test_are_none_in_a_new_store(self, client: FlaskClient) -> None:
        assert client.get("/v1/roles").get_json() == {"roles": [], "cursor": None}

    @pytest.mark.parametrize(
        ("field", "value"),
        [("definition", "{"), ("definition", "[]"), ("rev", "x"), ("applied_at", "x")],
    )
    def test_fail_whole_when_one_is_spoilt(
        self, client: FlaskClient, fleet: list[Node], redis: Redis, field: str, value: str
    ) -> None:
        redis.hset("role:web", field, value)
        assert "role:web" in problem(client.get("/v1/roles"), 503)["detail"]

    def test_fail_whole_when_the_counts_are_spoilt(
        self, client: FlaskClient, fleet: list[Node], redis: Redis
    ) -> None:
        redis.hset("fleet:web", "extra:running:spot", "many")
        assert "fleet:web" in problem(client.get("/v1/roles"), 503)["detail"]


@pytest.mark.parametrize("path", ["/v1/nodes", "/v1/nodes/i-0a", "/v1/roles", "/v1", "/readyz"])
def test_asking_changes_nothing_and_tells_nobody_to_keep_it(
    client: FlaskClient, fleet: list[Node], redis: Redis, path: str
) -> None:
    before = redis.info("persistence")["rdb_changes_since_last_save"]
    response = client.get(path)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.text)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        problem(client.open(path, method=method), 405)
    assert redis.info("persistence")["rdb_changes_since_last_save"] == before
