"""The doctor before Puppet's CA and PuppetDB, and before the ENC service itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from enc.inventory import Inventory, StoreUnavailableError
from provisioner.adapters.clock import SystemClock
from provisioner.adapters.enc_service import EncHttp
from provisioner.adapters.http import Bounds, Caller
from provisioner.adapters.own_certificate import validity
from provisioner.adapters.puppet_ca import PuppetCA
from provisioner.adapters.puppetdb import PuppetDBCommands
from provisioner.adapters.tls import Tls
from provisioner.doctor import authority, certificates, puppetdb, service
from provisioner.doctor.finding import Finding, Verdict
from tests.csrs import spoiling
from tests.fakes.ca_server import PuppetServer
from tests.servers import RedisServer, Service, free_port
from tests.service.certificates import NOW

BOUNDS = Bounds(connect=1, read=0.5, whole=1)


@pytest.fixture
def puppet(tmp_path: Path) -> Iterator[PuppetServer]:
    with PuppetServer(tmp_path) as found:
        yield found


def caller(puppet: PuppetServer, who: str = "provisioner", url: str = "") -> Caller:
    env = puppet.env(who)
    tls = Tls(cert=env["PUPPET_CERT"], key=env["PUPPET_KEY"], ca=env["PUPPET_CA"])
    return Caller("Puppet's CA", url or puppet.url, tls, BOUNDS)


def ca(
    puppet: PuppetServer,
    who: str = "provisioner",
    url: str = "",
    refused: Callable[[], Sequence[str]] = tuple,
) -> dict[str, Finding]:
    found = authority.examine(PuppetCA(caller(puppet, who, url)), refused)
    return {each.what: each for each in found}


def verdicts(found: dict[str, Finding]) -> dict[str, str]:
    return {what: each.verdict.value for what, each in found.items()}


def test_a_ca_that_lets_us_is_well_and_what_was_not_tried_is_said(puppet: PuppetServer) -> None:
    puppet.vault.submit("i-0abc")

    found = ca(puppet)

    assert verdicts(found) == {
        "CA: list requests": "ok",
        "CA: read requests": "ok",
        "CA: sign": "ok",
        "CA: clean": "skipped",
    }
    assert found["CA: list requests"].said == "1 wait"


def test_the_ca_is_only_read(puppet: PuppetServer) -> None:
    puppet.vault.submit("i-0abc")

    ca(puppet)

    assert [called for called, _ in puppet.calls] == ["pending", "request", "status"]
    assert list(puppet.vault.requests) == ["i-0abc"]


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("pending", "CA: list requests"),
        ("request", "CA: read requests"),
        ("status", "CA: sign"),
    ],
)
def test_what_auth_conf_forbids_is_found_alone(
    puppet: PuppetServer, action: str, what: str
) -> None:
    puppet.fail(action, 403)

    found = ca(puppet)

    broken = [each for each in found.values() if each.verdict is Verdict.BROKEN]
    assert [each.what for each in broken] == [what]
    assert "auth.conf" in broken[0].remedy


def test_a_certificate_that_auth_conf_does_not_know_is_refused_everywhere(
    puppet: PuppetServer,
) -> None:
    found = verdicts(ca(puppet, who="stranger"))

    assert list(found.values()) == ["broken", "broken", "broken", "skipped"]


def test_a_ca_that_is_away_is_told_once(puppet: PuppetServer) -> None:
    found = ca(puppet, url=f"https://127.0.0.1:{free_port()}")

    assert verdicts(found) == {"CA: list requests": "broken"}
    assert "PUPPET_CA_URL" in found["CA: list requests"].remedy


def test_a_ca_that_is_silent_is_told_once(puppet: PuppetServer) -> None:
    puppet.fail("pending", "hang", times=9)

    assert verdicts(ca(puppet)) == {"CA: list requests": "broken"}


def test_a_request_that_spoils_the_list_is_named_with_its_cure(puppet: PuppetServer) -> None:
    puppet.vault.submit("zzz-stranger", spoiling("zzz-stranger"))
    puppet.vault.submit("laptop")

    found = ca(puppet, refused=lambda: ("laptop", "zzz-stranger"))

    assert verdicts(found)["CA: list requests"] == "broken"
    remedy = found["CA: list requests"].remedy
    assert "the request of zzz-stranger spoils the list" in remedy
    assert "laptop" not in remedy
    assert verdicts(found)["CA: sign"] == "ok"


def away() -> Sequence[str]:
    raise StoreUnavailableError("Redis is away")


@pytest.mark.parametrize("refused", [tuple, away], ids=["no name is known", "no store"])
def test_where_it_cannot_be_named_it_is_said_where_to_look(
    puppet: PuppetServer, refused: Callable[[], Sequence[str]]
) -> None:
    puppet.vault.submit("zzz-stranger", spoiling("zzz-stranger"))

    assert "among the newest" in ca(puppet, refused=refused)["CA: list requests"].remedy


def test_no_request_is_blamed_where_the_ca_is_ill(puppet: PuppetServer) -> None:
    puppet.fail("pending", 500)
    puppet.fail("status", 500, times=9)

    found = ca(puppet, refused=lambda: ("laptop",))

    assert "laptop" not in found["CA: list requests"].remedy


def test_something_that_is_no_ca_is_told(puppet: PuppetServer) -> None:
    puppet.fail("pending", "stranger")

    assert "PUPPET_CA_URL" in ca(puppet)["CA: list requests"].remedy


def test_puppetdb_answers_us_or_it_is_said_what_to_do(puppet: PuppetServer) -> None:
    def asked(who: str = "provisioner", url: str = "") -> Finding:
        [found] = puppetdb.examine(PuppetDBCommands(caller(puppet, who, url)))
        return found

    assert (asked().verdict, "7.20.1" in asked().said) == (Verdict.OK, True)
    assert "allowlist" in asked("stranger").remedy
    assert "PUPPETDB_URL" in asked(url=f"https://127.0.0.1:{free_port()}").remedy
    puppet.fail("version", "garbage")
    assert asked().verdict is Verdict.BROKEN


def judged(path: Path) -> Finding:
    [found] = certificates.examine({"PUPPET_CERT": str(path)}, validity, SystemClock())
    return found


def test_our_certificate_is_read_from_its_file(puppet: PuppetServer, tmp_path: Path) -> None:
    long = puppet.authority.issue("long", until=NOW + timedelta(days=40)).cert
    short = puppet.authority.issue("short", until=NOW + timedelta(days=20)).cert
    over = puppet.authority.issue("over", until=NOW - timedelta(hours=1)).cert
    both = tmp_path / "both.pem"
    both.write_bytes(long.read_bytes() + short.read_bytes())
    text = tmp_path / "text.pem"
    text.write_text("no certificate")

    assert judged(long).verdict is Verdict.OK
    assert judged(short).verdict is Verdict.WARNING
    assert judged(both).verdict is Verdict.WARNING
    assert judged(over).verdict is Verdict.BROKEN
    assert "holds no certificate" in judged(text).said
    assert "cannot be read" in judged(tmp_path / "none.pem").said


# The service.


def looked(bind: str, *, site: str = "default", named: bool = True, seconds: float = 5) -> Finding:
    [found] = service.examine(EncHttp(bind, seconds), bind, site, named=named)
    return found


@pytest.fixture(params=["loopback", "socket"])
def bind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "loopback":
        return f"127.0.0.1:{free_port()}"
    return f"unix:{tmp_path}/enc.sock"


def test_a_service_that_is_ready_is_well_and_one_of_another_site_is_not(
    redis_server: RedisServer, inventory: Inventory, tmp_path: Path, bind: str
) -> None:
    running = Service(tmp_path / "service", redis_server.url, bind=bind).start()
    try:
        assert looked(bind).verdict is Verdict.OK
        assert "its site is default" in looked(bind, site="elsewhere").said
        inventory.redis.flushall()
        found = looked(bind)
        assert (found.verdict, "not ready" in found.said) == (Verdict.BROKEN, True)
    finally:
        running.stop()


def test_a_service_that_is_not_there_is_broken_only_where_it_was_named(bind: str) -> None:
    assert looked(bind).verdict is Verdict.BROKEN
    unnamed = looked("unix:/no/such/enc.sock", named=False)
    assert unnamed.verdict is Verdict.WARNING
    assert "ENC_BIND" in unnamed.remedy


@pytest.mark.parametrize("said", [b"", b"220 mail.example ESMTP\r\n"])
def test_what_listens_and_is_no_service_is_broken(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(said)

        Thread(target=answer, daemon=True).start()
        found = looked(f"127.0.0.1:{server.getsockname()[1]}")

    assert found.verdict is Verdict.BROKEN


def test_what_listens_and_never_answers_is_broken_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = looked(f"127.0.0.1:{server.getsockname()[1]}", seconds=0.2)

    assert (found.verdict, "timed out" in found.said) == (Verdict.BROKEN, True)


def test_a_socket_that_we_may_not_use_is_a_warning(tmp_path: Path) -> None:
    class Locked:
        def ready(self) -> tuple[int, bytes]:
            raise PermissionError(13, os.strerror(13))

    [found] = service.examine(Locked(), "unix:/enc.sock", "default", named=True)

    assert (found.verdict, "group" in found.remedy) == (Verdict.WARNING, True)
