"""/v1/enc: who gets a classification, and what everybody else is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import ANSWERED, Kind, Market, Node, State
from enc.inventory import Inventory
from tests.builders import event, foreign, node, role
from tests.conftest import on_each_redis
from tests.service.web import app_on, problem, slug

NAME = "i-0aaaaaaaaaaaaaaa1"
CLASSES = {"role::web": {"workers": 4, "on": True}, "base": {}}


@pytest.fixture(autouse=True)
def known(inventory: Inventory) -> Node:
    """One node of role web, which has two classes."""
    apply(inventory, classes=CLASSES, parameters={"tier": "front"})
    return inventory.nodes.create(node(NAME, launch="l-1"), event())


def apply(inventory: Inventory, **definition: Any) -> None:
    inventory.roles.apply([role(definition=definition)], event())


def told(client: FlaskClient, certname: str = NAME) -> dict[str, Any]:
    response = client.get(f"/v1/enc/{certname}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = yaml.safe_load(response.text)
    return found


@on_each_redis
class TestAKnownNode:
    def test_gets_its_roles_classes_and_parameters(self, client: FlaskClient) -> None:
        found = told(client)
        assert found["classes"] == CLASSES
        assert found["parameters"]["tier"] == "front"
        assert found["parameters"]["role"] == "web"

    def test_is_told_what_it_is(self, client: FlaskClient) -> None:
        assert told(client)["parameters"]["rolecall"] == {
            "role": "web",
            "kind": "extra",
            "state": "running",
            "launch": "l-1",
            "market": "spot",
            "instance_id": NAME,
            "region": "us-east-1",
            "zone": "us-east-1a",
        }

    def test_gets_a_whole_answer_as_the_script_knows_it(self, client: FlaskClient) -> None:
        response = client.get(f"/v1/enc/{NAME}")
        lines = response.text.splitlines()
        assert lines[:2] == ["---", "classes:"]
        assert lines[2].startswith("  ")
        assert lines[-1] == f"# end {NAME}"
        assert response.content_length == len(response.data)
        assert response.content_type == "application/yaml; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"

    def test_shows_a_change_of_its_role_at_the_next_question(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        told(client)
        apply(inventory, classes={"role::new": {}})
        assert told(client)["classes"] == {"role::new": {}}

    def test_shows_a_change_of_its_own_at_the_next_question(
        self, client: FlaskClient, inventory: Inventory, known: Node
    ) -> None:
        told(client)
        inventory.nodes.change(known, event(), state=State.READY, environment="staging")
        found = told(client)
        assert found["parameters"]["rolecall"]["state"] == "ready"
        assert found["environment"] == "staging"

    def test_is_not_taken_for_another_of_its_role(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.nodes.create(foreign("db1.example.com"), event())
        assert told(client)["parameters"]["rolecall"]["instance_id"] == NAME
        assert told(client, "db1.example.com")["parameters"]["rolecall"]["kind"] == "foreign"


class TestTheEnvironment:
    def test_is_left_out_where_nobody_chose_one(self, client: FlaskClient) -> None:
        assert "environment" not in told(client)

    def test_is_the_roles(self, client: FlaskClient, inventory: Inventory) -> None:
        apply(inventory, classes=CLASSES, environment="canary")
        assert told(client)["environment"] == "canary"

    def test_is_the_nodes_own_before_the_roles(
        self, client: FlaskClient, inventory: Inventory, known: Node
    ) -> None:
        apply(inventory, classes=CLASSES, environment="canary")
        inventory.nodes.change(known, event(), environment="staging")
        assert told(client)["environment"] == "staging"


def put_in(inventory: Inventory, redis: Redis, state: State) -> None:
    """As a hand with redis-cli could: every state is tried, also those without a way there."""
    redis.hset(f"node:{NAME}", "state", state.value)


@pytest.mark.parametrize("state", sorted(ANSWERED))
def test_a_node_is_answered_while_it_lives(
    client: FlaskClient, inventory: Inventory, redis: Redis, state: State
) -> None:
    put_in(inventory, redis, state)
    assert told(client)["parameters"]["rolecall"]["state"] == state


@pytest.mark.parametrize("state", sorted(frozenset(State) - ANSWERED))
def test_a_node_is_gone_when_its_end_has_begun(
    client: FlaskClient, inventory: Inventory, redis: Redis, state: State
) -> None:
    put_in(inventory, redis, state)
    found = problem(client.get(f"/v1/enc/{NAME}"), 410)
    assert slug(found) == "ended-node"
    assert NAME in found["detail"]


def test_an_archived_node_is_gone(client: FlaskClient, inventory: Inventory, known: Node) -> None:
    ending = inventory.nodes.change(known, event(), state=State.RETIRING)
    inventory.nodes.archive(ending, event())
    assert "archived" in problem(client.get(f"/v1/enc/{NAME}"), 410)["detail"]


def test_an_unknown_node_is_not_found_and_the_answer_says_what_to_do(client: FlaskClient) -> None:
    found = problem(client.get("/v1/enc/i-0bbbbbbbbbbbbbbb2"), 404)
    assert slug(found) == "unknown-node"
    assert "provisioner assign i-0bbbbbbbbbbbbbbb2 ROLE" in found["detail"]
    assert found["instance"] == "/v1/enc/i-0bbbbbbbbbbbbbbb2"


@pytest.mark.parametrize(
    "certname",
    [
        *("", "/", "//", "a/b", "/etc/passwd", "..", "../meta", "a..b", "a%2F..%2Fb"),
        *("A", "I-0AAAAAAAAAAAAAAA1", "%00", "a%00", "a%0A", "a%0Ab", "a%20b", "%20", "a%09"),
        *("-a", ".a", "_a", "a;id", "a$(id)", "a`id`", "a'b", 'a"b', "a*", "a:b", "%FF", "%C3%A9"),
        *("%E2%80%A8", "a" * 256, "a" * 300, "%2e%2e", "a%3Fb", "a%23b", "a\\b"),
    ],
)
def test_an_impossible_certname_is_refused(client: FlaskClient, certname: str) -> None:
    found = problem(client.get(f"/v1/enc/{certname}"), 400)
    assert slug(found) == "impossible-certname"


def test_an_impossible_certname_is_not_looked_up(client: FlaskClient, redis: Redis) -> None:
    redis.config_resetstat()
    problem(client.get("/v1/enc/NODE"), 400)
    assert "cmdstat_evalsha" not in redis.info("commandstats")


@pytest.mark.parametrize("certname", ["a", "a" * 255, "0", "a.b-c_d", "i-0123456789abcdef0"])
def test_a_possible_certname_is_not_refused(client: FlaskClient, certname: str) -> None:
    assert client.get(f"/v1/enc/{certname}").status_code == 404


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"classes": {}},
        {"classes": None},
        {"classes": []},
        {"classes": ["role::web"]},
        {"classes": "role::web"},
        {"classes": {"role::web": None}},
        {"classes": {"role::web": 1}},
        {"classes": CLASSES, "parameters": []},
        {"classes": CLASSES, "parameters": "x"},
        {"classes": CLASSES, "parameters": {"role": "db"}},
        {"classes": CLASSES, "parameters": {"rolecall": {}}},
        {"classes": CLASSES, "environment": 3},
        {"classes": CLASSES, "environment": []},
        {"classes": {"role::web": {"a": float("nan")}}},
        {"classes": {"role::web": {"a": float("-inf")}}},
        {"classes": {"role::web": {"a": "\ud800"}}},
        {"classes": {"role::web": {"\udfff": "a"}}},
    ],
    ids=json.dumps,
)
def test_a_node_whose_roles_definition_is_of_no_use_is_not_classified(
    client: FlaskClient, redis: Redis, definition: dict[str, Any]
) -> None:
    told(client)
    redis.hset("role:web", "definition", json.dumps(definition))
    found = problem(client.get(f"/v1/enc/{NAME}"), 422)
    assert "web" in found["detail"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "1", "null", '"x"', '{"classes":', "[" * 100_000, "1" * 5000),
        '{"classes": {"a": {"b": ' + "[" * 40 + "]" * 40 + "}}}",
    ],
    ids=lambda text: text[:30],
)
def test_a_node_whose_roles_definition_is_broken_is_not_classified(
    client: FlaskClient, redis: Redis, text: str
) -> None:
    told(client)
    redis.hset("role:web", "definition", text)
    problem(client.get(f"/v1/enc/{NAME}"), 422)


def test_a_node_whose_role_is_gone_is_not_classified(client: FlaskClient, redis: Redis) -> None:
    told(client)
    redis.delete("role:web")
    found = problem(client.get(f"/v1/enc/{NAME}"), 422)
    assert slug(found) == "unclassifiable-node"
    assert "provisioner roles apply" in found["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("state", "busy"), ("state", ""), ("state", None), ("kind", "pet"), ("kind", None)),
        *(("market", "black"), ("role", None), ("launched_at", "yesterday"), ("launched_at", None)),
        *(("launched_at", "2026-01-01T12:00:00"), ("state_since", "0"), ("rev", "x")),
        *(("ready_at", "soon"), ("expires_at", "x"), ("report_at", "x"), ("role", "")),
    ],
)
def test_a_node_with_impossible_values_is_not_classified(
    client: FlaskClient, redis: Redis, field: str, value: str | None
) -> None:
    told(client)
    if value is None:
        redis.hdel(f"node:{NAME}", field)
    else:
        redis.hset(f"node:{NAME}", field, value)
    found = problem(client.get(f"/v1/enc/{NAME}"), 422)
    assert slug(found) in ("corrupt-value", "unclassifiable-node")
    assert NAME in found["detail"]


def test_text_that_is_no_text_is_not_classified_and_spoils_no_later_answer(
    client: FlaskClient, inventory: Inventory, redis: Redis
) -> None:
    inventory.nodes.create(foreign("db1.example.com"), event())
    redis.hset(f"node:{NAME}", "zone", b"\xff\xfe")
    problem(client.get(f"/v1/enc/{NAME}"), 422)
    assert told(client, "db1.example.com")["parameters"]["rolecall"]["kind"] == "foreign"
    redis.hset("role:web", "definition", b"\xff")
    problem(client.get("/v1/enc/db1.example.com"), 422)
    problem(client.get("/v1/enc/i-0bbbbbbbbbbbbbbb2"), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_path_only_answers_questions(client: FlaskClient, method: str) -> None:
    response = client.open(f"/v1/enc/{NAME}", method=method)
    problem(response, 405)
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_asking_changes_nothing_in_the_store(client: FlaskClient, redis: Redis) -> None:
    before = redis.info("persistence")["rdb_changes_since_last_save"]
    for path in (f"/v1/enc/{NAME}", "/v1/enc/i-0bbbbbbbbbbbbbbb2", "/v1/enc/X"):
        client.get(path)
        client.head(path)
        client.options(path)
    assert redis.info("persistence")["rdb_changes_since_last_save"] == before


def test_the_kept_answer_of_one_store_is_not_given_for_another(
    inventory: Inventory, redis: Redis
) -> None:
    """Restored to the same counters with other contents, as after a failed restore."""
    client = app_on(inventory).test_client()
    told(client)
    redis.hset("role:web", "definition", json.dumps({"classes": {"other": {}}}))
    assert told(client)["classes"] == {"other": {}}


def test_a_nodes_market_and_kind_are_told_in_the_words_of_the_model(
    client: FlaskClient, inventory: Inventory
) -> None:
    born = node("i-0c", kind=Kind.FLEET, market=Market.ON_DEMAND)
    inventory.nodes.create(born, event())
    found = told(client, "i-0c")["parameters"]["rolecall"]
    assert (found["kind"], found["market"]) == ("fleet", "on-demand")
