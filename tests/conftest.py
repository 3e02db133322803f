"""What every ring may use: a real Redis, empty for each test, and an inventory in it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime

import pytest
from redis import Redis

from enc.inventory import Event, Inventory, connect
from tests.fakes.clock import START, FakeClock
from tests.servers import RedisServer, embedded_redis, system_redis

BINARIES = {"embedded 6.2": embedded_redis, "system 7.0": system_redis}
on_both_redis = pytest.mark.parametrize("redis_server", BINARIES, indirect=True)


def pytest_configure() -> None:
    """Under nohup, or as a background job, signals are ignored, and children would inherit it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """The system's redis-server, else the embedded one; ``on_both_redis`` asks for each."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    if hasattr(request, "param"):
        server.binary = BINARIES[request.param]() or pytest.skip(f"no {request.param} here")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    client = connect(redis_server.url, timeout=5)
    client.flushall()
    yield client
    client.close()


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
