"""The module's Redis, of each making that this Debian has: 12 has Redis, 13 has Valkey, too."""

import shutil
from collections.abc import Iterator

import pytest

from tests.real.puppethost import PuppetHost

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]

UNIT = "rolecall-redis.service"
MANIFEST = "include rolecall::redis\ninclude rolecall::service\n"
VALKEY = """\
rolecall::redis::package: valkey-server
rolecall::redis::server: /usr/bin/valkey-server
rolecall::redis::client: /usr/bin/valkey-cli
rolecall::redis::user: valkey
rolecall::redis::version: "8.1"
"""
ALL = {"redis": "", "valkey": VALKEY}
HERE = [name for name in ALL if shutil.which(f"{name}-server")]


@pytest.fixture(scope="module", params=HERE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def host(kind: str) -> Iterator[PuppetHost]:
    with PuppetHost("puppet.example") as host:
        host.install()
        host.hiera(ALL[kind])
        yield host


def test_it_runs_with_the_service_by_one_apply_and_the_next_changes_nothing(
    host: PuppetHost, kind: str
) -> None:
    first = host.apply(MANIFEST)
    second = host.apply(MANIFEST)

    assert first.changed, first.said
    assert second.unchanged, second.said
    assert host.is_active("rolecall-enc.service"), host.journal("rolecall-enc.service")
    process = host.property_of(UNIT, "MainPID")
    assert host.run(["cat", f"/proc/{process}/comm"]).stdout.startswith(f"{kind}-server")


def test_it_takes_a_new_password_without_a_restart_and_no_longer_the_old_one(
    host: PuppetHost, kind: str
) -> None:
    before = host.property_of(UNIT, "MainPID")

    assert [pings(host, kind, password) for password in ("one", "other")] == [False, False]
    for password in ("one", "other"):
        host.hiera_adds(f"rolecall::redis::reader_password: {password}\n")
        assert host.apply("include rolecall::redis").changed
        assert pings(host, kind, password)

    assert not pings(host, kind, "one")
    assert host.property_of(UNIT, "MainPID") == before


def pings(host: PuppetHost, kind: str, password: str) -> bool:
    login = [f"{kind}-cli", "-p", "6390", "--user", "rolecall-reader", "--pass", password]
    return host.run([*login, "--no-auth-warning", "ping"], check=False).stdout == "PONG\n"
