"""/dns: what PowerDNS is told, with a real Redis behind it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import SERVICE_TIMEOUT, Inventory, connect
from enc.outputs import TOLD
from enc.web.settings import place
from tests.builders import event, foreign, node, role
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.names import (
    ADDRESS,
    EMPTY,
    NAME,
    ZONES,
    Timer,
    ask,
    is_unknown,
    ready,
    told,
    warned,
)
from tests.service.web import app_on, problem, slug

STATES_NOT_TOLD = sorted(frozenset(State) - frozenset(TOLD))


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def client(inventory: Inventory, timer: Timer) -> FlaskClient:
    return app_on(inventory, zones=ZONES, timer=timer).test_client()


@pytest.fixture
def known(inventory: Inventory) -> Node:
    """A ready node of role web."""
    inventory.roles.apply([role("web")], event())
    return inventory.nodes.create(ready(NAME), event())


class TestANode:
    def test_has_its_address(self, client: FlaskClient, known: Node) -> None:
        [found] = ask(client, f"{NAME}.fleet.example")
        assert found == {
            "qname": f"{NAME}.fleet.example.",
            "qtype": "A",
            "content": ADDRESS,
            "ttl": 7,
            "domain_id": 1,
        }

    def test_is_in_every_zone(self, client: FlaskClient, known: Node) -> None:
        assert told(client, f"{NAME}.b.example") == [("A", ADDRESS)]

    def test_is_found_in_any_case(self, client: FlaskClient, known: Node) -> None:
        assert told(client, f"{NAME.upper()}.FLEET.example") == [("A", ADDRESS)]

    def test_is_not_found_in_another_zone(self, client: FlaskClient, known: Node) -> None:
        assert is_unknown(client, f"{NAME}.other.example")

    @pytest.mark.parametrize("state", STATES_NOT_TOLD)
    def test_is_nobody_before_and_after(
        self, client: FlaskClient, known: Node, redis: Redis, state: State
    ) -> None:
        assert told(client, f"{NAME}.fleet.example")
        redis.hset(f"node:{NAME}", "state", state.value)
        assert is_unknown(client, f"{NAME}.fleet.example")

    def test_that_is_archived_is_nobody(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        ending = inventory.nodes.change(known, event(), state=State.RETIRING)
        inventory.nodes.archive(ending, event())
        assert is_unknown(client, f"{NAME}.fleet.example")

    def test_without_an_address_is_there(self, client: FlaskClient, inventory: Inventory) -> None:
        inventory.nodes.create(ready(NAME, ""), event())
        assert told(client, f"{NAME}.fleet.example") == EMPTY

    def test_shows_a_new_address_at_the_next_question(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        told(client, f"{NAME}.fleet.example")
        inventory.nodes.change(known, event(), private_ip="10.0.0.8")
        assert told(client, f"{NAME}.fleet.example") == [("A", "10.0.0.8")]

    def test_may_have_dots_and_underscores_in_its_name(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.nodes.create(foreign("db_1.example.com"), event())
        found = told(client, "db_1.example.com.fleet.example")
        assert found == [("CNAME", "db_1.example.com.")]

    def test_makes_the_names_above_its_own_be_there(
        self, client: FlaskClient, inventory: Inventory, timer: Timer
    ) -> None:
        assert is_unknown(client, "example.com.fleet.example")
        inventory.nodes.create(foreign("db1.example.com"), event())
        timer.now += 1
        assert told(client, "example.com.fleet.example") == EMPTY
        assert told(client, "com.fleet.example") == EMPTY
        assert is_unknown(client, "ample.com.fleet.example")


class TestARole:
    def test_has_the_address_of_each_ready_node(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        inventory.nodes.create(ready("i-0b", "10.0.0.8"), event())
        inventory.nodes.create(ready("i-0c", "2001:db8::9"), event())
        inventory.nodes.create(ready("i-0d", "10.0.0.10", role="db"), event())
        inventory.nodes.create(node("i-0e", private_ip="10.0.0.11"), event())
        assert told(client, "web.fleet.example") == [
            ("A", ADDRESS),
            ("A", "10.0.0.8"),
            ("AAAA", "2001:db8::9"),
        ]

    def test_is_left_by_a_node_within_a_second_of_its_draining(
        self, client: FlaskClient, known: Node, inventory: Inventory, timer: Timer
    ) -> None:
        assert told(client, "web.fleet.example") == [("A", ADDRESS)]
        inventory.nodes.change(known, event(), state=State.DRAINING)
        timer.now += 1
        assert told(client, "web.fleet.example") == EMPTY

    def test_is_asked_of_the_store_once_a_second(
        self, client: FlaskClient, known: Node, inventory: Inventory, timer: Timer
    ) -> None:
        told(client, "web.fleet.example")
        inventory.nodes.create(ready("i-0b", "10.0.0.8"), event())
        timer.now += 0.99
        assert len(told(client, "web.fleet.example")) == 1
        timer.now += 0.01
        assert len(told(client, "web.fleet.example")) == 2

    def test_without_nodes_is_there(self, client: FlaskClient, inventory: Inventory) -> None:
        inventory.roles.apply([role("web")], event())
        assert told(client, "web.fleet.example") == EMPTY

    def test_whose_definition_is_gone_still_has_its_nodes(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete("role:web")
        assert told(client, "web.fleet.example") == [("A", ADDRESS)]

    def test_that_nobody_knows_is_nobody(self, client: FlaskClient, known: Node) -> None:
        assert is_unknown(client, "webs.fleet.example")

    def test_keeps_its_name_before_a_node_of_the_same(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        inventory.nodes.create(foreign("web", role="db", private_ip="10.0.0.99"), event())
        assert told(client, "web.fleet.example") == [("A", ADDRESS)]

    @pytest.mark.parametrize("damage", ["gone", "a string", "no state", "no such state", "no ip"])
    @pytest.mark.usefixtures("known")
    def test_is_answered_without_a_damaged_node_and_the_log_names_it_once(
        self, inventory: Inventory, redis: Redis, caplog: pytest.LogCaptureFixture, damage: str
    ) -> None:
        timer = Timer()
        client = app_on(inventory, zones=ZONES, timer=timer).test_client()
        inventory.nodes.create(ready("i-0bad", "10.0.0.8"), event())
        spoil(redis, "node:i-0bad", damage)
        for _ in range(3):
            assert told(client, "web.fleet.example") == [("A", ADDRESS)]
            timer.now += 1
        assert [fields["node"] for fields in warned(caplog)] == ["i-0bad"]

    def test_of_damaged_nodes_alone_is_an_error_and_not_empty(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        spoil(redis, f"node:{NAME}", "a string")
        found = problem(client.get("/dns/lookup/web.fleet.example./ANY"), 422)
        assert slug(found) == "corrupt-value"
        assert NAME in found["detail"]

    def test_with_more_nodes_than_an_answer_holds_tells_others_each_time(
        self,
        client: FlaskClient,
        inventory: Inventory,
        timer: Timer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        made = (ready(f"i-{n:05x}", f"10.1.{n // 250}.{n % 250}") for n in range(4100))
        inventory.nodes.create_many((one, event()) for one in made)
        first = told(client, "web.fleet.example", "A")
        timer.now += 1
        second = told(client, "web.fleet.example", "A")
        assert len(first) == len(second) == 4000
        assert len({*first, *second}) == 4100
        assert "more than 4000" in warned(caplog)[0]["why"]


def spoil(redis: Redis, key: str, damage: str) -> None:
    match damage:
        case "gone":
            redis.delete(key)
        case "a string":
            redis.set(key, "nonsense")
        case "no state":
            redis.hdel(key, "state")
        case "no such state":
            redis.hset(key, "state", "sleeping")
        case "no ip":
            redis.hset(key, "private_ip", "nonsense")


@pytest.mark.parametrize("damage", ["a string", "no state", "no such state", "no ip"])
def test_a_damaged_node_is_an_error_that_names_it(
    client: FlaskClient, known: Node, redis: Redis, damage: str
) -> None:
    spoil(redis, f"node:{NAME}", damage)
    found = problem(client.get(f"/dns/lookup/{NAME}.fleet.example./ANY"), 422)
    assert slug(found) == "corrupt-value"
    assert NAME in found["detail"]


class TestAnAddress:
    def test_leads_to_its_node(self, client: FlaskClient, known: Node) -> None:
        found = told(client, "7.0.0.10.in-addr.arpa")
        assert found == [("PTR", f"{NAME}.fleet.example.")]

    def test_in_two_vpcs_leads_to_the_newest(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        later = START + timedelta(hours=1)
        newer = ready("i-0b", vpc="vpc-2", launched_at=later)
        made = inventory.nodes.create(newer, event())
        assert told(client, "7.0.0.10.in-addr.arpa") == [("PTR", "i-0b.fleet.example.")]
        inventory.nodes.change(made, event(), state=State.DRAINING)
        assert told(client, "7.0.0.10.in-addr.arpa") == [("PTR", f"{NAME}.fleet.example.")]

    def test_of_a_machine_that_ended_is_nobodys(
        self, client: FlaskClient, known: Node, inventory: Inventory
    ) -> None:
        ending = inventory.nodes.change(known, event(), state=State.RETIRING)
        assert is_unknown(client, "7.0.0.10.in-addr.arpa")
        inventory.nodes.archive(ending, event())
        assert is_unknown(client, "7.0.0.10.in-addr.arpa")

    def test_is_not_taken_from_somebody_named_like_one(
        self, client: FlaskClient, inventory: Inventory
    ) -> None:
        inventory.nodes.create(foreign(ADDRESS), event())
        assert is_unknown(client, "7.0.0.10.in-addr.arpa")

    def test_makes_the_names_above_it_be_there(self, client: FlaskClient, known: Node) -> None:
        assert told(client, "0.0.10.in-addr.arpa") == EMPTY
        assert is_unknown(client, "1.0.10.in-addr.arpa")
        assert is_unknown(client, "70.0.0.10.in-addr.arpa")

    def test_is_an_error_while_its_node_is_damaged(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.set(f"node:{NAME}", "nonsense")
        problem(client.get("/dns/lookup/7.0.0.10.in-addr.arpa./ANY"), 422)

    def test_is_an_error_while_the_index_lacks_nodes(
        self, client: FlaskClient, known: Node, redis: Redis
    ) -> None:
        redis.delete("nodes:texts")
        found = problem(client.get("/dns/lookup/7.0.0.10.in-addr.arpa./ANY"), 503)
        assert "nodes:texts" in found["detail"]


@pytest.mark.parametrize("zone", ["fleet.example", "b.example", "10.in-addr.arpa"])
def test_a_zone_has_its_own_records(client: FlaskClient, zone: str) -> None:
    soa = "ns1.dns.fleet.example. ops.example.com. 1 3600 600 86400 7"
    assert told(client, zone) == [("NS", "ns1.dns.fleet.example."), ("SOA", soa)]
    assert told(client, zone, "SOA") == [("SOA", soa)]


def test_a_name_server_has_its_address_and_the_names_above_it_are_there(
    client: FlaskClient,
) -> None:
    assert told(client, "ns1.dns.fleet.example") == [("A", "10.0.0.53")]
    assert told(client, "dns.fleet.example") == EMPTY


@pytest.mark.parametrize("label", ["*", "a b", "é", "a/b", "..", "x" * 64, "_tcp", "\\052", "%"])
def test_a_name_that_no_node_can_have_is_nobodys(client: FlaskClient, label: str) -> None:
    assert is_unknown(client, f"{label}.fleet.example")


@pytest.mark.parametrize(
    "key", ["meta", "nodes:role:web", "nodes:texts", "nodes:kind:foreign", f"node:{NAME}"]
)
def test_a_key_of_a_wrong_type_is_an_error_that_names_it(
    client: FlaskClient, known: Node, redis: Redis, key: str
) -> None:
    redis.set(key, "nonsense")
    names = (f"{NAME}.fleet", "web.fleet", "nobody.fleet", "7.0.0.10")
    zone = {"7.0.0.10": "in-addr.arpa"}
    answers = [client.get(f"/dns/lookup/{n}.{zone.get(n, 'example')}./ANY") for n in names]
    refused = [one for one in answers if one.status_code != 200]
    assert refused
    assert all(key in one.get_json()["detail"] for one in refused)
    assert {one.status_code for one in refused} == {503 if key == "meta" else 422}


class TestAStoreThatCannotBeRead:
    NAMES = (f"{NAME}.fleet.example", "web.fleet.example", "7.0.0.10.in-addr.arpa")
    NEVER = ("nobody.fleet.example", "0.0.10.in-addr.arpa")

    @pytest.mark.parametrize("name", [*NAMES, *NEVER])
    def test_is_never_taken_for_one_without_the_name(
        self, client: FlaskClient, known: Node, redis: Redis, name: str
    ) -> None:
        redis.flushall()
        assert slug(problem(client.get(f"/dns/lookup/{name}./ANY"), 503)) == "store-lost"

    @pytest.mark.parametrize("name", [*NAMES, *NEVER])
    def test_of_another_site_is_not_believed(
        self, known: Node, inventory: Inventory, name: str
    ) -> None:
        client = app_on(inventory, site="mine", zones=ZONES).test_client()
        assert slug(problem(client.get(f"/dns/lookup/{name}./ANY"), 503)) == "other-site"

    @pytest.mark.parametrize("name", [*NAMES, *NEVER])
    def test_of_another_schema_is_not_believed(
        self, client: FlaskClient, known: Node, redis: Redis, name: str
    ) -> None:
        redis.hset("meta", "schema", "99")
        assert slug(problem(client.get(f"/dns/lookup/{name}./ANY"), 503)) == "store-schema"

    @pytest.mark.parametrize("name", [*NAMES, *NEVER])
    def test_that_is_away_or_silent_is_an_error(
        self, redis_server: RedisServer, redis: Redis, known: Node, name: str
    ) -> None:
        there = connect(redis_server.url, timeout=SERVICE_TIMEOUT)
        client = app_on(Inventory.on(there), zones=ZONES).test_client()
        told_before = client.get(f"/dns/lookup/{name}./ANY")
        assert told_before.status_code == 200
        redis_server.pause()
        try:
            fresh = app_on(Inventory.on(there), zones=ZONES).test_client()
            assert slug(problem(fresh.get(f"/dns/lookup/{name}./ANY"), 503)) == "store-unavailable"
        finally:
            redis_server.resume()
        nowhere = connect("redis://127.0.0.1:1/0", timeout=SERVICE_TIMEOUT)
        client = app_on(Inventory.on(nowhere), zones=ZONES).test_client()
        problem(client.get(f"/dns/lookup/{name}./ANY"), 503)

    def test_is_not_asked_for_what_the_settings_say(
        self, client: FlaskClient, redis: Redis
    ) -> None:
        redis.flushall()
        assert told(client, "fleet.example", "SOA")
        assert told(client, "ns1.dns.fleet.example")


@on_each_redis
def test_every_question_is_one_round_trip_once_names_above_are_known(
    client: FlaskClient, known: Node, redis: Redis
) -> None:
    names = (f"{NAME}.fleet.example", "nobody.fleet.example", "7.0.0.10.in-addr.arpa")
    for name in names:
        ask(client, name)
    with redis.monitor() as monitor:
        for name in names:
            ask(client, name)
        redis.set("the end", "")
        asked: list[str] = []
        while not (asked and asked[-1].startswith("SET the end")):
            said = monitor.next_command()
            # What scripts call inside is no trip; our own connection says who it is.
            if said["client_type"] != "lua" and not said["command"].startswith("CLIENT"):
                asked.append(said["command"])
    assert len(asked) - 1 == len(names), asked


class TestWhatElseIsAsked:
    def test_the_zones(self, client: FlaskClient) -> None:
        found = client.get("/dns/getAllDomains?includeDisabled=true").get_json()["result"]
        assert [(one["id"], one["zone"], one["kind"]) for one in found] == [
            (1, "fleet.example.", "native"),
            (2, "b.example.", "native"),
            (3, "10.in-addr.arpa.", "native"),
        ]

    def test_one_zone(self, client: FlaskClient) -> None:
        found = client.get("/dns/getDomainInfo/B%2eexample%2e").get_json()["result"]
        assert found["id"] == 2
        assert client.get("/dns/getDomainInfo/c.example.").get_json()["result"] is False

    def test_what_we_have_not(self, client: FlaskClient) -> None:
        for path, found in {
            "getAllDomainMetadata/b%2eexample%2e": {},
            "getDomainMetadata/b%2eexample%2e/PRESIGNED": [],
            "list/1/b%2eexample%2e": False,
            "getUnfreshSlaveInfos": False,
            "getDomainKeys/b%2eexample%2e": False,
        }.items():
            assert client.get(f"/dns/{path}").get_json() == {"result": found}

    def test_no_change(self, client: FlaskClient) -> None:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            problem(client.open("/dns/startTransaction/1/b.example.", method=method), 405)


def test_without_zones_nothing_is_answered(inventory: Inventory, known: Node) -> None:
    client = app_on(inventory).test_client()
    assert client.get("/dns/getAllDomains").get_json() == {"result": []}
    for name in (f"{NAME}.fleet.example", "fleet.example", "7.0.0.10.in-addr.arpa"):
        assert is_unknown(client, name)


class TestAPlaceForPowerDNSAlone:
    @pytest.fixture(params=["127.0.0.1", "::1"])
    def door(self, request: pytest.FixtureRequest) -> Iterator[socket.socket]:
        """Our end of a connection to PowerDNS' place, as gunicorn hands it over."""
        family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server((request.param, 0), family=family))
            host, port = listener.getsockname()[:2]
            stack.enter_context(socket.create_connection((host, port)))
            yield stack.enter_context(listener.accept()[0])

    @staticmethod
    def client(inventory: Inventory, door: socket.socket) -> FlaskClient:
        dns_bind = place(*door.getsockname()[:2])
        return app_on(inventory, zones=ZONES, dns_bind=dns_bind).test_client()

    def test_answers_it(self, inventory: Inventory, known: Node, door: socket.socket) -> None:
        client = self.client(inventory, door)
        path = f"/dns/lookup/{NAME}.fleet.example./ANY"
        found = client.get(path, environ_overrides={"gunicorn.socket": door})
        assert found.get_json()["result"]

    @pytest.mark.parametrize("path", ["/", "/nodes", "/v1/nodes", "/v1/enc/x", "/metrics", "/no"])
    def test_answers_nothing_else(
        self, inventory: Inventory, door: socket.socket, path: str
    ) -> None:
        client = self.client(inventory, door)
        found = problem(client.get(path, environ_overrides={"gunicorn.socket": door}), 404)
        assert "v1" not in json.dumps(found["title"])

    def test_answers_nothing_else_whatever_the_client_calls_it(
        self, inventory: Inventory, door: socket.socket
    ) -> None:
        client = self.client(inventory, door)
        called = {"gunicorn.socket": door, "SERVER_NAME": "localhost", "SERVER_PORT": "1"}
        assert client.get("/v1/nodes", environ_overrides=called).status_code == 404
        assert client.post("/v1/reports", environ_overrides=called).status_code == 404

    def test_closes_nothing_elsewhere(self, inventory: Inventory, door: socket.socket) -> None:
        client = self.client(inventory, door)
        host, port = door.getsockname()[:2]
        called = {"SERVER_NAME": host, "SERVER_PORT": str(port)}
        with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0)) as tcp:
            for ours in (unix, tcp):
                there = {**called, "gunicorn.socket": ours}
                assert client.get("/v1/nodes", environ_overrides=there).status_code == 200

    def test_is_taken_for_where_it_came_in_when_that_cannot_be_told(
        self, inventory: Inventory, door: socket.socket
    ) -> None:
        client = self.client(inventory, door)
        assert client.get("/v1/nodes").status_code == 404
        assert client.get("/dns/getAllDomains").status_code == 200
