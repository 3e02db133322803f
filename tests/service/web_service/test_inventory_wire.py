"""What lies between us and Redis: late and lost answers, cut connections, forgotten scripts."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from enc.domain.model import LaunchState
from enc.inventory import Inventory, Query, StoreError, StoreUnavailableError, connect
from tests.builders import event, launch, node, role
from tests.conftest import BINARIES
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.broken import (
    ATTEMPT,
    NODE,
    OTHER,
    POOL,
    TIMEOUT,
    breakable,
    filled,
    reads,
    writes,
)
from tests.service.invariants import check
from tests.service.relay import Relay

# Interruptions of one test.
STORM = 300
BOTH = [replace(NODE, rev=1), replace(OTHER, rev=1)]


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    yield from breakable(request.param, tmp_path)


@pytest.fixture
def store(server: RedisServer) -> Iterator[Inventory]:
    yield from filled(server)


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
        lambda s: s.launches.close(launch().id, LaunchState.FAILED, event("once")),
        lambda s: s.launches.record_attempt(launch().id, ATTEMPT, event("once")),
        lambda s: s.droughts.note([POOL], START),
    ):
        with Relay(server.port) as relay:
            there = Inventory.on(connect(relay.url, timeout=TIMEOUT))
            there.redis.ping()
            relay.left = 0
            with pytest.raises(StoreUnavailableError):
                write(there)
            # Applying roles reads before it writes, and so is cut before.
            assert relay.asked.count(b"EVALSHA") == 1
            assert there.nodes.get(NODE.certname) is not None
            there.redis.close()
    check(store.redis)


def test_a_connection_cut_at_any_byte_gives_the_right_answer_or_none(
    server: RedisServer, store: Inventory
) -> None:
    store.nodes.create(OTHER, event())
    with Relay(server.port) as relay:
        there = Inventory.on(connect(relay.url, timeout=TIMEOUT))
        outcomes = set()
        for left in [*range(0, 200, 7), *range(200, 1600, 97)]:
            relay.left = left
            for each in (BOTH[0], BOTH[1], BOTH[0]):
                try:
                    assert there.nodes.get(each.certname) == each
                    outcomes.add("right")
                except StoreUnavailableError:
                    outcomes.add("none")
            relay.left = None
            assert there.nodes.many([each.certname for each in BOTH]) == BOTH
        assert outcomes == {"right", "none"}
        there.redis.close()


class Interrupt(BaseException):
    """What a signal handler raises, wherever the program stands."""


def interrupt(*_: object) -> None:
    raise Interrupt


def ask(store: Inventory, turn: int) -> None:
    """One question of three, and its right answer."""
    each = BOTH[turn % 2]
    if turn % 3 == 0:
        assert store.lookups.look_up(each.certname).node == each
    elif turn % 3 == 1:
        assert store.queries.page(Query(q=each.certname), limit=1).nodes == (each,)
    else:
        assert store.nodes.get(each.certname) == each


def prepare(store: Inventory, turn: int) -> None:
    """Half of the questions begin with making the connection, which is as delicate."""
    if turn % 4 < 2:
        store.redis.connection_pool.disconnect()


def interrupted(store: Inventory, turn: int, seconds: float) -> bool:
    prepare(store, turn)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
        ask(store, turn)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupt:
        return True
    return False


@pytest.fixture
def alarm() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


# Sockets that were just being made have no owner yet: the garbage collector closes those.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("alarm")
def test_an_interrupt_at_any_point_never_leaves_an_answer_for_the_next_question(
    store: Inventory,
) -> None:
    store.nodes.create(OTHER, event())
    began = time.monotonic()
    for turn in range(60):
        prepare(store, turn)
        ask(store, turn)
    typical = (time.monotonic() - began) / 60
    count = 0
    for turn in range(20 * STORM):
        if interrupted(store, turn, typical * (turn % 101) / 70):
            count += 1
            # What comes next is not disturbed, and must be right.
            ask(store, turn + 1)
            if count % 40 == 0:
                # redis-py loses count of connections that it was just making, and allows 100.
                store.redis.connection_pool.reset()
        if count == STORM:
            break
    gc.collect()
    assert count == STORM


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
