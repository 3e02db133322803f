"""/dns over a store that lost a part, or holds what nobody can read: never "no such name"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import Inventory
from tests.builders import event, foreign, node, role
from tests.conftest import on_each_redis
from tests.service.names import (
    ADDRESS,
    EMPTY,
    NAME,
    ZONES,
    Timer,
    is_unknown,
    ready,
    told,
    warned,
)
from tests.service.web import app_on, problem, slug

WEB = "web.fleet.example"
OTHER = "i-0b"
ADDRESSES = replace(ZONES, reverse=("10.in-addr.arpa", "d.f.ip6.arpa"))


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def client(inventory: Inventory, timer: Timer) -> FlaskClient:
    return app_on(inventory, zones=ADDRESSES, timer=timer).test_client()


@pytest.fixture
def known(inventory: Inventory) -> Node:
    """A ready node of role web."""
    inventory.roles.apply([role("web")], event())
    return inventory.nodes.create(ready(NAME), event())


def refused(client: FlaskClient, name: str, status: int = 422) -> str:
    """What the problem says."""
    found = problem(client.get(f"/dns/lookup/{name}./ANY"), status)
    assert slug(found) == ("corrupt-value" if status == 422 else "store-unavailable")
    return str(found["detail"])


@on_each_redis
class TestARoleWhoseIndexIsLost:
    def test_is_an_error_that_names_the_index(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete("nodes:role:web")
        said = refused(client, WEB)
        assert "nodes:role:web in Redis names no ready node, though fleet:web counts some" in said
        assert "each change of a node" in said

    def test_is_one_also_without_its_definition(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete("nodes:role:web", "role:web")
        assert "nodes:role:web" in refused(client, WEB)

    def test_gives_its_name_to_no_node(
        self, client: FlaskClient, known: Node, inventory: Inventory, redis: Redis
    ) -> None:
        inventory.nodes.create(foreign("web", role="db", private_ip="10.0.0.99"), event())
        redis.delete("nodes:role:web", "role:web")
        assert "nodes:role:web" in refused(client, WEB)

    def test_is_one_where_only_others_are_left_in_it(
        self, client: FlaskClient, known: Node, inventory: Inventory, redis: Redis
    ) -> None:
        inventory.nodes.create(node(OTHER, private_ip="10.0.0.8"), event())
        redis.zrem("nodes:role:web", NAME)
        assert "nodes:role:web" in refused(client, WEB)

    def test_is_well_again_with_the_next_change_of_its_node(
        self, client: FlaskClient, known: Node, inventory: Inventory, redis: Redis
    ) -> None:
        redis.delete("nodes:role:web")
        refused(client, WEB)
        inventory.nodes.change(known, event(), public_dns="x.example.com")
        assert told(client, WEB) == [("A", ADDRESS)]

    def test_does_not_need_the_index_of_ready_nodes(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete("nodes:state:ready")
        assert told(client, WEB) == [("A", ADDRESS)]

    def test_is_not_accused_where_its_counts_are_none(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete("nodes:role:web", "fleet:web")
        redis.set("fleet:web", "nonsense")
        assert "fleet:web in Redis holds" in refused(client, WEB)


class TestARoleThatTrulyHasNoReadyNodes:
    def test_is_there_and_empty(self, client: FlaskClient, inventory: Inventory) -> None:
        inventory.roles.apply([role("web")], event())
        assert told(client, WEB) == EMPTY

    @pytest.mark.parametrize("state", sorted(frozenset(State) - {State.READY, State.ARCHIVED}))
    def test_is_so_with_nodes_in_any_other_state(
        self, client: FlaskClient, inventory: Inventory, state: State
    ) -> None:
        inventory.nodes.create(ready(NAME, state=state), event())
        assert told(client, WEB) == EMPTY

    @pytest.mark.parametrize("count", ["0", "-1"])
    def test_is_so_whatever_is_left_of_a_count(
        self, client: FlaskClient, inventory: Inventory, redis: Redis, count: str
    ) -> None:
        inventory.roles.apply([role("web")], event())
        redis.hset("fleet:web", "extra:ready:spot", count)
        assert told(client, WEB) == EMPTY


class TestBytesThatAreNoText:
    BYTES = b"\xff\xfe"

    @pytest.mark.parametrize("field", ["private_ip", "state"])
    @pytest.mark.usefixtures("known")
    def test_in_one_node_leave_the_others_in_their_role_and_the_log_names_it(
        self, inventory: Inventory, redis: Redis, caplog: pytest.LogCaptureFixture, field: str
    ) -> None:
        client = app_on(inventory, zones=ZONES).test_client()
        inventory.nodes.create(ready(OTHER, "10.0.0.8"), event())
        redis.hset(f"node:{OTHER}", field, self.BYTES)
        assert told(client, WEB) == [("A", ADDRESS)]
        [warning] = warned(caplog)
        assert warning["node"] == OTHER
        assert field in warning["why"]

    def test_as_a_member_leave_the_others_in_their_role(
        self, client: FlaskClient, known: Node, redis: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis.zadd("nodes:role:web", {self.BYTES: 1.0})
        assert told(client, WEB) == [("A", ADDRESS)]
        assert [one["node"] for one in warned(caplog)] == [r"\udcff\udcfe"]

    @pytest.mark.parametrize("field", ["private_ip", "zone", "state", "launched_at", b"\xff"])
    def test_accuse_the_node_that_has_them_and_nobody_else(
        self, client: FlaskClient, known: Node, redis: Redis, field: Any
    ) -> None:
        redis.hset(f"node:{NAME}", field, self.BYTES)
        for name in (f"{NAME}.fleet.example", "7.0.0.10.in-addr.arpa"):
            assert refused(client, name).startswith(f"node:{NAME} in Redis")

    def test_among_foreign_nodes_accuse_their_index(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.zadd("nodes:kind:foreign", {self.BYTES: 1.0})
        assert refused(client, "nobody.fleet.example").startswith("nodes:kind:foreign in Redis")

    def test_as_an_addresss_node_accuse_that_node(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.zadd("nodes:texts", {b"10.0.0.7 " + self.BYTES: 0.0})
        said = refused(client, "7.0.0.10.in-addr.arpa")
        assert said.startswith(r"node:\udcff\udcfe in Redis")

    def test_as_the_site_accuse_meta(self, client: FlaskClient, known: Node, redis: Redis) -> None:
        redis.hset("meta", "site", self.BYTES)
        found = problem(client.get(f"/dns/lookup/{WEB}./ANY"), 503)
        assert found["detail"].startswith("meta in Redis")

    def test_that_are_text_beyond_ascii_are_no_damage(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        inventory.nodes.change(known, event(), held="größer \U0001f600")
        assert told(client, f"{NAME}.fleet.example") == [("A", ADDRESS)]


@on_each_redis
class TestANodeWhoseHashIsGone:
    def test_is_an_error_that_says_so(self, client: FlaskClient, known: Node, redis: Redis) -> None:
        redis.delete(f"node:{NAME}")
        said = refused(client, f"{NAME}.fleet.example")
        assert f"node:{NAME} in Redis is gone, though the indexes name it" in said

    def test_and_its_index_entry_with_it_is_nobody(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete(f"node:{NAME}")
        redis.zrem("nodes", NAME)
        assert is_unknown(client, f"{NAME}.fleet.example")

    def test_is_not_judged_by_an_index_of_a_wrong_type(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.set("nodes", "nonsense")
        assert refused(client, "nobody.fleet.example").startswith("nodes in Redis")
        assert refused(client, "7.0.0.10.in-addr.arpa").startswith("nodes in Redis")


def forget_texts(redis: Redis, certname: str) -> None:
    for text in redis.zrange("nodes:texts", 0, -1):
        if text.endswith(f" {certname}"):
            redis.zrem("nodes:texts", text)


@on_each_redis
class TestAddressesWithoutTexts:
    def test_are_nobodys_to_tell_where_nodes_lack_them(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        """As in a store of before there were any."""
        forget_texts(redis, NAME)
        assert "nodes:texts" in refused(client, "9.9.9.10.in-addr.arpa", 503)

    def test_are_told_again_when_the_node_has_changed(
        self, client: FlaskClient, redis: Redis, inventory: Inventory, known: Node
    ) -> None:
        forget_texts(redis, NAME)
        inventory.nodes.change(known, event(), public_dns="x.example.com")
        assert told(client, "7.0.0.10.in-addr.arpa") == [("PTR", f"{NAME}.fleet.example.")]
        assert is_unknown(client, "9.9.9.10.in-addr.arpa")


@pytest.mark.parametrize(
    "written", ["fd00::5", "FD00::5", "fd00:0000:0000:0000:0000:0000:0000:0005"]
)
def test_an_ipv6_address_leads_back_however_it_was_written(
    client: FlaskClient, inventory: Inventory, written: str
) -> None:
    inventory.nodes.create(ready(NAME, written), event())
    assert told(client, f"{NAME}.fleet.example") == [("AAAA", "fd00::5")]
    reverse = ".".join(reversed("fd00" + "0" * 27 + "5"))
    assert told(client, f"{reverse}.ip6.arpa") == [("PTR", f"{NAME}.fleet.example.")]
