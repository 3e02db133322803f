"""Roles, launches, events, ended nodes and explanations, for other programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Attempt, Hold, LaunchState, Market, State
from enc.inventory import Inventory
from tests.builders import event, foreign, launch, node, role
from tests.fakes.clock import START
from tests.service.web import problem, slug

SECRET = "f" * 64
MINUTE = timedelta(minutes=1)
LAUNCH = "l-00000000000000aa"


def get(client: FlaskClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


def walked(client: FlaskClient, path: str, key: str, by: str = "cursor") -> list[Any]:
    seen: list[Any] = []
    page = get(client, f"{path}limit=1")
    seen += page[key]
    while page["cursor"]:
        page = get(client, f"{path}limit=1&{by}={quote(page['cursor'])}")
        seen += page[key]
    return seen


def ended(inventory: Inventory, number: int, role: str = "web") -> None:
    born = inventory.nodes.create(node(f"i-{number:017x}", role=role), event())
    retiring = inventory.nodes.change(born, event(), state=State.RETIRING)
    told = event("retired", at=START + number * MINUTE, why="too old")
    inventory.nodes.archive(retiring, told)


class TestRoles:
    def test_come_in_pages_by_name(self, client: FlaskClient, inventory: Inventory) -> None:
        inventory.roles.apply([role(name) for name in ("b_1", "a-1", "c")], event())
        names = [one["name"] for one in walked(client, "/v1/roles?", "roles")]
        assert names == ["a-1", "b_1", "c"]

    def test_between_whose_pages_one_goes_are_not_lost(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.roles.apply([role(name) for name in ("a", "b", "c", "d")], event())
        cursor = get(client, "/v1/roles?limit=2")["cursor"]
        inventory.roles.apply([role(name) for name in ("a", "c", "d")], event(), prune=True)
        rest = get(client, f"/v1/roles?cursor={cursor}")["roles"]
        assert [one["name"] for one in rest] == ["c", "d"]

    def test_tell_what_their_nodes_are_together(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.roles.apply([role()], event())
        inventory.nodes.create(node("i-0a", launched_at=START - MINUTE), event())
        inventory.nodes.create(node("i-0b", report_status="failed"), event())
        stopped = Hold(role="web", why="unwell", since=START, by="alice@ops")
        inventory.holds.put(stopped, event())
        found = get(client, "/v1/roles/web")
        assert found == get(client, "/v1/roles")["roles"][0]
        assert (found["nodes"], found["runs"]) == (2, {"none": 1, "failed": 1})
        assert found["oldest"] == "2026-01-01T11:59:00.000Z"
        assert found["hold"] == {
            "why": "unwell",
            "since": "2026-01-01T12:00:00.000Z",
            "by": "alice@ops",
            "cause": "asked",
            "nodes": [],
        }

    @pytest.mark.parametrize("name", ["none", "web/x", "WEB", "%00", "é", "a" * 300])
    def test_that_are_none_are_unknown(
        self, client: FlaskClient, inventory: Inventory, name: str
    ) -> None:
        inventory.roles.apply([role()], event())
        assert slug(problem(client.get(f"/v1/roles/{name}"), 404)) == "unknown-role"


class TestLaunches:
    @pytest.fixture(autouse=True)
    def opened(self, inventory: Inventory) -> None:
        for n, name in enumerate(("web", "db", "web")):
            at = START + n * MINUTE
            asked = launch(f"l-{n:016x}", role=name, opened_at=at, key=SECRET)
            inventory.launches.open(asked, event(at=at))
        inventory.launches.close("l-" + "0" * 16, LaunchState.FAILED, event(why="no capacity"))

    def test_come_in_pages_the_latest_first(self, client: FlaskClient) -> None:
        ids = [one["id"][-1] for one in walked(client, "/v1/launches?", "launches")]
        assert ids == ["2", "1", "0"]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("role=web", ["2", "0"]),
            ("state=open", ["2", "1"]),
            ("state=failed&role=web", ["0"]),
            ("state=failed&role=db", []),
            ("role=none", []),
        ],
    )
    def test_are_those_that_fit_and_no_others(
        self, client: FlaskClient, query: str, found: list[str]
    ) -> None:
        ids = [one["id"][-1] for one in walked(client, f"/v1/launches?{query}&", "launches")]
        assert ids == found

    def test_tell_what_each_pool_answered_and_never_the_key(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        name = f"l-{2:016x}"
        refused = ("spot:c5.large:us-east-1a", "InsufficientInstanceCapacity", "<none>")
        attempt = Attempt(number=1, at=START, market=Market.SPOT, wanted=2, answers=(refused,))
        inventory.launches.record_attempt(name, attempt, event())
        found = get(client, f"/v1/launches/{name}")
        assert found["attempts"] == [
            {
                "number": 1,
                "at": "2026-01-01T12:00:00.000Z",
                "market": "spot",
                "wanted": 2,
                "got": [],
                "hopeless": False,
                "barred": None,
                "unfit": [],
                "answers": [
                    {
                        "pool": "spot:c5.large:us-east-1a",
                        "code": "InsufficientInstanceCapacity",
                        "message": "<none>",
                    }
                ],
            }
        ]
        assert (found["state"], found["want"], found["key_expires"][:4]) == ("open", 2, "2026")
        for path in (f"/v1/launches/{name}", "/v1/launches", "/v1/events"):
            text = client.get(path).text
            assert SECRET not in text
            assert '"key"' not in text

    @pytest.mark.parametrize("name", ["l-ffffffffffffffff", "x", "l-/x", "%00"])
    def test_that_are_none_are_unknown(self, client: FlaskClient, name: str) -> None:
        assert slug(problem(client.get(f"/v1/launches/{name}"), 404)) == "unknown-launch"


class TestEvents:
    @pytest.fixture(autouse=True)
    def logged(self, inventory: Inventory) -> None:
        each = inventory.nodes.create(node("i-0a"), event("born"))
        inventory.nodes.change(each, event("draining", why="too old"), state=State.DRAINING)
        inventory.nodes.create(node("i-0b", role="db"), event("born"))

    def test_come_in_pages_the_latest_first(self, client: FlaskClient) -> None:
        found = walked(client, "/v1/events?", "events", by="before")
        assert [one["what"] for one in found] == ["born", "draining", "born", "init"]
        assert found[1] == {
            "id": found[1]["id"],
            "at": "2026-01-01T12:00:00.000Z",
            "who": "alice@ops",
            "what": "draining",
            "node": "i-0a",
            "role": "web",
            "launch": None,
            "why": "too old",
            "more": {"was": "running", "state": "draining"},
        }

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("node=i-0a", ["draining", "born"]),
            ("role=db", ["born"]),
            ("what=born", ["born", "born"]),
            ("who=test", ["init"]),
            ("who=bob", []),
            ("what=born&role=web", ["born"]),
        ],
    )
    def test_are_those_that_fit_and_no_others(
        self, client: FlaskClient, query: str, found: list[str]
    ) -> None:
        back = walked(client, f"/v1/events?{query}&", "events", by="before")
        assert [one["what"] for one in back] == found
        forth = get(client, f"/v1/events?{query}&after=0")["events"]
        assert forth == back[::-1]

    def test_that_come_later_are_found_behind_the_last(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        first = get(client, "/v1/events?after=0&limit=3")
        assert [one["what"] for one in first["events"]] == ["init", "born", "draining"]
        last = get(client, f"/v1/events?after={first['cursor']}")
        assert [one["what"] for one in last["events"]] == ["born"]
        assert get(client, f"/v1/events?after={last['cursor']}") == {
            "events": [],
            "cursor": last["cursor"],
        }
        inventory.nodes.create(node("i-0c"), event("later"))
        news = get(client, f"/v1/events?after={last['cursor']}")
        assert [one["what"] for one in news["events"]] == ["later"]

    def test_that_do_not_fit_are_passed_over_for_good(self, client: FlaskClient) -> None:
        found = get(client, "/v1/events?after=0&who=nobody")
        assert found["events"] == []
        assert found["cursor"] == get(client, "/v1/events?limit=1")["events"][0]["id"]

    @pytest.mark.parametrize(
        "query",
        [
            *("before=x", "before=", "after=-", "after=", "before=1-2-3", "after=(1"),
            *("before=1&after=1", "before=1&before=2", "cursor=1", "limit=0", "node=", "q=x"),
        ],
    )
    def test_asked_for_by_what_is_none_are_refused(self, client: FlaskClient, query: str) -> None:
        assert slug(problem(client.get(f"/v1/events?{query}"), 400)) == "bad-parameter"


class TestTheArchive:
    @pytest.fixture(autouse=True)
    def past(self, inventory: Inventory) -> None:
        for n in range(4):
            ended(inventory, n, "even" if n % 2 == 0 else "odd")

    def test_comes_in_pages_the_last_end_first(self, client: FlaskClient) -> None:
        found = walked(client, "/v1/archive?", "nodes")
        assert [one["certname"][-1] for one in found] == ["3", "2", "1", "0"]
        assert found[0]["state"] == "archived"
        assert (found[0]["reason"], found[0]["ended_at"]) == ("too old", "2026-01-01T12:03:00.000Z")
        assert "csr_key" not in found[0]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("role=even", ["2", "0"]),
            ("since=2026-01-01T12:02:00Z", ["3", "2"]),
            ("since=2026-01-01T13:02:00%2B01:00", ["3", "2"]),
            ("since=2026-01-01T12:02:00.001Z&role=odd", ["3"]),
            ("since=2026-01-01T12:04:00Z", []),
        ],
    )
    def test_has_those_that_fit_and_no_others(
        self, client: FlaskClient, query: str, found: list[str]
    ) -> None:
        ends = walked(client, f"/v1/archive?{query}&", "nodes")
        assert [one["certname"][-1] for one in ends] == found

    @pytest.mark.parametrize(
        "since",
        [
            *(
                "2026-01-01",
                "2026-01-01T12:00:00",
                "x",
                "",
                "30d",
                "1767268800",
                "2026-W01-1T00:00:00Z",
            ),
            *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:01Z"),
            *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00%2B23:59", "٢٠٢٦-01-01T00:00:00Z"),
            "2026-01-01T12:00:00 01:00",
        ],
    )
    def test_since_what_is_no_time_is_refused(self, client: FlaskClient, since: str) -> None:
        found = problem(client.get(f"/v1/archive?since={since}"), 400)
        assert found["detail"].startswith("since ")


class TestExplanations:
    def test_say_why_a_node_is_here_and_what_it_gets(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.roles.apply([role()], event())
        inventory.launches.open(launch(LAUNCH, key=SECRET), event())
        inventory.nodes.create(node("i-0a", launch=LAUNCH, private_dns="a.example"), event())
        found = get(client, "/v1/nodes/i-0a/explain")
        assert found["certname"] == "i-0a"
        assert any(LAUNCH in sentence for sentence in found["origin"])
        assert "role::web" in [one["name"] for one in found["given"]]
        assert get(client, "/v1/nodes/a.example/explain") == found
        assert SECRET not in client.get("/v1/nodes/i-0a/explain").text

    def test_say_what_stops_it(self, client: FlaskClient, inventory: Inventory) -> None:
        inventory.roles.apply([role()], event())
        inventory.nodes.create(node("i-0a"), event())
        before = get(client, "/v1/nodes/i-0a/explain")["next"]
        inventory.holds.put(Hold(role="web", why="unwell", since=START, by="bob"), event())
        after = get(client, "/v1/nodes/i-0a/explain")["next"]
        assert "unwell" not in str(before)
        assert "unwell" in str(after)

    def test_are_had_of_one_that_has_ended_and_of_a_foreign_one(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        ended(inventory, 1)
        inventory.nodes.create(foreign(), event())
        gone = get(client, f"/v1/nodes/i-{1:017x}/explain")
        assert "too old" in str(gone)
        assert get(client, "/v1/nodes/db1.example.com/explain")["wrong"] != []

    @pytest.mark.parametrize("name", ["i-0b", "X", "a/b", "explain", "i-0a/explain"])
    def test_are_none_of_what_nobody_knows(
        self, client: FlaskClient, inventory: Inventory, name: str
    ) -> None:
        inventory.nodes.create(node("i-0a"), event())
        problem(client.get(f"/v1/nodes/{name}/explain"), 404)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/roles/web", "/v1/launches/l-00000000000000aa", "/v1/nodes/i-0a/explain"),
        *("/v1/roles", "/v1/launches", "/v1/events", "/v1/archive", "/v1/openapi.json"),
    ],
)
def test_asking_changes_nothing_and_takes_nothing_else(
    client: FlaskClient, inventory: Inventory, redis: Redis, path: str
) -> None:
    inventory.roles.apply([role()], event())
    inventory.launches.open(launch(LAUNCH), event())
    inventory.nodes.create(node("i-0a"), event())
    before = redis.info("persistence")["rdb_changes_since_last_save"]
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        problem(client.open(path, method=method), 405)
    for query in ("nosuch=1", "limit=x&nosuch=1", "limit=1&limit=1"):
        problem(client.get(f"{path}?{query}"), 400)
    assert redis.info("persistence")["rdb_changes_since_last_save"] == before


@pytest.mark.parametrize("of", ["nodes", "nodes?order=newest", "launches", "archive", "roles"])
def test_a_cursor_of_one_list_is_refused_by_the_others(
    client: FlaskClient, inventory: Inventory, of: str
) -> None:
    for n in range(2):
        ended(inventory, n)
        inventory.nodes.create(node(f"i-1{n:016x}"), event())
        inventory.launches.open(launch(f"l-{n:016x}"), event())
    inventory.roles.apply([role("a"), role("b")], event())
    join = "&" if "?" in of else "?"
    cursor = get(client, f"/v1/{of}{join}limit=1")["cursor"]
    for path in ("nodes", "nodes?order=newest", "launches", "archive", "roles"):
        response = client.get(f"/v1/{path}{'&' if '?' in path else '?'}cursor={cursor}")
        if path == of:
            assert response.status_code == 200
        else:
            assert problem(response, 400)["detail"].startswith("cursor: ")
