"""/v1/discovery/: each tool is told all of it, or is told that it cannot be told."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import State
from enc.inventory import Inventory, Query, connect
from tests.builders import event, foreign, node, role
from tests.conftest import begin
from tests.servers import KEEPS_ALL, RedisServer
from tests.service.relay import Relay
from tests.service.web import app_on, client_of, problem, slug

PROMETHEUS, ANSIBLE = "/v1/discovery/prometheus", "/v1/discovery/ansible"
NAGIOS = "/v1/discovery/nagios"
EVERY = (PROMETHEUS, ANSIBLE, NAGIOS)
CHECKS = [{"name": "http", "command": "check_http", "port": 80}]
GOOD, BAD = "i-0aaaaaaaaaaaaaaa1", "i-0bad0bad0bad0bad"


@pytest.fixture
def client(inventory: Inventory) -> FlaskClient:
    inventory.roles.apply([role(definition={"checks": CHECKS}), role("db")], event())
    inventory.nodes.create(node(GOOD, state=State.READY, private_ip="10.0.0.4"), event())
    return app_on(inventory).test_client()


def targets(client: FlaskClient, query: str = "") -> list[str]:
    response = client.get(f"{PROMETHEUS}{query}")
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    return [target for group in response.get_json() for target in group["targets"]]


def hosts(client: FlaskClient, query: str = "") -> set[str]:
    response = client.get(f"{ANSIBLE}{query}")
    assert response.status_code == 200, response.text
    return set(response.get_json()["_meta"]["hostvars"])


def told(client: FlaskClient, path: str) -> bool:
    """Whether the good node is told of there."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    return GOOD in response.text


def test_nodes_are_told_at_their_roles_ports_or_at_one_that_is_asked_for(
    client: FlaskClient,
) -> None:
    assert targets(client) == ["10.0.0.4:80"]
    assert targets(client, "?port=9100") == ["10.0.0.4:9100"]
    assert hosts(client) == {GOOD}


def test_an_inventory_without_nodes_has_none(inventory: Inventory) -> None:
    client = app_on(inventory).test_client()

    assert targets(client) == []
    assert hosts(client) == set()


def test_one_role_can_be_asked_for(inventory: Inventory, client: FlaskClient) -> None:
    inventory.nodes.create(foreign("db1", role="db", private_ip="10.0.0.5"), event())

    assert targets(client, "?role=db&port=1") == ["10.0.0.5:1"]
    assert targets(client, "?role=web&port=1") == ["10.0.0.4:1"]
    assert hosts(client, "?role=db") == {"db1"}


def test_a_role_without_nodes_has_none_and_one_that_is_not_there_is_a_404(
    client: FlaskClient,
) -> None:
    assert targets(client, "?role=db&port=1") == []
    assert hosts(client, "?role=db") == set()
    for path in EVERY:
        found = problem(client.get(f"{path}?role=wbe"), 404)
        assert slug(found) == "unknown-role"


@pytest.mark.parametrize("state", ["pending", "draining", "lost", "retiring"])
@pytest.mark.parametrize("query", ["?role=web", ""])
def test_who_is_not_there_yet_or_leaves_is_not_told_of(
    inventory: Inventory, client: FlaskClient, state: str, query: str
) -> None:
    inventory.nodes.create(
        node("i-0feed0feed0feed00", state=State(state), private_ip="10.0.0.9"), event()
    )

    assert targets(client, query) == ["10.0.0.4:80"]
    assert hosts(client, query) == {GOOD}


@pytest.mark.parametrize("state", ["running", "failed", "ready"])
@pytest.mark.parametrize("query", ["?role=web", ""])
def test_who_is_there_is_told_of_also_when_it_fails(
    inventory: Inventory, client: FlaskClient, state: str, query: str
) -> None:
    inventory.nodes.create(
        node("i-0feed0feed0feed00", state=State(state), private_ip="10.0.0.9"), event()
    )

    assert set(targets(client, query)) == {"10.0.0.4:80", "10.0.0.9:80"}


def test_two_roles_of_one_name_to_ansible_keep_their_groups_when_one_is_asked_for(
    inventory: Inventory, client: FlaskClient
) -> None:
    inventory.roles.apply([role("a-b"), role("a_b")], event())
    inventory.nodes.create(node("i-0feed0feed0feed00", role="a-b"), event())
    inventory.nodes.create(node("i-0feed0feed0feed01", role="a_b"), event())

    def groups(query: str) -> set[str]:
        return {g for g in client.get(f"{ANSIBLE}{query}").get_json() if g.startswith("role_a_b")}

    assert len(groups("")) == 2
    assert groups("?role=a-b") < groups("")


BAD_QUERIES = (
    *("?port=0", "?port=65536", "?port=x", "?port=", "?port=1&port=2", "?port=-1", "?port=1_0"),
    *(
        "?role=",
        "?role=web&role=db",
        f"?role={'x' * 256}",
        "?rolle=web",
        "?state=ready",
        "?limit=1",
    ),
)


@pytest.mark.parametrize("query", BAD_QUERIES)
@pytest.mark.parametrize("path", EVERY)
def test_a_parameter_that_is_not_understood_does_not_select_everything(
    client: FlaskClient, path: str, query: str
) -> None:
    assert slug(problem(client.get(f"{path}{query}"), 400)) == "bad-parameter"


def test_ansible_has_no_ports(client: FlaskClient) -> None:
    problem(client.get(f"{ANSIBLE}?port=80"), 400)


def spoil(redis: Redis, certname: str, how: str) -> None:
    key = f"node:{certname}"
    if how == "gone":
        redis.delete(key)
    elif how == "no hash":
        redis.delete(key)
        redis.set(key, "x")
    elif how == "no text":
        redis.hset(key, "zone", b"\xff\xfe")  # type: ignore[arg-type]
    else:
        redis.hset(key, "kind", "none")


@pytest.mark.parametrize("how", ["gone", "no hash", "no text", "no kind"])
@pytest.mark.parametrize("path", [*EVERY, f"{PROMETHEUS}?role=web", f"{ANSIBLE}?role=web"])
def test_a_damaged_node_is_left_out_named_and_counted(
    inventory: Inventory,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    path: str,
    how: str,
) -> None:
    inventory.nodes.create(node(BAD, state=State.READY, private_ip="10.0.0.6"), event())
    assert BAD in client.get(path).text
    spoil(inventory.redis, BAD, how)

    with caplog.at_level(logging.WARNING):
        assert told(client, path)
        assert BAD not in client.get(path).text

    logged = [getattr(record, "fields", {}) for record in caplog.records]
    assert [one["node"] for one in logged] == [BAD, BAD]
    assert f"node:{BAD}" in logged[0]["why"]
    tool = path.rpartition("/")[2].partition("?")[0]
    metrics = client.get("/metrics").text
    assert f'rolecall_discovery_left_out_total{{tool="{tool}"}} 2.0' in metrics


def test_a_node_that_does_not_fit_the_tool_is_left_out_named_and_counted(
    inventory: Inventory, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    inventory.nodes.create(node(BAD, private_ip="10.0.0.6/x"), event())

    with caplog.at_level(logging.WARNING):
        assert targets(client) == ["10.0.0.4:80"]
        assert hosts(client) == {GOOD}

    logged = [getattr(record, "fields", {}) for record in caplog.records]
    assert [(one["tool"], one["node"]) for one in logged] == [("prometheus", BAD), ("ansible", BAD)]


def test_many_damaged_nodes_do_not_fill_the_log(
    inventory: Inventory, client: FlaskClient, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    inventory.nodes.create_many((node(f"i-0bad{n:013x}"), event()) for n in range(50))
    for n in range(50):
        redis.delete(f"node:i-0bad{n:013x}")

    with caplog.at_level(logging.WARNING):
        assert targets(client) == ["10.0.0.4:80"]

    assert len(caplog.records) == 21
    assert "30" in str(getattr(caplog.records[-1], "fields", ""))


def test_a_damaged_role_is_no_role_without_ports(client: FlaskClient, redis: Redis) -> None:
    """Its nodes would be dropped from Prometheus, as if they were gone."""
    redis.hset("role:web", "definition", "{")

    found = problem(client.get(PROMETHEUS), 503)
    assert "role:web" in found["detail"]
    assert targets(client, "?port=1") == ["10.0.0.4:1"]
    assert targets(client, "?role=db") == []
    assert hosts(client) == {GOOD}


class Losing:
    """Redis as it is, but for one act of somebody else's just before the ``number``th command."""

    def __init__(self, redis: Redis, number: int, act: Any) -> None:
        self._redis, self._left, self._act = redis, number, act
        self.acted = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._redis, name)
        if name in ("connection_pool", "response_callbacks", "get_encoder"):
            return found
        if callable(found):
            self._left -= 1
            if self._left == 0:
                self._act()
                self.acted = True
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "own", options=KEEPS_ALL).start()
    inventory = Inventory.on(connect(server.url, timeout=5))
    begin(inventory)
    inventory.roles.apply([role(definition={"checks": CHECKS})], event())
    inventory.nodes.create_many(
        (node(f"i-0aaa{n:013x}", private_ip=f"10.0.{n // 250}.{n % 250}"), event())
        for n in range(700)
    )
    inventory.redis.close()
    yield server
    server.end()


@pytest.mark.parametrize("path", [*EVERY, f"{PROMETHEUS}?role=web"])
def test_a_store_that_is_lost_between_two_reads_is_neither_empty_nor_a_part(
    server: RedisServer, path: str
) -> None:
    """Lost before each command in turn: the answer is whole, or none."""
    whole = client_of(server.url).get(path).data
    keeper = Redis.from_url(server.url)
    dump = {key: keeper.dump(key) for key in keeper.scan_iter()}
    statuses = []
    for number in range(1, 99):
        client_redis = connect(server.url, timeout=5)
        losing = Losing(client_redis, number, keeper.flushall)
        client = app_on(Inventory.on(losing)).test_client()  # type: ignore[arg-type]
        response = client.get(path)
        assert response.data == whole or problem(response, 503), number
        statuses.append(response.status_code)
        client_redis.close()
        if not losing.acted:
            break
        with keeper.pipeline() as restoring:
            for key, text in dump.items():
                restoring.restore(key, 0, text, replace=True)
            restoring.execute()
    keeper.close()
    # Lost after its last look it had answered, and lost before any other it had not.
    assert statuses[-1] == 200
    assert set(statuses[:-1]) == {503}


@pytest.mark.parametrize("path", EVERY)
def test_an_answer_of_redis_that_is_cut_off_is_no_answer(server: RedisServer, path: str) -> None:
    whole = client_of(server.url).get(path).data
    for left in (0, 50, 500, 5_000, 50_000, 100_000, 200_000):
        with Relay(server.port) as relay:
            relay.left = left
            response = client_of(relay.url).get(path)
            assert response.data == whole or problem(response, 503), left


@pytest.mark.parametrize("path", EVERY)
def test_a_redis_that_goes_away_and_comes_back_is_told_of(server: RedisServer, path: str) -> None:
    client = client_of(server.url)
    whole = client.get(path).data
    server.kill()
    assert "Retry-After" in client.get(path).headers
    problem(client.get(path), 503)
    server.start()
    assert client.get(path).data == whole


def test_another_sites_store_is_asked_nothing(inventory: Inventory, client: FlaskClient) -> None:
    other = app_on(inventory, site="elsewhere").test_client()
    for path in EVERY:
        assert problem(other.get(path), 503)["type"].endswith("other-site")


def test_a_fleet_that_changes_while_it_is_read_loses_nobody(
    inventory: Inventory, client: FlaskClient
) -> None:
    """Nodes become ready, and so pass from one of the lists that are read to another."""
    inventory.nodes.create_many((node(f"i-0aaa{n:013x}"), event()) for n in range(600))
    every = list(inventory.queries.every(Query()))
    own = Inventory.on(inventory.redis)

    def change() -> None:
        for one in every:
            own.nodes.change(one, event(), state=State.READY)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        found = {len(hosts(client))}
        while changing.is_alive():
            found.add(len(hosts(client)))
    finally:
        changing.join()
    assert found == {601}


def test_what_is_told_is_ascii_whatever_somebody_wrote(
    inventory: Inventory, client: FlaskClient
) -> None:
    inventory.nodes.create(node("i-0feed0feed0feed00", held="é\x1b[31m"), event())

    for path in (PROMETHEUS, ANSIBLE):
        text = client.get(path).data
        assert text.isascii()
        json.loads(text)


def test_the_metrics_say_whether_the_store_is_ready(client: FlaskClient, redis: Redis) -> None:
    assert "\nrolecall_store_ready 1.0\n" in client.get("/metrics").text
    redis.delete("meta")
    assert "\nrolecall_store_ready 0.0\n" in client.get("/metrics").text


def test_nagios_is_told_of_ready_nodes_alone_and_of_their_roles_services(
    inventory: Inventory, client: FlaskClient
) -> None:
    inventory.nodes.create(node("i-0running", state=State.RUNNING), event())
    inventory.nodes.create(node("i-0failed", state=State.FAILED), event())
    said = client.get(NAGIOS).text

    assert GOOD in said
    assert "i-0running" not in said
    assert "i-0failed" not in said
    assert "check_http!-p 80" in said


def test_nagios_is_not_told_of_hosts_without_the_services_of_a_damaged_role(
    client: FlaskClient, redis: Redis
) -> None:
    redis.hset("role:web", "definition", "{")

    assert "role:web" in problem(client.get(NAGIOS), 503)["detail"]
    assert GOOD not in client.get(f"{NAGIOS}?role=db").text


def test_nodes_of_a_role_that_is_gone_are_not_told_to_be_none(
    client: FlaskClient, redis: Redis
) -> None:
    """As between 'init' of a lost store and 'roles apply'."""
    redis.delete("roles", "role:web", "role:db")

    for path in (PROMETHEUS, NAGIOS, f"{PROMETHEUS}?role=web"):
        assert "'provisioner roles apply'" in problem(client.get(path), 503)["detail"]
    assert targets(client, "?port=1") == ["10.0.0.4:1"]
    assert hosts(client) == {GOOD}


@pytest.mark.parametrize("path", EVERY)
def test_an_index_that_is_gone_is_no_empty_fleet(
    client: FlaskClient, redis: Redis, path: str
) -> None:
    redis.delete("nodes:state:ready")

    assert "nodes:state:*" in problem(client.get(path), 503)["detail"]


def test_a_role_is_told_of_without_its_index(client: FlaskClient, redis: Redis) -> None:
    redis.delete("nodes:role:web")

    assert targets(client, "?role=web") == ["10.0.0.4:80"]
