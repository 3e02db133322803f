"""Each program is a user of Redis' ACL that may do what the program does, and nothing else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from enc.domain.model import Backoff, Hold, Node, State
from enc.domain.trust import password as challenge
from enc.inventory import (
    COMMAND_TIMEOUT,
    Inventory,
    Query,
    StoreError,
    StoreRefusedError,
    connect,
)
from enc.inventory.clock import redis_now
from enc.outputs.zones import NameServer, Zones
from tests.builders import event, launch, node, role
from tests.conftest import BINARIES, SINCE_7, begin
from tests.csrs import ec_key, request
from tests.fakes.clock import START
from tests.redis_binaries import Binary, oldest
from tests.servers import RedisServer
from tests.service.acl import PROVISIONER, READER, ROOT, SERVICE, aclfile, login, rules, url
from tests.service.broken import reads, writes
from tests.service.exporter import Exporter
from tests.service.invariants import dump
from tests.service.store.test_inventory_docs import LINES
from tests.service.web import client_of
from tests.summaries import body

NODE = "i-00000000000000001"
KEY = "5e" * 32
REFUSED = 403
# What Redis says for want of a right, of a command and of a script's: 6.2, 7.0, and 7.2 and later.
REFUSAL = "has no permissions|executing the script can't|NOPERM|No permissions to access a key"
# Keys that only others write, and how somebody would.
NOT_THE_SERVICES = [
    ("HSET", "meta", "site", "mine"),
    ("DEL", "meta"),
    ("SADD", "roles", "mine"),
    ("HSET", "role:web", "definition", "{}"),
    ("DEL", "role:web"),
    ("HSET", "launch:l-00000000000000aa", "key", "mine"),
    ("ZADD", "launches", "1", "l-mine"),
    ("HSET", "archive:i-0dead", "role", "web"),
    ("ZREM", "archived", "i-0dead"),
    ("HSET", "drought:spot:c5.large:us-east-1a", "until", "never"),
    ("SET", "hold:web", "mine"),
    ("SET", "pause", "mine"),
    ("DEL", "lease:converge"),
    ("SET", "suspect:node:i-0dead", "1"),
    ("SET", f"order:{NODE}", "retiring"),
    ("SET", "orders", "1"),
    ("SET", f"signed:{NODE}", "mine"),
    ("DEL", f"signed:{NODE}"),
    ("DEL", f"node:{NODE}"),
    ("HDEL", f"node:{NODE}", "csr_key"),
    ("DEL", "events"),
    ("XTRIM", "events", "MAXLEN", "0"),
    ("XDEL", "events", "1-1"),
    ("XSETID", "events", "18446744073709551615-1"),
    ("DEL", f"life:{NODE}"),
    ("EXPIRE", f"node:{NODE}", "1"),
    ("RENAME", f"node:{NODE}", "node:i-0feed"),
    ("COPY", f"node:{NODE}", "node:i-0feed"),
    ("SET", f"node:{NODE}", "mine"),
    ("ZREMRANGEBYRANK", "nodes", "0", "-1"),
    ("SET", "anything", "else"),
]
# Of the examples in docs/redis.md.
NOT_THE_READERS = re.compile("^DEL |launch|verdict")
# A command that a rule gives, in a selector, too.
WORD = re.compile(r"\+([a-z|@]+)")
NOBODYS = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("SHUTDOWN", "NOSAVE"),
    ("SCRIPT", "FLUSH"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("REPLICAOF", "NO", "ONE"),
    ("SAVE",),
    ("MONITOR",),
    ("SWAPDB", "0", "1"),
]


@pytest.fixture(scope="module", params=SINCE_7)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    binary = BINARIES[request.param]
    yield from started(tmp_path_factory.mktemp("acl"), binary)


@pytest.fixture(scope="module")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    yield from started(tmp_path_factory.mktemp("acl"), oldest())


def started(folder: Path, binary: Binary) -> Iterator[RedisServer]:
    path = aclfile(folder, before_7=binary.before_7)
    options = ("--aclfile", str(path))
    running = RedisServer(folder, binary.path, options=options, login=login(ROOT))
    running.start()
    yield running
    running.kill()


@pytest.fixture
def root(server: RedisServer) -> Iterator[Redis]:
    """May do everything; the store is new for each test."""
    yield from filled(server)


def filled(server: RedisServer) -> Iterator[Redis]:
    redis = connect(url(server, ROOT), timeout=COMMAND_TIMEOUT)
    redis.flushall()
    store = Inventory.on(redis)
    begin(store)
    now = redis_now(redis)
    store.roles.apply([role("web")], event())
    store.launches.open(
        launch(key=KEY, opened_at=now, key_expires=now + timedelta(hours=1)), event()
    )
    store.nodes.create(node(NODE, launch="l-00000000000000aa", state=State.PENDING), event())
    yield redis
    redis.close()


def as_user(server: RedisServer, user: str) -> Inventory:
    return Inventory.on(connect(url(server, user), timeout=COMMAND_TIMEOUT))


def ask_everything(server: RedisServer) -> None:
    """The service at its work, as one of its users."""
    zones = Zones(
        forward=("f.example",),
        reverse=("10.in-addr.arpa",),
        servers=(NameServer(name="ns.example"),),
    )
    client = client_of(url(server, SERVICE), zones=zones)
    for path in (
        *("/readyz", f"/v1/enc/{NODE}", "/v1/nodes", "/v1/nodes?role=web&state=pending&q=i-"),
        *(f"/v1/nodes/{NODE}", f"/v1/nodes/{NODE}/explain", "/v1/roles", "/v1/roles/web"),
        *("/v1/launches", "/v1/launches?state=open", f"/v1/launches/{launch().id}", "/v1/events"),
        *("/v1/events?after=0&who=x", "/v1/events?what=x", "/v1/archive?role=web"),
        *("/", "/nodes", "/nodes?order=newest&kind=fleet&q=i-", f"/nodes/{NODE}", "/roles/web"),
        *("/launches", "/launches/l-00000000000000aa", "/events", "/events?what=test", "/history"),
        *(f"/v1/discovery/{tool}" for tool in ("prometheus", "ansible", "nagios")),
        *("/v1/discovery/ansible?role=web", "/metrics"),
        *(f"/dns/lookup/{name}.f.example./ANY" for name in (NODE, "web", "nobody")),
        *(f"/dns/lookup/{name}0.0.10.in-addr.arpa./ANY" for name in ("1.", "")),
    ):
        assert client.get(path).status_code == 200, path
    good = request(NODE, challenge(KEY, NODE), key=ec_key())
    assert client.post(f"/v1/autosign/{NODE}", data=good).status_code == 200
    stranger = request("i-0feed", "0" * 64, key=ec_key())
    assert client.post("/v1/autosign/i-0feed", data=stranger).status_code == REFUSED
    taken = client.post("/v1/reports", data=body(NODE), content_type="application/json")
    assert taken.status_code == 204, taken.text
    assert client.get(f"/v1/nodes/{NODE}").get_json()["state"] == "ready"


def converge_at_work(store: Inventory) -> None:
    """Everything that it keeps for the next pass, under its lease."""
    lease = store.leases.take("alice@ops", "1", timedelta(seconds=60))
    under = store.under(lease)
    stopped = Hold(role="web", why="why", since=START, by="alice@ops", nodes=(NODE,))
    under.holds.put(stopped, event())
    assert under.holds.all(["web"]) == {"web": stopped}
    assert under.holds.lift(stopped, event())
    assert under.holds.approvals(["web"])["web"].nodes == (NODE,)
    under.backoffs.put(Backoff(role="web", spec_hash="", at=START, until=START), event())
    assert list(under.backoffs.all(["web"])) == ["web"]
    under.suspects.add([f"absent:{NODE}"], START)
    assert under.suspects.all() == {f"absent:{NODE}": START}
    under.suspects.clear([f"absent:{NODE}"])
    assert not under.counts.put_right("web", event("recounted"))
    store.redis.delete("fleet:web")
    assert under.counts.put_right("web", event("recounted"))
    under.sweeps.note(["us-east-1"], timedelta(hours=1))
    assert under.sweeps.done()
    store.leases.renew(lease, timedelta(seconds=60))
    store.leases.give_back(lease)


class TestTheService:
    def test_may_do_all_that_it_does(self, server: RedisServer, root: Redis) -> None:
        ask_everything(server)

    def test_may_read_all_that_there_is(self, server: RedisServer, root: Redis) -> None:
        for read in reads(as_user(server, SERVICE)):
            read()

    @pytest.mark.parametrize("command", NOT_THE_SERVICES, ids=" ".join)
    def test_may_not_change_what_it_only_reads(
        self, server: RedisServer, root: Redis, command: tuple[str, ...]
    ) -> None:
        assert_refused(server, root, SERVICE, command)

    @pytest.mark.parametrize("command", NOT_THE_SERVICES, ids=" ".join)
    def test_may_not_change_it_by_a_script_either(
        self, server: RedisServer, root: Redis, command: tuple[str, ...]
    ) -> None:
        script = "return redis.call(unpack(ARGV))"
        assert_refused(server, root, SERVICE, ("EVAL", script, "0", *command))

    @pytest.mark.parametrize("command", NOBODYS, ids=" ".join)
    def test_may_not_touch_the_server(
        self, server: RedisServer, root: Redis, command: tuple[str, ...]
    ) -> None:
        assert_refused(server, root, SERVICE, command)

    def test_may_type_no_command_but_those_that_its_rules_name(
        self, server: RedisServer, root: Redis
    ) -> None:
        named = {word for rule in rules()[SERVICE] for word in WORD.findall(rule)}
        assert not [word for word in named if word.startswith("@")]
        known = root.execute_command("COMMAND LIST")
        assert named < set(known)

        containers = {name.partition("|")[0] for name in known if "|" in name}
        # Of a connection's own, which Redis asks nobody about.
        free = {"quit", "reset"}
        for command in sorted({*known} - named - containers - free):
            [[_, arity, *_]] = root.execute_command("COMMAND INFO", command)
            name = command.split("|")
            words = [*name, *["1"] * (abs(arity) - len(name))]
            said = str(root.execute_command("ACL DRYRUN", SERVICE, *words))
            assert "has no permissions to run" in said, command

    def test_whose_rights_are_older_than_a_key_leaves_nothing_half_done(
        self, server: RedisServer, root: Redis
    ) -> None:
        words = [word for word in rules()[SERVICE] if "~" in word and "ran:" not in word]
        root.execute_command("ACL", "SETUSER", SERVICE, "resetkeys", *words)
        before = dump(root)
        try:
            with pytest.raises(StoreRefusedError, match=r"rights that docs/redis\.md names"):
                running(as_user(server, SERVICE))
        finally:
            root.execute_command("ACL", "LOAD")
            # It may close the connections of users who were there before, this one among them.
            root.connection_pool.disconnect()
        assert dump(root) == before

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.roles.apply([role("new")], event()),
            lambda store: store.launches.open(launch("l-new"), event()),
            lambda store: store.nodes.create(
                node("i-0000000000000000f", launch="l-00000000000000aa"), event()
            ),
            lambda store: store.nodes.change(known(store), event(), state=State.RETIRING),
            lambda store: store.nodes.archive(replace(known(store), state=State.RETIRING), event()),
        ],
        ids=["apply", "open", "create", "retire", "archive"],
    )
    def test_leaves_nothing_half_done_of_what_is_the_provisioners(
        self, server: RedisServer, root: Redis, write: Callable[[Inventory], object]
    ) -> None:
        """It has no business with these; whoever takes its URL for the provisioner's might."""
        store = as_user(server, SERVICE)
        before = dump(root)

        with pytest.raises(StoreRefusedError, match=r"rights that docs/redis\.md names"):
            write(store)

        assert dump(root) == before


class TestTheProvisioner:
    def test_may_do_all_that_it_does(self, server: RedisServer, root: Redis) -> None:
        """Each write that the inventory knows, on a store as it finds it, and each read."""
        root.flushall()
        store = as_user(server, PROVISIONER)
        begin(store)
        store.roles.apply([role("web")], event())
        store.launches.open(launch(), event())
        known = store.nodes.create(node(NODE, held="x"), event())

        for write in writes(store):
            done_or_conflict(write)
        for read in reads(store):
            read()
        converge_at_work(store)
        store.nodes.archive(retiring(store, known.certname), event())

    @pytest.mark.parametrize(
        "command",
        [
            ("SET", "hold:web", "why"),
            ("SET", "pause", "why"),
            ("SET", "lease:converge", "me", "NX", "PX", "1000"),
            ("SET", "suspect:node:i-0dead", "1", "EX", "86400"),
        ],
        ids=" ".join,
    )
    def test_may_hold_pause_suspect_and_lease(
        self, server: RedisServer, root: Redis, command: tuple[str, ...]
    ) -> None:
        assert as_user(server, PROVISIONER).redis.execute_command(*command)

    @pytest.mark.parametrize("command", [*NOBODYS, ("SET", "anything", "else")], ids=" ".join)
    def test_may_not_touch_the_server_or_what_is_not_ours(
        self, server: RedisServer, root: Redis, command: tuple[str, ...]
    ) -> None:
        assert_refused(server, root, PROVISIONER, command)


class TestAnExporter:
    def test_needs_no_more_than_the_provisioner_may(
        self, server: RedisServer, root: Redis, tmp_path: Path
    ) -> None:
        exporter = Exporter(as_user(server, PROVISIONER), tmp_path)
        assert exporter.once().written
        assert not exporter.once().written
        assert exporter.inventory.events.page(1).events


class TestAReader:
    def test_sees_nodes_roles_and_events(self, server: RedisServer, root: Redis) -> None:
        reader = as_user(server, READER)

        assert reader.redis.hget(f"node:{NODE}", "role") == "web"
        assert reader.redis.zrange("nodes", 0, -1) == [NODE]
        assert reader.redis.xrange("events", count=1)

    def test_may_type_what_the_docs_show(self, server: RedisServer, root: Redis) -> None:
        reader = as_user(server, READER)
        shown = [line for line in LINES if not NOT_THE_READERS.search(line)]

        for line in shown:
            reader.redis.execute_command(*shlex.split(line))
        assert len(shown) > 20

    @pytest.mark.parametrize(
        "command",
        [
            ("HGET", "launch:l-00000000000000aa", "key"),
            ("HSET", f"node:{NODE}", "role", "mine"),
            ("DEL", f"node:{NODE}"),
            ("EVAL", "return 1", "0"),
            *NOBODYS,
        ],
        ids=" ".join,
    )
    def test_sees_no_secret_and_changes_nothing(
        self, server: RedisServer, root: Redis, command: tuple[str, ...]
    ) -> None:
        assert_refused(server, root, READER, command)


class TestNobody:
    @pytest.mark.parametrize("user", ["", "default", "rolecall-service", "somebody"])
    def test_is_let_in_without_the_right_password(
        self, server: RedisServer, root: Redis, user: str
    ) -> None:
        words = f"{user}:wrong@" if user else ""
        redis = connect(f"redis://{words}127.0.0.1:{server.port}/0", timeout=COMMAND_TIMEOUT)

        with pytest.raises(RedisError):
            redis.get("meta")


class TestRedisBefore7:
    def test_the_service_may_do_all_that_it_does(self, old_server: RedisServer) -> None:
        for _ in filled(old_server):
            ask_everything(old_server)

    @pytest.mark.parametrize("command", [*NOBODYS, ("SET", "anything", "else")], ids=" ".join)
    def test_the_service_may_not_touch_the_server_or_what_is_not_ours(
        self, old_server: RedisServer, command: tuple[str, ...]
    ) -> None:
        for root in filled(old_server):
            assert_refused(old_server, root, SERVICE, command)


def assert_refused(server: RedisServer, root: Redis, user: str, command: tuple[str, ...]) -> None:
    """By Redis, for want of a right, and nothing has changed."""
    before = dump(root)
    redis = as_user(server, user).redis
    with pytest.raises(RedisError, match=REFUSAL):
        redis.execute_command(*command)
    redis.close()
    assert dump(root) == before


def done_or_conflict(write: Callable[[], object]) -> None:
    """A write may meet what is there already; a right that is missing is no conflict."""
    try:
        write()
    except StoreRefusedError:
        raise
    except StoreError:
        pass


def known(store: Inventory) -> Node:
    found = store.nodes.get(NODE)
    assert found
    return found


def running(store: Inventory) -> Node:
    return store.nodes.change(known(store), event(), state=State.RUNNING)


def retiring(store: Inventory, certname: str) -> Node:
    known = store.nodes.get(certname)
    assert known
    if known.state is State.RETIRING:
        return known
    return store.nodes.change(known, event(), state=State.RETIRING)


def test_a_query_is_answered_for_the_service(server: RedisServer, root: Redis) -> None:
    queries = as_user(server, SERVICE).queries
    assert len(queries.page(Query(role="web", state=State.PENDING), limit=9).nodes) == 1
