"""What only the real adapter can meet: half answers, answers without end, and strangers."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from provisioner.adapters.http import Bounds, Caller
from provisioner.adapters.puppet_ca import PuppetCA
from provisioner.cli.errors import advised
from provisioner.ports.errors import PuppetError, Refusal
from tests.fakes.ca_server import PuppetServer
from tests.fakes.https_server import How
from tests.service.contract_ca.stages import adapter, refused, tls

NODE, OTHER = "i-0abc", "i-0abd"


@pytest.mark.parametrize(
    ("how", "refusal", "said"),
    [
        (401, Refusal.DENIED, "401 Unauthorized: as the test has it"),
        (403, Refusal.DENIED, "403 Forbidden: as the test has it"),
        (404, Refusal.MISSING, "404 Not Found"),
        (409, Refusal.CONFLICT, "409 Conflict"),
        (500, Refusal.ILL, "500 Internal Server Error"),
        (503, Refusal.ILL, "503 Service Unavailable"),
        (429, Refusal.ILL, "429 Too Many Requests"),
        (400, Refusal.UNEXPECTED, "400 Bad Request"),
        ("redirect", Refusal.UNEXPECTED, "302 Found"),
        ("close", Refusal.AWAY, "Remote end closed connection"),
        ("reset", Refusal.AWAY, "onnection"),
        ("half", Refusal.AWAY, "IncompleteRead"),
        ("garbage", Refusal.UNEXPECTED, "cannot be read: 200 OK: [2J\N{REPLACEMENT CHARACTER}{"),
        ("stranger", Refusal.UNEXPECTED, "nginx! without X-Puppet-Version"),
        ("huge", Refusal.UNEXPECTED, "more than 1048576 bytes"),
    ],
    ids=str,
)
def test_each_bad_answer_has_one_message(
    puppet: PuppetServer, how: How, refusal: Refusal, said: str
) -> None:
    puppet.fail("pending", how)
    error = refused(adapter(puppet))

    assert error.refusal is refusal
    assert str(error).startswith(f"Puppet's CA ({puppet.url}): list the certificate requests: ")
    assert all(part in str(error) for part in said.split(" without "))
    assert str(error).isprintable()
    assert puppet.count("pending") == 1


@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
@pytest.mark.parametrize("how", ["hang", "drip", "drip headers"])
def test_no_call_outlasts_its_bounds(puppet: PuppetServer, how: How, kept: bool) -> None:
    # On a busy machine a drop may be late: what is tried is the bound of the whole.
    ca = adapter(puppet, read=0.2 if how == "hang" else 2, whole=0.4)
    if kept:
        ca.pending()
    puppet.fail("pending", how)
    error = refused(ca)

    assert error.refusal is Refusal.AWAY
    assert ("no answer in time" if how == "hang" else "no whole answer within 0.4 s") in str(error)


def test_a_slow_answer_within_its_bounds_is_taken(puppet: PuppetServer) -> None:
    puppet.vault.submit(NODE)
    puppet.pace = 0.3
    puppet.fail("pending", "slow", after=True)

    assert adapter(puppet).pending() == (NODE,)


def test_after_a_broken_connection_the_next_call_works(puppet: PuppetServer) -> None:
    puppet.vault.submit(NODE)
    ca = adapter(puppet, whole=0.4)
    for how in ("close", "reset", "half", "drip", "garbage"):
        puppet.fail("pending", how)
        refused(ca)

        assert ca.pending() == (NODE,)


def test_a_server_that_never_finishes_its_handshake_is_away(puppet: PuppetServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        error = refused(PuppetCA(Caller("Puppet's CA", url, tls(puppet), Bounds(connect=0.3))))

    assert error.refusal is Refusal.AWAY
    assert "0.3 s to connect" in str(error)


def test_where_nobody_listens_the_ca_is_away(puppet: PuppetServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        error = refused(PuppetCA(Caller("Puppet's CA", url, tls(puppet))))

    assert error.refusal is Refusal.AWAY
    assert str(error).endswith("Connection refused")
    assert advised(error).endswith("it may pass by itself: try again in a minute")


def test_an_error_that_was_dealt_with_before_is_not_taken_for_this_one(
    puppet: PuppetServer,
) -> None:
    ca = adapter(puppet)
    puppet.fail("pending", 500)
    puppet.fail("pending", "close")
    try:
        ca.pending()
    except PuppetError:
        assert "Remote end closed connection" in str(refused(ca))


@pytest.mark.parametrize(
    "listed",
    [b"{}", b"null", b"[1]", b'[{"name": 1, "state": "requested"}]', b'[{"name": "i-0"}]', b""],
)
def test_a_list_that_is_none_is_not_an_empty_list(puppet: PuppetServer, listed: bytes) -> None:
    puppet.fail("pending", 200, text=listed.decode())

    assert refused(adapter(puppet)).refusal is Refusal.UNEXPECTED


@pytest.mark.parametrize("how", ["garbage", "stranger"])
@pytest.mark.parametrize("action", ["request", "certificate"])
def test_a_page_is_no_pem(puppet: PuppetServer, action: str, how: How) -> None:
    puppet.fail(action, how)
    ca = adapter(puppet)
    with pytest.raises(PuppetError) as caught:
        getattr(ca, action)(NODE)

    assert caught.value.refusal is Refusal.UNEXPECTED


@pytest.mark.parametrize(
    ("method", "action", "about"),
    [
        ("sign", "sign", NODE),
        ("refuse", "delete request", NODE),
        ("clean", "clean", [NODE]),
        ("certificate", "certificate", NODE),
    ],
)
def test_what_is_not_puppets_ca_has_done_nothing_and_found_nothing(
    puppet: PuppetServer, method: str, action: str, about: Any
) -> None:
    puppet.vault.submit(NODE)
    puppet.fail(action, "stranger")
    with pytest.raises(PuppetError, match="X-Puppet-Version") as caught:
        getattr(adapter(puppet), method)(about)

    assert caught.value.refusal is Refusal.UNEXPECTED
    assert "PUPPET_CA_URL" in caught.value.hint
