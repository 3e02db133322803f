"""The pages for people: whole, strict, and no way in for what others wrote."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Attempt, Hold, LaunchState, Market, State
from enc.inventory import Inventory
from enc.inventory.clock import redis_now
from tests.builders import event, launch, node, role
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import free_port
from tests.service.pages import (
    FINGERPRINT,
    KEY,
    LAUNCH,
    LISTS,
    NAME,
    PAGES,
    fill,
    page,
    whole,
    words,
)
from tests.service.web import app_on, client_of, problem


@pytest.fixture
def filled(inventory: Inventory, client: FlaskClient) -> FlaskClient:
    fill(inventory)
    return client


@pytest.mark.parametrize("path", PAGES)
class TestEachPage:
    def test_is_whole(self, filled: FlaskClient, path: str) -> None:
        page(filled, path)

    def test_is_there_for_head(self, filled: FlaskClient, path: str) -> None:
        response = filled.head(path)
        assert response.status_code == 200
        assert response.data == b""

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_changes_nothing(self, filled: FlaskClient, path: str, method: str) -> None:
        response = filled.open(path, method=method)
        assert response.status_code == 405
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}

    def test_writes_nothing(self, filled: FlaskClient, redis: Redis, path: str) -> None:
        before = {key: redis.dump(key) for key in redis.scan_iter()}
        page(filled, path)
        assert {key: redis.dump(key) for key in redis.scan_iter()} == before

    def test_shows_no_secret(self, filled: FlaskClient, path: str) -> None:
        text = page(filled, path)
        assert KEY not in text
        assert FINGERPRINT not in text

    def test_asks_no_other_host_and_runs_nothing_of_its_own(
        self, filled: FlaskClient, path: str
    ) -> None:
        text = page(filled, path)
        assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", text)
        assert not re.search(r"<style|<script(?! src=\"/static/)|\son\w+=|\sstyle=", text)

    @pytest.mark.parametrize("query", ["limits=1", "LIMIT=1", "limit=1&limit=2", "x=1"])
    def test_says_which_parameter_it_does_not_know(
        self, filled: FlaskClient, path: str, query: str
    ) -> None:
        text = page(filled, f"{path}?{query}", 400)
        assert "A query parameter cannot be used" in words(text)

    def test_is_of_its_site_alone(self, inventory: Inventory, path: str) -> None:
        text = page(app_on(inventory, site="other").test_client(), path, 503)
        assert "The store is of another site" in words(text)

    def test_says_that_the_store_is_away(self, path: str) -> None:
        client = client_of(f"redis://127.0.0.1:{free_port()}/0")
        text = page(client, path, 503)
        assert "The store cannot be asked" in words(text)
        assert "provisioner doctor" in words(text)
        assert client.get(path).headers["Retry-After"] == "5"

    def test_says_that_the_store_is_lost(
        self, filled: FlaskClient, redis: Redis, path: str
    ) -> None:
        redis.delete("meta")
        assert "provisioner init" in words(page(filled, path, 503))

    def test_passes_on_no_error_of_ours(self, filled: FlaskClient, redis: Redis, path: str) -> None:
        """A value of a type that is none of ours is named by its key, and not quoted."""
        redis.delete("events", "nodes", "archived", "launches", f"life:{NAME}", "role:web")
        for key in ("events", "nodes", "archived", "launches", f"life:{NAME}", "role:web"):
            redis.set(key, "canary-4f1c")
        redis.set(f"launch:{LAUNCH}x", "canary-4f1c")
        response = filled.get(path)
        assert response.status_code in (200, 422, 503)
        whole(response)
        assert "canary-4f1c" not in response.text


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/nodes?limit=0", "limit"),
        ("/nodes?limit=1001", "limit"),
        ("/nodes?limit=ten", "limit"),
        ("/nodes?state=busy", "state"),
        ("/nodes?state=archived", "state"),
        ("/nodes?market=black", "market"),
        ("/nodes?kind=odd", "kind"),
        ("/nodes?order=best", "order"),
        ("/nodes?cursor=x", "cursor"),
        ("/nodes?q=" + "a" * 256, "q"),
        ("/launches?state=ready", "state"),
        ("/launches?cursor=x", "cursor"),
        ("/events?before=x", "before"),
        ("/events?limit=-1", "limit"),
        ("/history?since=soon", "since"),
        ("/history?since=401d", "since"),
        ("/history?since=0d", "since"),
        ("/history?cursor=x", "cursor"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    filled: FlaskClient, path: str, named: str
) -> None:
    assert f"{named} " in words(page(filled, path, 400)).replace(f"{named}:", f"{named} ")


@pytest.mark.parametrize(
    "path", ["/nodes?q=&role=&state=&market=&kind=&order=", "/events?what=&who="]
)
def test_what_a_form_sends_of_empty_fields_is_no_filter(filled: FlaskClient, path: str) -> None:
    assert "db1.example.com" in words(page(filled, path))


class TestAPathOfNobody:
    def test_is_a_page_for_a_browser(self, client: FlaskClient) -> None:
        response = client.get("/nosuch", headers={"Accept": "text/html,*/*;q=0.8"})
        assert response.status_code == 404
        whole(response)

    @pytest.mark.parametrize(
        ("path", "accept"),
        [("/nosuch", "*/*"), ("/nosuch", ""), ("/v1/nosuch", "text/html"), ("/nosuch", "text/*")],
    )
    def test_is_a_problem_document_for_a_program(
        self, client: FlaskClient, path: str, accept: str
    ) -> None:
        problem(client.get(path, headers={"Accept": accept}), 404)


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [("rolecall.css", "text/css"), ("rolecall.js", "text/javascript"),
         ("icon.svg", "image/svg+xml")],
    )  # fmt: skip
    def test_of_our_own_are_there(self, client: FlaskClient, name: str, kind: str) -> None:
        with client.get(f"/static/{name}") as response:
            assert response.status_code == 200
            assert response.mimetype == kind
            known = {"If-None-Match": response.headers["ETag"]}
        with client.get(f"/static/{name}", headers=known) as again:
            assert again.status_code == 304

    @pytest.mark.parametrize("name", ["../desk.py", "..%2fdesk.py", "/etc/passwd", "nosuch", ""])
    def test_of_others_are_not(self, client: FlaskClient, name: str) -> None:
        assert client.get(f"/static/{name}").status_code in (404, 308)


HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e" + "A" * 10_000


def test_what_others_wrote_is_shown_and_never_run(
    client: FlaskClient, inventory: Inventory
) -> None:
    begun = redis_now(inventory.redis)
    definition = {"classes": {"role::web": {HOSTILE: HOSTILE}}, "description": HOSTILE,
                  "parameters": {"p": HOSTILE}, "environment": HOSTILE}  # fmt: skip
    inventory.roles.apply([role(definition=definition)], event(why=HOSTILE))
    inventory.holds.put(Hold(role="web", why=HOSTILE, since=START, by=HOSTILE), event(HOSTILE))
    asked = launch(LAUNCH, owner=HOSTILE)
    inventory.launches.open(asked, event())
    attempt = Attempt(number=1, at=START, market=Market.SPOT, wanted=1, barred=HOSTILE,
                      unfit=(HOSTILE,), answers=((HOSTILE, HOSTILE, HOSTILE),))  # fmt: skip
    inventory.launches.record_attempt(LAUNCH, attempt, event())
    inventory.launches.close(LAUNCH, LaunchState.FAILED, event(why=HOSTILE))
    one = node(NAME, launch=LAUNCH, held=HOSTILE, private_dns="x.example.com", image=HOSTILE,
               environment=HOSTILE, replace_because=HOSTILE)  # fmt: skip
    inventory.nodes.create(one, replace(event(HOSTILE, why=HOSTILE), who=HOSTILE))
    ended = inventory.nodes.create(node("i-0dead", state=State.RETIRING), event(at=begun))
    inventory.nodes.archive(ended, event(at=begun, why=HOSTILE))
    for path in (*PAGES, "/nodes/i-0dead"):
        text = page(client, path)
        assert "<img" not in text, path
        assert not {"\x1b", "\u202e"} & set(text), path
        if path not in ("/", "/nodes"):
            assert "&lt;img src=x onerror=alert(1)&gt;\\x1b[31m\\u202eAAAA" in text, path


def test_the_pages_of_a_store_that_is_lost_while_they_are_read_are_no_pages(
    new_store: Inventory,
) -> None:
    begin(new_store)
    client = app_on(new_store).test_client()
    new_store.redis.flushall()
    for path in LISTS:
        page(client, path, 503)
