"""Before the service starts: what would keep it from ever answering stops it, and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from enc.inventory import Inventory
from tests.conftest import begin
from tests.redis_binaries import default
from tests.servers import RedisServer, free_port
from tests.service.acl import PROVISIONER, READER, ROOT, SERVICE, aclfile, login, url
from tests.service.enc_script import is_one_line

SECONDS = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder = tmp_path_factory.mktemp("preflight")
    binary = default()
    # 6.2 where there is no other: then the reader is refused for its commands alone.
    options = ("--aclfile", str(aclfile(folder, before_7=binary.before_7)))
    running = RedisServer(folder, binary.path, options=options, login=login(ROOT)).start()
    yield running
    running.kill()


@pytest.fixture
def root(server: RedisServer) -> Iterator[Redis]:
    client = server.client()
    client.flushall()
    begin(Inventory.on(client))
    yield client
    client.close()


def preflight(**environment: str) -> tuple[int, str]:
    """(exit code, standard error)."""
    done = subprocess.run(
        [sys.executable, "-m", "enc.preflight"],
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def refuses(said: str, *words: str) -> None:
    assert is_one_line(said), said
    assert said.startswith("rolecall: the service cannot start: ")
    for word in words:
        assert word in said


class TestLetsItStart:
    def test_without_a_word_where_all_is_well(self, server: RedisServer, root: Redis) -> None:
        assert preflight(REDIS_URL=url(server, SERVICE)) == (0, "")

    def test_and_changes_nothing(self, server: RedisServer, root: Redis) -> None:
        before = sorted(root.keys())
        preflight(REDIS_URL=url(server, SERVICE))
        assert sorted(root.keys()) == before

    def test_where_redis_is_away_and_says_what_it_waits_for(self) -> None:
        code, said = preflight(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

        assert code == 0
        assert is_one_line(said)
        assert "waits: Redis cannot be reached" in said

    def test_where_nobody_has_begun_the_store(self, server: RedisServer, root: Redis) -> None:
        root.flushall()

        code, said = preflight(REDIS_URL=url(server, SERVICE))

        assert code == 0
        assert "provisioner init" in said

    def test_where_redis_does_not_answer(self, server: RedisServer, root: Redis) -> None:
        server.pause()
        try:
            code, said = preflight(REDIS_URL=url(server, SERVICE))
        finally:
            server.resume()

        assert code == 0
        assert "did not answer in time" in said

    def test_where_its_port_is_free(self, server: RedisServer, root: Redis) -> None:
        bind = f"127.0.0.1:{free_port()}"
        assert preflight(REDIS_URL=url(server, SERVICE), ENC_BIND=bind) == (0, "")

    def test_where_systemd_holds_its_port(self, server: RedisServer, root: Redis) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"127.0.0.1:{taken.getsockname()[1]}"
            done = preflight(REDIS_URL=url(server, SERVICE), ENC_BIND=bind, LISTEN_FDS="1")

        assert done == (0, "")

    def test_where_somebody_listens_for_powerdns_as_systemd_may_for_us(
        self, server: RedisServer, root: Redis
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"127.0.0.1:{taken.getsockname()[1]}"
            zones = {"DNS_ZONES": "fleet.example", "DNS_NS": "ns1.example.com", "DNS_BIND": bind}
            done = preflight(REDIS_URL=url(server, SERVICE), **zones)

        assert done == (0, "")


class TestStopsIt:
    def test_where_redis_refuses_the_password(self, server: RedisServer, root: Redis) -> None:
        wrong = url(server, SERVICE).replace("-password@", "-hunter2@")

        code, said = preflight(REDIS_URL=wrong)

        assert code == 1
        refuses(said, "Redis refuses our login", "user and password in REDIS_URL")
        assert "hunter2" not in said

    def test_where_redis_wants_a_login(self, server: RedisServer, root: Redis) -> None:
        code, said = preflight(REDIS_URL=f"redis://127.0.0.1:{server.port}/0")

        assert code == 1
        refuses(said, "Authentication required", "REDIS_URL")

    def test_where_redis_refuses_its_user_a_right(self, server: RedisServer, root: Redis) -> None:
        code, said = preflight(REDIS_URL=url(server, READER))

        assert code == 1
        refuses(said, "no permissions", "give this user the rights that docs/redis.md names")

    def test_where_the_store_is_another_sites(self, server: RedisServer, root: Redis) -> None:
        code, said = preflight(REDIS_URL=url(server, PROVISIONER), ROLECALL_SITE="other")

        assert code == 1
        refuses(said, "ROLECALL_SITE says other")

    def test_where_a_setting_is_no_use(self) -> None:
        code, said = preflight(REDIS_URL="http://127.0.0.1")

        assert code == 1
        refuses(said, "REDIS_URL")

    def test_where_the_authority_for_redis_is_missing(self, tmp_path: Path) -> None:
        missing = tmp_path / "ca.pem"

        code, said = preflight(REDIS_URL=f"rediss://redis.example/0?ssl_ca_certs={missing}")

        assert code == 1
        refuses(said, f"names {missing} as ssl_ca_certs", "No such file")

    def test_where_its_port_is_taken(self, server: RedisServer, root: Redis) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"127.0.0.1:{taken.getsockname()[1]}"
            code, said = preflight(REDIS_URL=url(server, SERVICE), ENC_BIND=bind)

        assert code == 1
        refuses(said, bind, "Address already in use", "name another port")
