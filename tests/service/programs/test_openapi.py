"""/v1/openapi.json says what the service does: every path is asked by it, rightly and wrongly."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from jsonschema import Draft202012Validator
from redis import Redis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from enc.domain.model import Attempt, Hold, LaunchState, Market, State
from enc.inventory import Inventory, connect
from enc.web.operations import OPERATIONS
from tests.builders import event, foreign, launch, node, role
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.web import app_on
from tests.summaries import report

EXAMPLES = 40
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
NODE, ENDED, LAUNCH = "i-00000000000000001", "i-00000000000000002", "l-00000000000000aa"


def fill(inventory: Inventory) -> None:
    """Something of everything, also what is mostly absent."""
    inventory.roles.apply([role("web"), role("db", spec_hash="abc")], event())
    inventory.holds.put(Hold(role="web", why="w", since=START, by="a", nodes=("i-0",)), event())
    inventory.launches.open(launch(LAUNCH), event())
    refused = ("spot:c5.large:us-east-1a", "InsufficientInstanceCapacity", "no")
    attempt = Attempt(number=1, at=START, market=Market.SPOT, wanted=2, answers=(refused,))
    inventory.launches.record_attempt(LAUNCH, attempt, event())
    inventory.launches.close(LAUNCH, LaunchState.PARTIAL, event(why="no capacity"))
    inventory.nodes.create(node(NODE, launch=LAUNCH, private_dns="a.example"), event())
    inventory.reports.take(report(NODE), site="default", who="test")
    inventory.nodes.create(foreign("db1.example.com", held="é\x1b[31m"), event())
    born = inventory.nodes.create(node(ENDED, expires_at=START + timedelta(hours=1)), event())
    retiring = inventory.nodes.change(born, event(), state=State.RETIRING)
    inventory.nodes.archive(retiring, event(why="too old"))


@pytest.fixture(scope="module")
def service(redis_client: Redis) -> Flask:
    """Asking changes nothing, so one store serves for all examples."""
    redis_client.flushall()
    inventory = Inventory.on(redis_client)
    begin(inventory)
    fill(inventory)
    return app_on(inventory)


@pytest.fixture(scope="module")
def api_schema(service: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", service)


SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def asked_by(api_schema: Any, path: str, mode: GenerationMode, check: Any) -> None:
    """Requests as the description has them, or as it has them not."""

    @SETTINGS
    @hypothesis.given(case=api_schema[path]["GET"].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # Nobody but the service can make a cursor, and two places at once are refused.
        made_up = {"cursor", "before"} & (case.query or {}).keys()
        case.call_and_validate(checks=[*CHECKS, *([] if made_up else [check])])

    ask()


@pytest.mark.parametrize("path", [one.path for one in OPERATIONS])
def test_what_the_description_allows_is_answered_as_it_says(api_schema: Any, path: str) -> None:
    asked_by(api_schema, path, GenerationMode.POSITIVE, positive_data_acceptance)


@pytest.mark.parametrize("path", [one.path for one in OPERATIONS if one.parameters])
def test_what_the_description_does_not_allow_is_refused(api_schema: Any, path: str) -> None:
    asked_by(api_schema, path, GenerationMode.NEGATIVE, negative_data_rejection)


@pytest.mark.parametrize(
    ("path", "places", "query"),
    [
        ("/v1/nodes", {}, {}),
        ("/v1/nodes", {}, {"limit": 1, "order": "newest"}),
        ("/v1/nodes/{name}", {"name": NODE}, {}),
        ("/v1/nodes/{name}", {"name": "db1.example.com"}, {}),
        ("/v1/nodes/{name}/explain", {"name": NODE}, {}),
        ("/v1/nodes/{name}/explain", {"name": "db1.example.com"}, {}),
        ("/v1/nodes/{name}/explain", {"name": ENDED}, {}),
        ("/v1/roles", {}, {}),
        ("/v1/roles/{name}", {"name": "web"}, {}),
        ("/v1/roles/{name}", {"name": "db"}, {}),
        ("/v1/launches", {}, {}),
        ("/v1/launches/{id}", {"id": LAUNCH}, {}),
        ("/v1/events", {}, {}),
        ("/v1/events", {}, {"after": "0"}),
        ("/v1/archive", {}, {}),
        ("/v1/discovery/prometheus", {}, {"port": 9100}),
        ("/v1/discovery/prometheus", {}, {"role": "web", "port": 1}),
        ("/v1/discovery/ansible", {}, {}),
        ("/v1/discovery/ansible", {}, {"role": "web"}),
        ("/v1/discovery/nagios", {}, {}),
    ],
)
def test_what_is_there_is_of_the_shape_that_is_described(
    api_schema: Any, path: str, places: dict[str, str], query: dict[str, Any]
) -> None:
    case = api_schema[path]["GET"].Case(path_parameters=places, query=query)
    found = case.call_and_validate(checks=CHECKS)
    assert found.status_code == 200
    # A list or map of nothing would be of any shape.
    said = found.json() if "json" in found.headers["content-type"][0] else found.text
    if isinstance(said, str):
        assert "define host" in said
        return
    assert all(said) if isinstance(said, list) else any(said.values())
    assert said


def test_one_that_has_ended_is_described(api_schema: Any) -> None:
    case = api_schema["/v1/nodes/{name}"]["GET"].Case(path_parameters={"name": ENDED})
    assert case.call_and_validate(checks=CHECKS).status_code == 410


@pytest.mark.parametrize("path", [one.path for one in OPERATIONS])
def test_a_lost_store_is_described(redis_server: RedisServer, path: str) -> None:
    empty = connect(f"{redis_server.url.removesuffix('/0')}/1", timeout=5)
    app = app_on(Inventory.on(empty))
    lost = schemathesis.openapi.from_wsgi("/v1/openapi.json", app)
    case = lost[path]["GET"].Case(path_parameters={"name": NODE, "id": LAUNCH}, query={})
    assert case.call_and_validate(checks=CHECKS[1:]).status_code == 503
    empty.close()


def test_the_description_is_openapi_3_1(service: Flask) -> None:
    found = document(service)
    assert found["openapi"] == "3.1.0"
    for name, schema in found["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False, name
    ids = [path["get"]["operationId"] for path in found["paths"].values()]
    assert len(ids) == len(set(ids))


def test_the_description_has_every_path_that_answers_in_json_and_no_other(service: Flask) -> None:
    own = {"/v1/", "/v1/openapi.json", "/v1/enc/<certname>", "/v1/enc/<anything:certname>"}
    rules = {
        str(rule)
        for rule in service.url_map.iter_rules()
        if rule.methods and "GET" in rule.methods and str(rule).startswith("/v1/")
    }
    described = {re.sub(r"\{[a-z]+\}", "<path:name>", path) for path in document(service)["paths"]}
    assert rules - own == described


def test_parameters_are_described_as_they_are_read(service: Flask) -> None:
    """One by one: the bounds, and what lies just beyond them."""
    client = service.test_client()
    paths = document(service)["paths"]
    for path, methods in paths.items():
        for one in methods["get"]["parameters"]:
            schema = one["schema"]
            if schema["type"] == "integer":
                for number in (schema["minimum"], schema["maximum"]):
                    assert client.get(f"{path}?{one['name']}={number}").status_code == 200
                for number in (schema["minimum"] - 1, schema["maximum"] + 1):
                    assert client.get(f"{path}?{one['name']}={number}").status_code == 400
            for text in schema.get("enum", ()):
                assert client.get(f"{path}?{one['name']}={text}").status_code == 200


def document(service: Flask) -> dict[str, Any]:
    found: dict[str, Any] = service.test_client().get("/v1/openapi.json").get_json()
    return found
