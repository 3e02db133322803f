"""What the pages show, and what they say where there is nothing to show."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Hold, Market, State
from enc.domain.times import whole_milliseconds
from enc.inventory import Inventory
from enc.inventory.clock import redis_now
from enc.web.pages.history import figures_of
from enc.web.pages.rendering import Damage
from tests.builders import event, launch, node, role
from tests.fakes.clock import START
from tests.service.pages import (
    LAUNCH,
    NAME,
    certnames,
    fill,
    following,
    page,
    words,
)


@pytest.fixture
def filled(inventory: Inventory, client: FlaskClient) -> FlaskClient:
    fill(inventory)
    return client


class TestWithoutAnything:
    @pytest.mark.parametrize(
        ("path", "told"),
        [
            ("/", "provisioner roles apply roles.yaml"),
            ("/nodes", "provisioner launch ROLE -n 3"),
            ("/launches", "provisioner launch ROLE -n 3"),
            ("/history", "provisioner retire NODE"),
        ],
    )
    def test_a_page_says_what_to_do(self, client: FlaskClient, path: str, told: str) -> None:
        assert told in words(page(client, path))

    def test_the_fleet_page_of_roles_without_nodes_says_what_to_do(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.roles.apply([role()], event())
        assert "provisioner launch web" in words(page(client, "/"))

    @pytest.mark.parametrize("path", ["/nodes?q=zzz", "/launches?role=db", "/events?node=zzz"])
    def test_a_filter_says_that_nothing_fits(self, filled: FlaskClient, path: str) -> None:
        assert " matches" in words(page(filled, path))


class TestTheFleet:
    def test_tells_what_each_role_wants_and_has(self, filled: FlaskClient) -> None:
        text = words(page(filled, "/"))
        assert "web Serves what was converted 1 of 3 ready" in text
        assert "1 of 3 too few" in text
        assert "oldest 1d 6h of 1d" in text
        assert "1 spot, 1 on-demand" in text
        assert "1 failed" in text

    def test_shows_a_role_that_is_held_and_how_it_goes_on(
        self, filled: FlaskClient, inventory: Inventory
    ) -> None:
        assert "held:" not in words(page(filled, "/"))
        hold = Hold(role="web", why="looking into it", since=START, by="ann@ops")
        inventory.holds.put(hold, event())
        text = words(page(filled, "/"))
        assert "web is held: looking into it" in text
        assert "provisioner resume web" in text

    def test_shows_that_everything_is_paused(
        self, filled: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.holds.put(Hold(why="migration", since=START, by="ann@ops"), event())
        assert "Everything is paused: migration" in words(page(filled, "/"))

    def test_shows_a_hold_that_is_damaged_without_quoting_it(
        self, filled: FlaskClient, redis: Redis
    ) -> None:
        redis.set("hold:web", "canary-4f1c")
        text = words(page(filled, "/"))
        assert "web is held: its record in Redis is damaged" in text
        assert "canary" not in text

    def test_shows_the_other_roles_where_one_is_damaged(
        self, filled: FlaskClient, redis: Redis
    ) -> None:
        redis.hset("role:web", "definition", "{canary-4f1c")
        text = words(page(filled, "/"))
        assert "role:web in Redis holds what rolecall did not write" in text
        assert "by hand only" in text
        assert "canary" not in text

    def test_tells_of_nodes_whose_role_is_gone(self, filled: FlaskClient, redis: Redis) -> None:
        assert "not in the store" not in words(page(filled, "/"))
        redis.srem("roles", "db")
        assert "1 node has a role that is not in the store" in words(page(filled, "/"))


class TestTheListOfNodes:
    def test_begins_with_the_oldest_and_can_be_turned(self, filled: FlaskClient) -> None:
        oldest = [NAME, "db1.example.com", "i-0b"]
        assert certnames(page(filled, "/nodes")) == oldest
        assert certnames(page(filled, "/nodes?order=oldest")) == oldest
        text = page(filled, "/nodes?order=newest")
        assert certnames(text) == oldest[::-1]
        assert 'aria-sort="ascending"' in text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("role=db", ["db1.example.com"]),
            ("state=failed", ["i-0b"]),
            ("kind=foreign", ["db1.example.com"]),
            ("market=on-demand", [NAME]),
            ("q=ip-10-0-0-1", [NAME]),
            ("q=10.0.0.1", [NAME]),
            ("q=+I-0AAAA+", [NAME]),
            ("q=i-0&state=failed", ["i-0b"]),
            ("role=db&state=failed", []),
        ],
    )
    def test_has_those_that_fit_and_no_others(
        self, filled: FlaskClient, query: str, found: list[str]
    ) -> None:
        assert certnames(page(filled, f"/nodes?{query}")) == found

    @pytest.mark.parametrize(
        ("query", "told"),
        [("?state=ready", ""), ("?state=ready&role=web", "1 node"), ("", "4 nodes")],
    )
    def test_are_counted_with_those_of_roles_that_are_gone_or_not_at_all(
        self, filled: FlaskClient, inventory: Inventory, query: str, told: str
    ) -> None:
        inventory.nodes.create(node("i-0c", role="gone", state=State.READY), event())
        text = words(page(filled, f"/nodes{query}"))
        assert text.startswith(f"Nodes {told} Search".replace("  ", " ")), text[:80]

    @pytest.mark.parametrize(
        ("query", "told"),
        [("", "3 nodes"), ("?role=web", "2 nodes"), ("?role=web&state=failed", "1 node "),
         ("?kind=foreign", "1 node "), ("?role=nosuch", "0 nodes")],
    )  # fmt: skip
    def test_tells_how_many_there_are(self, filled: FlaskClient, query: str, told: str) -> None:
        assert words(page(filled, f"/nodes{query}")).startswith(f"Nodes {told}")

    def test_keeps_in_its_form_what_was_asked(self, filled: FlaskClient) -> None:
        text = page(filled, "/nodes?role=web&q=i-0%22x&order=newest")
        assert "<option selected>web</option>" in text
        assert 'value="i-0&#34;x"' in text
        assert '<option value="newest" selected>' in text

    def test_can_be_filtered_by_a_role_that_is_gone(self, filled: FlaskClient) -> None:
        assert "<option selected>gone</option>" in page(filled, "/nodes?role=gone")

    @pytest.mark.parametrize("order", ["", "&order=newest"])
    def test_is_paged_through_without_loss_or_repeat(
        self, client: FlaskClient, inventory: Inventory, order: str
    ) -> None:
        inventory.nodes.create_many(
            (node(f"i-{n:017x}", launched_at=START + timedelta(seconds=n // 3)), event())
            for n in range(25)
        )
        seen: list[str] = []
        path: str | None = f"/nodes?limit=4{order}"
        while path:
            text = page(client, path)
            seen += certnames(text)
            path = following(text)
        assert len(seen) == 25
        assert sorted(seen, reverse=bool(order)) == seen

    def test_says_where_to_go_when_what_followed_is_gone(
        self, filled: FlaskClient, inventory: Inventory
    ) -> None:
        path = following(page(filled, "/nodes?limit=2"))
        [last] = inventory.nodes.many(["i-0b"])
        last = inventory.nodes.change(last, event(), state=State.RETIRING)
        inventory.nodes.archive(last, event())
        assert path is not None
        assert "No more nodes" in words(page(filled, path))


class TestANode:
    def test_says_who_it_is_why_it_is_here_and_what_puppet_gets(self, filled: FlaskClient) -> None:
        text = words(page(filled, f"/nodes/{NAME}"))
        assert "Why it is here" in text
        assert LAUNCH in text
        assert "InsufficientInstanceCapacity" in text
        assert "role::web workers 4 role web rev 1, applied" in text
        assert "port 80 is in use" in text
        assert "Puppet's report: failed" in text

    @pytest.mark.parametrize("name", ["ip-10-0-0-1.ec2.internal", "vpc-1:10.0.0.1"])
    def test_is_found_by_its_names(self, filled: FlaskClient, name: str) -> None:
        assert f'<h1 class="name">{NAME}</h1>' in page(filled, f"/nodes/{name}")

    def test_that_has_ended_is_told_with_its_end(self, filled: FlaskClient) -> None:
        text = words(page(filled, "/nodes/i-0dead"))
        assert "archived" in text
        assert "EC2 takes it back" in text
        assert "Lived 8h" in text

    @pytest.mark.parametrize("name", ["i-0nobody", "NO/BODY", "%00", "a" * 3000, "%1b[31m"])
    def test_that_nobody_knows_is_not_found(self, filled: FlaskClient, name: str) -> None:
        text = words(page(filled, f"/nodes/{name}", 404))
        assert "Not in the inventory" in text
        assert len(text) < 1000

    def test_without_runs_says_how_they_come(self, filled: FlaskClient) -> None:
        assert "No run has been reported" in words(page(filled, "/nodes/i-0b"))

    def test_of_a_role_that_is_gone_says_what_is_wrong(
        self, filled: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.nodes.create(node("i-0norole", role="gone"), event())
        text = words(page(filled, "/nodes/i-0norole"))
        assert "What is wrong" in text
        assert "422" in text

    @pytest.mark.parametrize(
        ("key", "field"), [(f"node:{NAME}", "state"), ("role:web", "definition")]
    )
    def test_that_is_damaged_is_told_without_what_stands_there(
        self, filled: FlaskClient, redis: Redis, key: str, field: str
    ) -> None:
        redis.hset(key, field, "canary-4f1c")
        response = filled.get(f"/nodes/{NAME}")
        assert response.status_code == (422 if key.startswith("node") else 200)
        assert "canary" not in response.text


class TestARole:
    def test_shows_its_definition_its_nodes_and_its_launches(self, filled: FlaskClient) -> None:
        text = page(filled, "/roles/web")
        assert certnames(text) == [NAME, "i-0b"]
        assert "max_age: 24h" in text
        assert LAUNCH in text
        assert "max_age 1d</text>" in text

    def test_that_is_not_there_is_not_found(self, filled: FlaskClient) -> None:
        assert "No such role" in words(page(filled, "/roles/nosuch", 404))

    def test_without_nodes_says_how_they_come(
        self, filled: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.roles.apply([role("new")], event())
        assert "provisioner launch new" in words(page(filled, "/roles/new"))

    def test_whose_name_has_anything_in_it_has_a_page(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        name = "a/b?c#d%20<e>"
        inventory.roles.apply([role(name)], event())
        [href] = re.findall(r'class="role" href="([^"]+)"', page(client, "/"))
        assert f"Role {name}" in words(page(client, unescape(href)))


class TestLaunches:
    def test_tell_what_came_and_from_which_market(self, filled: FlaskClient) -> None:
        text = words(page(filled, "/launches"))
        assert f"{LAUNCH} web extra partial 1 of 2 1 of 2 fell back" in text

    @pytest.mark.parametrize(
        ("query", "there"),
        [("role=web", True), ("role=db", False), ("state=partial", True), ("state=open", False)],
    )
    def test_are_filtered(self, filled: FlaskClient, query: str, there: bool) -> None:
        assert (LAUNCH in page(filled, f"/launches?{query}")) == there

    def test_are_paged(self, client: FlaskClient, inventory: Inventory) -> None:
        for n in range(5):
            one = launch(f"l-{n:016x}", opened_at=START + timedelta(seconds=n))
            inventory.launches.open(one, event())
        seen: list[str] = []
        path: str | None = "/launches?limit=2"
        while path:
            text = page(client, path)
            seen += re.findall(r'href="/launches/(l-[0-9a-f]{16})"', text)
            path = following(text)
        assert seen == [f"l-{n:016x}" for n in range(4, -1, -1)]

    def test_tell_what_each_pool_answered(self, filled: FlaskClient) -> None:
        text = words(page(filled, f"/launches/{LAUNCH}"))
        assert "spot:c5.large:us-east-1a InsufficientInstanceCapacity none there" in text
        assert "fell back to on-demand" in text
        assert f"{NAME} ready" in text

    def test_that_are_not_there_are_not_found(self, filled: FlaskClient) -> None:
        assert "No such launch" in words(page(filled, "/launches/l-nosuch", 404))

    def test_tell_of_a_request_whose_answer_was_lost(
        self, filled: FlaskClient, redis: Redis
    ) -> None:
        assert "had no answer" not in words(page(filled, f"/launches/{LAUNCH}"))
        redis.hset(f"launch:{LAUNCH}", "asked", "3")
        assert "1 request more got no answer" in words(page(filled, f"/launches/{LAUNCH}"))


class TestEvents:
    def test_are_the_newest_first_and_filtered(self, filled: FlaskClient) -> None:
        assert "i-0dead" in page(filled, "/events")
        assert "i-0dead" in page(filled, "/events?what=archived")
        assert "i-0b" not in page(filled, "/events?what=archived")
        assert NAME not in page(filled, "/events?node=i-0b")

    def test_are_paged_through_without_loss_or_repeat(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.nodes.create_many((node(f"i-{n:017x}"), event(f"what-{n}")) for n in range(9))
        seen: list[str] = []
        path: str | None = "/events?limit=4"
        while path:
            text = page(client, path)
            seen += re.findall(r"what-\d", text)
            path = following(text)
        assert seen == [f"what-{n}" for n in range(8, -1, -1)]

    def test_refresh_only_where_new_ones_would_stand(self, filled: FlaskClient) -> None:
        text = page(filled, "/events?limit=2")
        assert "data-live" in text
        older = following(text)
        assert older is not None
        assert "data-live" not in page(filled, older)


class TestTheHistory:
    def test_tells_of_machines_from_launch_to_end(self, filled: FlaskClient) -> None:
        text = words(page(filled, "/history"))
        assert "i-0dead web extra 1h ago 8h spot c5.large us-east-1a EC2 takes it back" in text
        assert "Taken back by EC2 1 " in text
        assert "Machines by their end: 1 spot, 0 on-demand" in page(filled, "/history")

    def test_has_only_those_of_its_time_and_role(self, filled: FlaskClient) -> None:
        assert "i-0dead" in page(filled, "/history?since=2h&role=web")
        assert "i-0dead" not in page(filled, "/history?since=30m")
        assert "i-0dead" not in page(filled, "/history?role=db")


class TestTheFiguresOfTheHistory:
    """Of three that ended in role web, an hour apart, and a launch with each; the last is of db."""

    @pytest.fixture
    def ended(self, inventory: Inventory) -> datetime:
        now = redis_now(inventory.redis)
        inventory.roles.apply([role(), role("db")], event(at=now))
        for number, name in enumerate(("db", "web", "web", "web"), start=1):
            end = now - timedelta(hours=number)
            one = launch(f"l-{number:016x}", role=name, market=Market.SPOT, opened_at=end)
            inventory.launches.open(one, event(at=end))
            dying = node(f"i-{number:017x}", role=name, state=State.RETIRING, launched_at=end)
            made = inventory.nodes.create(dying, event(at=end))
            inventory.nodes.archive(made, event("archived", at=end))
        return now

    def figures(
        self, inventory: Inventory, now: datetime, role: str | None = "web", **bounds: int
    ) -> dict[str, Any]:
        return figures_of(inventory, now - timedelta(days=1), now, role, Damage(), **bounds)

    def test_are_of_all_where_all_are_counted(self, inventory: Inventory, ended: datetime) -> None:
        found = self.figures(inventory, ended)
        assert (found["total"]["machines"], found["total"]["launches"]) == (3, 3)
        assert not found["is_cut"]
        assert not found["launches"].is_cut

    def test_of_a_role_are_not_cut_by_machines_of_others(
        self, inventory: Inventory, ended: datetime
    ) -> None:
        assert self.figures(inventory, ended, counted=4)["total"]["machines"] == 3
        assert self.figures(inventory, ended, None, counted=4)["total"]["machines"] == 4

    def test_end_their_launches_where_they_end_their_machines(
        self, inventory: Inventory, ended: datetime
    ) -> None:
        found = self.figures(inventory, ended, counted=2)
        assert found["is_cut"]
        assert (found["total"]["machines"], found["total"]["launches"]) == (2, 2)

    def test_say_since_when_launches_are_counted(
        self, inventory: Inventory, ended: datetime
    ) -> None:
        launches = self.figures(inventory, ended, most=2)["launches"]
        assert (launches.seen, launches.is_cut) == (2, True)
        assert launches.last.opened_at == whole_milliseconds(ended) - timedelta(hours=3)
