"""The store away, slow, loading, read-only, lost or spoilt: a problem, never a guess."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import BusyLoadingError, RedisError
from werkzeug.test import TestResponse

from enc.inventory import Inventory, StoreUnavailableError, connect
from enc.web.answers import Answers
from tests.builders import event, foreign, launch, node, role
from tests.conftest import begin, on_each_redis
from tests.redis_binaries import default
from tests.servers import KEEPS_ALL, RedisServer, free_port, stop, wait_until
from tests.service.acl import SERVICE, rules
from tests.service.relay import Relay
from tests.service.web import app_on, client_of, problem, slug

NAME = "i-0aaaaaaaaaaaaaaa1"
OTHER = "db1.example.com"
LAUNCH = "l-00000000000000aa"
# Half a second for Redis, and what a loaded machine needs besides.
SOON = 1.5
PATHS = (
    *(f"/v1/enc/{NAME}", "/v1/nodes", f"/v1/nodes/{NAME}", "/v1/roles", "/readyz"),
    *(f"/v1/nodes/{NAME}/explain", "/v1/nodes?kind=extra&q=i&order=newest", "/v1/roles/web"),
    *("/v1/launches", f"/v1/launches/{LAUNCH}", "/v1/events", "/v1/events?after=0", "/v1/archive"),
    *("/v1/discovery/prometheus", "/v1/discovery/prometheus?role=web&port=9100"),
    *("/v1/discovery/ansible", "/v1/discovery/ansible?role=web", "/v1/discovery/nagios"),
)


def fill(inventory: Inventory) -> None:
    begin(inventory)
    inventory.roles.apply([role()], event())
    inventory.nodes.create(node(NAME), event())
    inventory.nodes.create(foreign(OTHER), event())
    inventory.launches.open(launch(LAUNCH), event())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be harmed; it keeps what it holds when it is started again."""
    options = [*KEEPS_ALL, "--repl-diskless-sync-delay", "0"]
    server = RedisServer(tmp_path / "own", options=options).start()
    fill(Inventory.on(connect(server.url, timeout=5)))
    yield server
    server.end()


@pytest.fixture
def own(server: RedisServer) -> FlaskClient:
    return client_of(server.url)


@pytest.fixture
def filled(inventory: Inventory, client: FlaskClient) -> FlaskClient:
    inventory.roles.apply([role()], event())
    inventory.nodes.create(node(NAME), event())
    inventory.nodes.create(foreign(OTHER), event())
    inventory.launches.open(launch(LAUNCH), event())
    return client


def ask(client: FlaskClient, certname: str = NAME) -> TestResponse:
    return client.get(f"/v1/enc/{certname}")


def owner(response: TestResponse) -> str:
    """Whose classification this is."""
    assert response.status_code == 200, response.text
    return response.text.splitlines()[-1].removeprefix("# end ")


@pytest.mark.parametrize("path", PATHS)
def test_without_redis_nothing_is_known(path: str) -> None:
    client = client_of(f"redis://127.0.0.1:{free_port()}/0")
    found = problem(client.get(path), 503)
    assert slug(found) == "store-unavailable"


def test_without_redis_the_service_is_alive_and_says_what_it_is() -> None:
    client = client_of(f"redis://127.0.0.1:{free_port()}/0")
    assert client.get("/healthz").status_code == 200
    assert client.get("/v1/").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_redis_may_be_behind_a_unix_socket(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "own", options=["--unixsocket", f"{tmp_path}/redis.sock"])
    server.start()
    try:
        client = client_of(f"unix://{tmp_path}/redis.sock")
        problem(ask(client), 503)
        fill(Inventory.on(connect(server.url, timeout=5)))
        assert owner(ask(client)) == NAME
    finally:
        server.end()


def test_a_redis_that_comes_back_is_used_at_once(server: RedisServer, own: FlaskClient) -> None:
    ask(own)
    server.kill()
    problem(ask(own), 503)
    problem(ask(own), 503)
    server.start()
    assert owner(ask(own)) == NAME


def test_a_redis_that_was_restarted_between_two_questions_is_not_missed(
    server: RedisServer, own: FlaskClient
) -> None:
    ask(own)
    server.kill()
    server.start()
    assert owner(ask(own)) == NAME


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_redis_that_does_not_answer_is_not_waited_for(
    server: RedisServer, own: FlaskClient, asked_before: bool
) -> None:
    if asked_before:
        ask(own)
    server.pause()
    try:
        began = time.monotonic()
        problem(ask(own), 503)
        assert time.monotonic() - began < SOON
    finally:
        server.resume()


def test_an_answer_that_comes_late_is_nobody_elses(server: RedisServer, own: FlaskClient) -> None:
    ask(own)
    server.pause()
    problem(ask(own), 503)
    server.resume()
    assert owner(ask(own, OTHER)) == OTHER
    assert owner(ask(own)) == NAME


@pytest.mark.skipif(default().before_7, reason="6.2 cannot be made to load slowly")
def test_a_redis_that_loads_is_not_asked_yet(server: RedisServer, own: FlaskClient) -> None:
    keeper = server.client()
    keeper.mset({f"other:{n}": "x" * 100 for n in range(300)})
    keeper.save()
    keeper.close()
    server.stop()
    slowly = ["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"]
    loading = Loading(server.folder, port=server.port, options=slowly).start()
    try:
        found = problem(ask(own), 503)
        assert "loading" in found["detail"]
        wait_until("Redis", lambda: ask(own).status_code == 200)
    finally:
        loading.stop()


class Loading(RedisServer):
    """Counts as started when it says that it loads."""

    def _answers(self) -> bool:
        client = self.client()
        try:
            return not client.ping()
        except BusyLoadingError:
            return True
        except RedisError:
            return False
        finally:
            client.close()


@pytest.fixture
def replica(server: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    options = ["--replicaof", "127.0.0.1", str(server.port)]
    replica = RedisServer(tmp_path / "replica", options=options).start()
    reader = replica.client()
    wait_until("the replica", lambda: bool(reader.exists("meta")))
    reader.close()
    yield replica
    replica.stop()


def test_a_replica_is_not_believed(replica: RedisServer) -> None:
    client = client_of(replica.url)
    for path in PATHS:
        found = problem(client.get(path), 503)
        assert "primary" in found["detail"], path


def test_a_replica_that_lost_its_primary_is_not_believed(
    server: RedisServer, replica: RedisServer
) -> None:
    server.kill()
    problem(ask(client_of(replica.url)), 503)


def test_a_replica_that_became_the_primary_is_believed(replica: RedisServer) -> None:
    client = client_of(replica.url)
    problem(ask(client), 503)
    promoting = replica.client()
    promoting.replicaof("NO", "ONE")
    promoting.close()
    assert owner(ask(client)) == NAME


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that wants a password, and knows a user who may do little, and the service's own."""
    weak = ["--user", "weak", "on", ">pw", "~*", "+get", "+client"]
    ours = rules(before_7=default().before_7)[SERVICE]
    named = ["--user", SERVICE, "on", ">pw", *ours]
    options = ["--requirepass", "letmein", *weak, *named]
    server = RedisServer(tmp_path / "guarded", options=options)
    server.folder.mkdir()
    process = subprocess.Popen(
        [server.binary, "--port", str(server.port), "--bind", "127.0.0.1", "--save", "", *options],
        stdout=subprocess.DEVNULL,
    )
    client = connect(f"redis://:letmein@127.0.0.1:{server.port}/0", timeout=5)
    wait_until("redis-server", lambda: answers_ping(client))
    fill(Inventory.on(client))
    yield server
    client.close()
    stop(process)


def answers_ping(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.parametrize("login", ["", ":wrong@", "weak:pw@"])
def test_a_redis_that_refuses_us_is_not_guessed_at(guarded: RedisServer, login: str) -> None:
    client = client_of(f"redis://{login}127.0.0.1:{guarded.port}/0")
    for path in PATHS:
        found = problem(client.get(path), 503)
        assert "letmein" not in json.dumps(found), path


@pytest.mark.parametrize("login", [":letmein@", f"{SERVICE}:pw@"])
def test_a_redis_that_knows_us_is_asked(guarded: RedisServer, login: str) -> None:
    client = client_of(f"redis://{login}127.0.0.1:{guarded.port}/0")
    for path in PATHS:
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("path", PATHS)
def test_a_store_without_meta_is_lost(filled: FlaskClient, redis: Redis, path: str) -> None:
    filled.get(path)
    redis.delete("meta")
    found = problem(filled.get(path), 503)
    assert slug(found) == "store-lost"
    assert "provisioner init" in found["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_store_is_not_one_without_nodes(
    filled: FlaskClient, redis: Redis, path: str
) -> None:
    filled.get(path)
    redis.flushall()
    problem(filled.get(path), 503)


@pytest.mark.parametrize("schema", ["2", "", "x", "1.0"])
@pytest.mark.parametrize("path", PATHS)
def test_a_store_of_another_schema_is_not_read(
    filled: FlaskClient, redis: Redis, path: str, schema: str
) -> None:
    filled.get(path)
    redis.hset("meta", "schema", schema)
    problem(filled.get(path), 503)


@pytest.mark.parametrize("path", PATHS)
def test_a_store_whose_meta_lacks_the_schema_is_not_read(
    filled: FlaskClient, redis: Redis, path: str
) -> None:
    redis.hdel("meta", "schema")
    problem(filled.get(path), 503)


WRONG: dict[str, Any] = {
    "string": lambda redis, key: redis.set(key, "x"),
    "list": lambda redis, key: redis.rpush(key, "x"),
    "hash": lambda redis, key: redis.hset(key, "x", "y"),
}
LOOKED_UP = [
    (f"/v1/enc/{NAME}", "meta", "hash", 503),
    (f"/v1/enc/{NAME}", f"node:{NAME}", "hash", 422),
    (f"/v1/enc/{NAME}", "role:web", "hash", 422),
]
READ = [
    *((path, "meta", "hash", 503) for path in PATHS[1:]),
    ("/v1/nodes", "nodes", "zset", 503),
    ("/v1/nodes?role=web", "nodes:role:web", "zset", 503),
    ("/v1/nodes?state=running", "nodes:state:running", "zset", 503),
    ("/v1/nodes?market=spot", "nodes:market:spot", "zset", 503),
    ("/v1/nodes?role=web&state=running", "nodes:state:running", "zset", 503),
    ("/v1/nodes", f"node:{NAME}", "hash", 503),
    (f"/v1/nodes/{NAME}", f"node:{NAME}", "hash", 422),
    ("/v1/nodes/web.example.com", "name:web.example.com", "string", 422),
    ("/v1/nodes/i-0gone", "archive:i-0gone", "hash", 422),
    ("/v1/roles", "roles", "set", 503),
    ("/v1/roles", "role:web", "hash", 503),
    ("/v1/roles", "fleet:web", "hash", 503),
    ("/v1/roles", "ran:web", "hash", 503),
    ("/v1/roles", "nodes:role:web", "zset", 503),
    ("/v1/roles/web", "role:web", "hash", 422),
    ("/v1/roles/web", "ran:web", "hash", 422),
    ("/v1/nodes?kind=extra", "nodes:kind:extra", "zset", 503),
    ("/v1/nodes?q=i", "nodes:texts", "zset", 503),
    ("/v1/launches", "launches", "zset", 503),
    ("/v1/launches", f"launch:{LAUNCH}", "hash", 503),
    (f"/v1/launches/{LAUNCH}", f"launch:{LAUNCH}", "hash", 422),
    ("/v1/events", "events", "stream", 503),
    ("/v1/events?after=0", "events", "stream", 503),
    ("/v1/archive", "archived", "zset", 503),
    ("/v1/discovery/prometheus", "nodes:state:running", "zset", 503),
    ("/v1/discovery/prometheus", "nodes:state:failed", "zset", 503),
    ("/v1/discovery/prometheus", "roles", "set", 503),
    ("/v1/discovery/prometheus", "role:web", "hash", 503),
    ("/v1/discovery/ansible", "nodes:state:ready", "zset", 503),
    ("/v1/discovery/ansible", "roles", "set", 503),
    ("/v1/discovery/nagios", "nodes:state:ready", "zset", 503),
    ("/v1/discovery/nagios", "role:web", "hash", 503),
    (f"/v1/nodes/{NAME}/explain", f"node:{NAME}", "hash", 422),
]


@on_each_redis
@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("read", LOOKED_UP, ids=lambda read: read[1])
def test_a_value_of_the_wrong_type_is_named_in_a_look_up(
    filled: FlaskClient, redis: Redis, read: tuple[str, str, str, int], kind: str
) -> None:
    check_named(filled, redis, read, kind)


@pytest.mark.parametrize("kind", ["string", "list"])
@pytest.mark.parametrize("read", READ, ids=lambda read: f"{read[0]} {read[1]}")
def test_a_value_of_the_wrong_type_is_named_and_not_guessed_around(
    filled: FlaskClient, redis: Redis, read: tuple[str, str, str, int], kind: str
) -> None:
    check_named(filled, redis, read, kind)


def check_named(
    client: FlaskClient, redis: Redis, read: tuple[str, str, str, int], kind: str
) -> None:
    path, key, right, status = read
    if kind == right:
        kind = "list"
    client.get(path)
    redis.delete(key)
    WRONG[kind](redis, key)
    assert key in problem(client.get(path), status)["detail"]


def test_an_archive_of_the_wrong_type_does_not_make_a_live_node_unknown(
    filled: FlaskClient, redis: Redis
) -> None:
    redis.set(f"archive:{NAME}", "x")
    assert owner(ask(filled)) == NAME


def test_scripts_that_redis_forgot_are_taught_again(filled: FlaskClient, redis: Redis) -> None:
    for _ in range(2):
        assert owner(ask(filled)) == NAME
        redis.script_flush()
    assert owner(ask(filled, OTHER)) == OTHER


@on_each_redis
def test_a_question_is_one_round_trip_once_the_role_is_known(
    filled: FlaskClient, redis_server: RedisServer
) -> None:
    ask(filled)
    watching, ending = redis_server.client(), redis_server.client()
    # What redis-py says of itself (CLIENT SETINFO), it says when it connects.
    ending.ping()
    with watching.monitor() as monitor:
        for certname in (NAME, OTHER, "i-0unknown"):
            ask(filled, certname)
        ending.set("the end", "")
        seen = []
        for said in monitor.listen():
            if said["client_type"] == "lua":
                continue
            if said["command"].startswith("SET the end"):
                break
            seen.append(said["command"].split()[0].upper())
    watching.close()
    ending.close()
    assert seen == ["EVALSHA"] * 3


def test_many_at_once_get_their_own_answers(inventory: Inventory, filled: FlaskClient) -> None:
    names = [f"i-{n:017x}" for n in range(40)]
    inventory.nodes.create_many([(node(name), event()) for name in names])
    app = filled.application

    def all_of(_: int) -> list[str]:
        mine = app.test_client()
        return [owner(ask(mine, name)) for name in names]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(all_of, range(8))) == [names] * 8


@pytest.mark.parametrize("asked_before", [True, False])
def test_an_answer_that_is_cut_off_is_no_answer(
    redis_server: RedisServer, filled: FlaskClient, asked_before: bool
) -> None:
    """At any byte. On a connection that lay idle the question is asked once more."""
    whole = ask(filled).data
    statuses = set()
    for left in range(0, len(whole), 97):
        with Relay(redis_server.port) as relay:
            client = client_of(relay.url)
            if asked_before:
                ask(client, OTHER)
            relay.left = left
            response = ask(client)
            statuses.add(response.status_code)
            assert response.data == whole or problem(response, 503), left
            assert owner(ask(client, OTHER)) == OTHER
    assert statuses == ({200} if asked_before else {503})


class Hurried:
    """Look-ups between which, and the reading of the role, somebody applies another definition."""

    def __init__(self, inventory: Inventory, times: int) -> None:
        self._inventory, self._times = inventory, times
        self.applied = 0

    def ask(self, certname: str) -> str:
        return self._inventory.lookups.ask(certname)

    def read(self, certname: str, text: str) -> Any:
        return self._inventory.lookups.read(certname, text)

    def definition(self, name: str) -> Any:
        if self.applied < self._times:
            self.applied += 1
            definition = {
                "classes": {f"version{self.applied}": {}},
                "environment": f"env{self.applied}",
            }
            self._inventory.roles.apply([role(name, definition=definition)], event())
        return self._inventory.lookups.definition(name)


def test_a_role_that_changes_meanwhile_is_looked_up_again(
    inventory: Inventory, filled: FlaskClient
) -> None:
    hurried = Hurried(inventory, times=2)
    found = yaml.safe_load(Answers(hurried, "default").to(NAME))  # type: ignore[arg-type]
    assert found["classes"] == {"version2": {}}
    assert found["environment"] == "env2"


def test_a_role_that_never_stands_still_is_no_answer(
    inventory: Inventory, filled: FlaskClient
) -> None:
    hurried = Hurried(inventory, times=100)
    with pytest.raises(StoreUnavailableError, match="changed"):
        Answers(hurried, "default").to(NAME)  # type: ignore[arg-type]
    assert hurried.applied < 10


def test_answers_are_right_while_roles_and_nodes_change_all_the_time(
    inventory: Inventory, filled: FlaskClient
) -> None:
    """Class and environment of a definition belong together: they never come from two."""
    over = threading.Event()

    def apply() -> None:
        own = Inventory.on(inventory.redis)
        for n in range(10_000):
            if over.is_set():
                return
            definition = {"classes": {f"v{n}": {}}, "environment": f"e{n}"}
            own.roles.apply([role(definition=definition)], event())

    writing = threading.Thread(target=apply)
    writing.start()
    try:
        answers = [ask(filled) for _ in range(150)]
    finally:
        over.set()
        writing.join()
    mixed = 0
    for answer in answers:
        if answer.status_code == 200 and "environment" in answer.text:
            found = yaml.safe_load(answer.text)
            (name,) = found["classes"]
            mixed += name[1:] != found["environment"][1:]
    assert mixed == 0
    assert {answer.status_code for answer in answers} <= {200, 503}


def test_a_connection_is_not_shared_with_a_forked_child(
    inventory: Inventory, filled: FlaskClient
) -> None:
    """The service forks before it connects; this is for whoever does it after."""
    lookups = inventory.lookups
    assert f"node:{NAME}" in lookups.ask(NAME)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if all(f"node:{OTHER}" in lookups.ask(OTHER) for _ in range(200)) else 1)
    mine = [lookups.ask(NAME) for _ in range(200)]
    _, status = os.waitpid(pid, 0)
    assert all(f"node:{NAME}" in said for said in mine)
    assert status == 0


class Crossed(Hurried):
    """Somehow the answer to another question comes back."""

    def ask(self, certname: str) -> str:
        return super().ask(OTHER)


def test_the_answer_to_another_question_is_no_answer(
    inventory: Inventory, filled: FlaskClient
) -> None:
    with pytest.raises(StoreUnavailableError, match="another question"):
        Answers(Crossed(inventory, times=0), "default").to(NAME)  # type: ignore[arg-type]


def test_the_service_is_not_ready_for_another_sites_store(inventory: Inventory) -> None:
    client = app_on(inventory, site="elsewhere").test_client()
    found = problem(client.get("/readyz"), 503)
    assert "default" in found["detail"]
    assert "elsewhere" in found["detail"]


@pytest.mark.parametrize("path", [f"/v1/enc/{NAME}", "/v1/nodes", f"/v1/nodes/{NAME}", "/v1/roles"])
def test_another_sites_store_is_asked_nothing(
    inventory: Inventory, filled: FlaskClient, path: str
) -> None:
    """Were REDIS_URL wrong, Puppet would get another site's classes."""
    assert filled.get(path).status_code == 200
    client = app_on(inventory, site="elsewhere").test_client()
    assert problem(client.get(path), 503)["type"].endswith("other-site")


REFUSALS = {
    "full": ({"maxmemory": "1", "maxmemory-policy": "noeviction"}, "raise its maxmemory"),
    "without replicas": ({"min-replicas-to-write": "1"}, "min-replicas-to-write"),
}


@pytest.mark.parametrize(("settings", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_redis_that_takes_no_writes_is_not_ready_and_answers_look_ups(
    server: RedisServer, own: FlaskClient, settings: dict[str, str], said: str
) -> None:
    with server.client() as admin:
        for name, value in settings.items():
            admin.config_set(name, value)

    found = problem(own.get("/readyz"), 503)

    assert slug(found) == "store-unavailable"
    assert said in found["detail"]
    assert "look-ups are answered" in found["detail"]
    assert owner(ask(own)) == NAME


def test_to_ask_whether_it_is_ready_changes_nothing(client: FlaskClient, redis: Redis) -> None:
    before = redis.keys()
    assert client.get("/readyz").status_code == 200
    assert redis.keys() == before


def test_the_service_is_ready_for_its_own_store(client: FlaskClient) -> None:
    assert client.get("/readyz").get_json() == {"status": "ready", "site": "default", "schema": 1}
