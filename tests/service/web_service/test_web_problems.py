"""Whatever goes wrong is a problem document, and says no more than it should."""

from __future__ import annotations

import json
import logging

import pytest
from flask import request
from flask.testing import FlaskClient

from enc.inventory import Inventory, StoreUnavailableError
from enc.web.documents import raw_problem
from tests.service.web import app_on, problem

WORDS = "the-words-of-an-error"


@pytest.fixture
def failing(inventory: Inventory) -> FlaskClient:
    """The service with routes that go wrong in ways of their own."""
    app = app_on(inventory)

    @app.get("/fails")
    def fails() -> str:
        raise KeyError(WORDS)

    @app.get("/store")
    def store() -> str:
        raise StoreUnavailableError("Redis is out")

    @app.post("/reads")
    def reads() -> str:
        return request.get_data(as_text=True)

    @app.get("/field")
    def field() -> str:
        return request.args[WORDS]

    return app.test_client()


@pytest.mark.parametrize(
    "path",
    ["/nosuch", "/v1/enc", "/v2/enc/x", "/v1/nodes/", "/v1//roles", "/%00"],
)
def test_a_path_that_is_not_there_says_where_to_look(client: FlaskClient, path: str) -> None:
    assert "see /" in problem(client.get(path), 404)["detail"]


def test_a_method_that_is_not_taken_comes_with_those_that_are(client: FlaskClient) -> None:
    response = client.delete("/v1/roles")
    problem(response, 405)
    assert "GET" in response.headers["Allow"]


def test_an_error_of_ours_tells_the_client_nothing_of_itself(failing: FlaskClient) -> None:
    response = failing.get("/fails")
    problem(response, 500)
    assert WORDS not in response.text
    assert "KeyError" not in response.text


def test_an_error_of_ours_is_in_the_log(
    failing: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    failing.get("/fails")
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_an_error_of_the_store_in_any_route_is_told_as_such(failing: FlaskClient) -> None:
    assert "Redis is out" in problem(failing.get("/store"), 503)["detail"]


def test_a_body_that_is_too_large_is_not_read(failing: FlaskClient) -> None:
    problem(failing.post("/reads", data=b"x" * 100_000), 413)


def test_a_body_that_is_not_too_large_is_read(failing: FlaskClient) -> None:
    assert failing.post("/reads", data=b"x" * 1000).text == "x" * 1000


def test_an_error_of_flask_is_not_told_in_its_words(failing: FlaskClient) -> None:
    response = failing.get("/field")
    problem(response, 400)
    assert WORDS not in response.text


def test_a_query_is_not_repeated(client: FlaskClient) -> None:
    for path in ("/v1/nodes?limit=", "/nosuch?a=", "/v1/enc/X?a=", "/v1/nodes?", "/v1/nodes?q=1&"):
        response = client.get(path + "secret-word")
        assert "secret-word" not in response.text, path


def test_a_path_is_repeated_as_a_reference_that_forges_nothing(client: FlaskClient) -> None:
    found = problem(client.get('/a%22,%22b%0d%0a"é'), 404)
    assert found["instance"] == "/a%22%2C%22b%0D%0A%22%C3%A9"


def test_a_head_request_gets_the_status_without_the_document(client: FlaskClient) -> None:
    response = client.head("/v1/enc/i-0unknown")
    assert response.status_code == 404
    assert response.data == b""


@pytest.mark.parametrize("status", [400, 414, 431, 500])
def test_what_never_reaches_the_application_is_a_whole_problem_too(status: int) -> None:
    head, _, body = raw_problem(status).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/problem+json\r\n" in head
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert json.loads(body)["status"] == status


def test_a_program_is_told_what_this_is_and_where_to_look(client: FlaskClient) -> None:
    found = client.get("/v1/").get_json()
    assert found["service"] == "rolecall ENC"
    assert found["version"]
    for path in ("/", "/v1/nodes", "/v1/roles", "/healthz", "/readyz", "/metrics"):
        assert path in found["see"]
        assert client.get(path).status_code == 200


def test_metrics_count_by_route_and_not_by_path(client: FlaskClient) -> None:
    for name in ("i-0a", "i-0b", "X", "a/b"):
        client.get(f"/v1/enc/{name}")
    client.get("/nosuch")
    text = client.get("/metrics").text
    assert 'rolecall_http_requests_total{route="/v1/enc/<certname>",status="404"} 2.0' in text
    assert 'rolecall_http_requests_total{route="/v1/enc/<certname>",status="400"} 1.0' in text
    assert 'rolecall_http_requests_total{route="unmatched",status="404"} 1.0' in text
    assert 'rolecall_http_request_seconds_count{route="/v1/enc/<certname>"} 3.0' in text
    assert 'rolecall_enc_lookups_total{outcome="unknown-node"} 2.0' in text
    assert 'rolecall_enc_lookups_total{outcome="impossible-certname"} 2.0' in text
    assert "i-0a" not in text
    assert "nosuch" not in text


def test_metrics_count_what_the_store_could_not_serve(failing: FlaskClient) -> None:
    failing.get("/store")
    text = failing.get("/metrics").text
    assert 'rolecall_store_errors_total{kind="store-unavailable"} 1.0' in text
    assert 'rolecall_http_requests_total{route="/store",status="503"} 1.0' in text


def test_metrics_count_our_own_errors(failing: FlaskClient) -> None:
    failing.get("/fails")
    text = failing.get("/metrics").text
    assert 'rolecall_http_requests_total{route="/fails",status="500"} 1.0' in text
