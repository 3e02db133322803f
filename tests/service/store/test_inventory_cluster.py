"""What is said of a Redis that cannot be ours: one server of a cluster, or one that is crowded."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from enc.inventory import Inventory, StoreRefusedError, StoreUnavailableError, connect
from tests.servers import RedisServer, free_port, wait_until
from tests.service.broken import end

_SLOTS = 16384
_BUS = 10_000


def cluster_port() -> int:
    """One that has another free one for the cluster's own talk, ten thousand above."""
    while True:
        port = free_port()
        if port + _BUS < 2**16:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port + _BUS)):
                    return port


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Of a cluster of two, half of whose keys it has."""
    folder = tmp_path_factory.mktemp("cluster")
    options = ("--cluster-enabled", "yes")
    servers = [
        RedisServer(folder / name, port=cluster_port(), options=options).start() for name in "ab"
    ]
    try:
        ours, other = (server.client() for server in servers)
        ours.execute_command("CLUSTER", "ADDSLOTS", *range(_SLOTS // 2))
        other.execute_command("CLUSTER", "ADDSLOTS", *range(_SLOTS // 2, _SLOTS))
        ours.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[1].port)
        wait_until(
            "the cluster",
            lambda: "cluster_state:ok" in str(ours.execute_command("CLUSTER", "INFO")),
        )
        yield servers[0]
    finally:
        for server in servers:
            end(server)


def told(url: str) -> StoreUnavailableError:
    client = connect(url, timeout=1)
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            Inventory.on(client).meta.get()
        return caught.value
    finally:
        client.close()


@pytest.mark.parametrize("database", [0, 1])
def test_a_clusters_server_is_told_as_that_and_not_in_its_own_words(
    member: RedisServer, database: int
) -> None:
    """The key meta is at the other server; a database 1 is at none."""
    error = told(member.url.removesuffix("0") + str(database))

    assert isinstance(error, StoreRefusedError)
    assert "one server of a Redis Cluster" in str(error)
    assert "127.0.0.1" not in str(error)


def test_a_redis_with_too_many_clients_says_which_limit_to_raise(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis").start()
    only = server.client()
    try:
        # The one that sets it is the one that it has.
        only.config_set("maxclients", 1)
        error = told(server.url)
    finally:
        only.close()
        end(server)

    assert not isinstance(error, StoreRefusedError)
    assert "raise maxclients" in str(error)
