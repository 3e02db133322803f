"""The autosign script against a misbehaving service: "sign" is never read into anything else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service.autosign_script import REQUEST, SIGN, run_autosign
from tests.service.certificates import Authority, server_context
from tests.service.enc_script import Run, is_one_line
from tests.service.misbehaving import deaf, dribble, read, refusing, send, serve, stay
from tests.service.misbehaviours import NODE
from tests.service.misframings import (
    Misbehaviour,
    Outcome,
    fails,
    late,
    not_http,
    not_whole,
    problem,
    resets,
    response,
    strange_problems,
    wrong_statuses,
)

SHORT_TIMEOUT = 0.4
# Several run at once, on a machine that others use as well: the strict bounds are tried elsewhere.
LONG_TIMEOUT = 15
SLACK = 5
AT_ONCE = 6
OTHER = "i-0fedcba9876543210"
TEXT = "text/plain"


def _signs(name: str, *acts: object) -> Misbehaviour:
    return Misbehaviour(name, (read, *acts), Outcome.ANSWERED)


def _body(name: str, body: bytes, media_type: str = TEXT) -> Misbehaviour:
    return fails(name, response(body, "200 OK", media_type))


SIGNS = [
    _signs("a whole sign", send(SIGN.whole)),
    _signs("a whole sign in pieces of seven bytes", dribble(SIGN.whole, 7)),
    _signs("a whole sign, and the connection left open", send(SIGN.whole), stay),
    _signs("a whole sign as text of no charset", send(response(SIGN.body, "200 OK", TEXT))),
    _signs("a whole sign in capitals", send(response(SIGN.body, "200 OK", "Text/PLAIN"))),
]
WRONG_BODIES = [
    _body("sign for another certname", f"sign {OTHER}\n".encode()),
    _body("sign for one whose name begins so", f"sign {NODE}0\n".encode()),
    _body("sign for one whose name ends so", f"sign x{NODE}\n".encode()),
    _body("sign for nobody", b"sign\n"),
    _body("a certname alone", f"{NODE}\n".encode()),
    _body("sign in capitals", f"SIGN {NODE}\n".encode()),
    _body("sign without a newline", f"sign {NODE}".encode()),
    _body("sign and two newlines", f"sign {NODE}\n\n".encode()),
    _body("sign and a Windows line end", f"sign {NODE}\r\n".encode()),
    _body("sign twice", SIGN.body * 2),
    _body("sign behind a byte order mark", b"\xef\xbb\xbf" + SIGN.body),
    _body("do not sign", f"do not sign {NODE}\n".encode()),
    _body("refuse", f"refuse {NODE}\n".encode()),
    _body("an empty body", b""),
    _body("a newline", b"\n"),
    _body("no UTF-8", b"\xff\xfe"),
    _body("sign as HTML", SIGN.body, "text/html"),
    _body("sign as JSON", SIGN.body, "application/json"),
    _body("sign as a problem", SIGN.body, "application/problem+json"),
    _body("sign as nothing", SIGN.body, ""),
    fails(
        "sign without a media type",
        SIGN.whole.replace(b"Content-Type: text/plain; charset=utf-8\r\n", b""),
    ),
    _body("a login page", b"<form action=/login><input name=password>", "text/html"),
    fails("200 with a problem in it", problem("200 OK")),
]
DEFINITE = [
    fails("403 as a problem", problem("403 Forbidden")),
    fails("404 as a problem", problem("404 Not Found")),
    fails("410 as a problem", problem("410 Gone")),
    fails("422 as a problem", problem("422 Unprocessable Content")),
    fails(
        "403 as a problem that tries to write lines and colours",
        problem("403 Forbidden", detail="\x1b[2J\nautosign: all is well\r\x07\u202e\x00"),
    ),
    fails("403 as a problem that says much", problem("403 Forbidden", detail="x" * 9999)),
]
STRANGE = strange_problems(
    "403 Forbidden", "404 Not Found", "410 Gone", "422 Unprocessable Content"
)
# A header with bare newlines is not among them: http.client reads those too, as RFC 9112 (2.2)
# allows, and what it says is still whole.
TABLE = [
    *SIGNS,
    *WRONG_BODIES,
    *DEFINITE,
    *STRANGE,
    *not_whole(SIGN),
    *wrong_statuses(SIGN),
    *not_http(SIGN),
    *resets(SIGN),
    *late(SIGN),
]
TRANSPORTS = ["unix", "http", "https"]


@dataclass(frozen=True)
class Tried:
    run: Run
    requests: list[bytes]


@dataclass(frozen=True)
class Laboratory:
    """Folder and certificates to try a misbehaviour with."""

    folder: Path
    tls_settings: dict[str, object]
    tls_context: object

    def attempt(self, transport: str, case: Misbehaviour) -> Tried:
        (folder := self.folder / f"{transport}-{TABLE.index(case)}").mkdir()
        timeout = SHORT_TIMEOUT if case.late else LONG_TIMEOUT
        tls = self.tls_context if transport == "https" else None
        with serve(case.acts, transport, folder, tls) as server:
            run = run_autosign(NODE, url=server.url, timeout=timeout, **self.tls_settings)
        return Tried(run, server.requests)


Trials = dict[tuple[str, str], Future[Tried]]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    folder = tmp_path_factory.mktemp("autosign")
    authority = Authority(folder, "authority")
    client = authority.issue("puppet")
    server = authority.issue("enc", "localhost")
    settings = {"ca": authority.file, "cert": client.cert, "key": client.key}
    return Laboratory(folder, settings, server_context(server, authority))


@pytest.fixture(scope="module")
def trials(laboratory: Laboratory) -> Iterator[Trials]:
    """The whole table over one transport, and the signs over all; several at once."""
    pairs = itertools.chain(
        itertools.product(["http"], TABLE), itertools.product(["unix", "https"], SIGNS)
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (transport, case.name): pool.submit(laboratory.attempt, transport, case)
            for transport, case in pairs
        }


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


def named(case: Misbehaviour) -> str:
    return case.name.replace(" ", "-")


@pytest.mark.parametrize("case", SIGNS, ids=named)
def test_a_whole_sign_is_a_yes(trials: Trials, transport: str, case: Misbehaviour) -> None:
    run = trials[transport, case.name].result().run

    assert (run.code, run.out, run.err) == (0, b"", "")
    assert run.seconds < LONG_TIMEOUT


@pytest.mark.parametrize("case", TABLE[len(SIGNS) :], ids=named)
def test_anything_else_is_a_no_with_one_line_that_says_why(
    trials: Trials, case: Misbehaviour
) -> None:
    run = trials["http", case.name].result().run

    assert_no(run)
    assert run.seconds < (SHORT_TIMEOUT + SLACK if case.late else LONG_TIMEOUT)


@pytest.mark.parametrize("case", DEFINITE, ids=named)
def test_a_definite_no_tells_its_status_and_what_to_do(trials: Trials, case: Misbehaviour) -> None:
    run = trials["http", case.name].result().run

    assert_no(run, f"({case.name[:3]})")


@pytest.mark.parametrize("status", [403, 404, 410, 422])
def test_a_definite_no_tells_its_reason(trials: Trials, status: int) -> None:
    run = trials["http", f"{status} as a problem"].result().run

    assert_no(run, "not signed: because")


@pytest.mark.parametrize("case", STRANGE, ids=named)
def test_what_is_not_said_of_the_request_does_not_tell_what_to_do_about_it(
    trials: Trials, case: Misbehaviour
) -> None:
    """A gateway's 404 is of a path, and the machine may well be known."""
    run = trials["http", case.name].result().run

    assert_no(run, f"it answered {case.name[:3]}, ", "it stays pending: once that is mended")


def assert_no(run: Run, *words: str) -> None:
    assert (run.code, run.out) == (1, b""), run.err
    assert is_one_line(run.err)
    assert run.err.startswith(f"autosign: {NODE}: not signed: ")
    assert "provisioner " in run.err
    for word in words:
        assert word in run.err


def test_asks_with_one_post_of_the_request_as_it_came(trials: Trials, transport: str) -> None:
    (asked,) = trials[transport, "a whole sign"].result().requests

    head, _, body = asked.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert body == REQUEST
    assert lines[0] == f"POST /v1/autosign/{NODE} HTTP/1.1".encode()
    assert b"Content-Type: application/x-pem-file" in lines
    assert b"Connection: close" in lines
    assert any(line.startswith(b"Host: localhost") for line in lines)


@pytest.mark.parametrize("way", [deaf, refusing])
def test_nobody_there_is_a_no(
    laboratory: Laboratory, tmp_path: Path, transport: str, way: object
) -> None:
    with way(transport, tmp_path) as server:
        run = run_autosign(NODE, url=server.url, timeout=SHORT_TIMEOUT, **laboratory.tls_settings)

    assert_no(run, server.url, "'provisioner sign'")


def test_a_service_that_a_stranger_vouches_for_is_not_asked(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    context = server_context(stranger.issue("strange", "localhost"), stranger)
    with serve((read, send(SIGN.whole)), "https", tmp_path, context) as server:
        run = run_autosign(NODE, url=server.url, **laboratory.tls_settings)

    assert_no(run, "certificate verify failed")
    assert server.requests == []


def test_a_service_of_another_name_is_not_asked(laboratory: Laboratory, tmp_path: Path) -> None:
    url_of_address = "127.0.0.1"
    with serve((read, send(SIGN.whole)), "https", tmp_path, laboratory.tls_context) as server:
        url = server.url.replace("localhost", url_of_address)
        run = run_autosign(NODE, url=url, **laboratory.tls_settings)

    assert_no(run, "IP address mismatch")
    assert server.requests == []


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
def test_a_file_for_tls_that_is_missing_is_named(
    laboratory: Laboratory, tmp_path: Path, key: str
) -> None:
    settings = laboratory.tls_settings | {key: "/nonexistent/x.pem"}
    with serve((read, send(SIGN.whole)), "https", tmp_path, laboratory.tls_context) as server:
        run = run_autosign(NODE, url=server.url, **settings)

    assert_no(run, f"{key} = '/nonexistent/x.pem'")
