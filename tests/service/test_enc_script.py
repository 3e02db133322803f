"""The ENC script against the table of misbehaviours: never a wrong answer, never half of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.service.certificates import Authority, server_context
from tests.service.enc_script import Run, is_one_line, keep, run_enc
from tests.service.misbehaving import deaf, refusing, serve
from tests.service.misbehaviours import (
    DEFINITE,
    LATE,
    NODE,
    NOT_WHOLE,
    RESETS,
    TABLE,
    WHOLE,
    WHOLE_ANSWERS,
    Misbehaviour,
    Outcome,
)

# What the cache holds: not what the service says, so that it shows where an answer comes from.
EARLIER = WHOLE.replace(b"pdf2swf", b"earlier")
SHORT_TIMEOUT = 0.4
# Several run at once, on a machine that others use as well: the strict bounds are tried elsewhere.
LONG_TIMEOUT = 15
SLACK = 5
AT_ONCE = 6
CODES = {
    Outcome.ANSWERED: 0,
    Outcome.UNKNOWN: 1,
    Outcome.RETIRED: 1,
    Outcome.UNUSABLE: 1,
    Outcome.NO_ANSWER: 3,
}


@dataclass(frozen=True)
class Tried:
    run: Run
    # What the cache holds afterwards.
    kept: bytes | None
    requests: list[bytes]


@dataclass(frozen=True)
class Laboratory:
    """Folder and certificates to try a misbehaviour with."""

    folder: Path
    tls_settings: dict[str, object]
    tls_context: object

    def attempt(self, transport: str, case: Misbehaviour, *, cached: bool = True) -> Tried:
        folder = self.folder / f"{transport}-{TABLE.index(case)}-{cached}"
        (cache := folder / "cache").mkdir(parents=True)
        file = keep(cache, NODE, EARLIER) if cached else cache / NODE
        timeout = SHORT_TIMEOUT if case.late else LONG_TIMEOUT
        tls = self.tls_context if transport == "https" else None
        with serve(case.acts, transport, folder, tls) as server:
            run = run_enc(NODE, url=server.url, cache=cache, timeout=timeout, **self.tls_settings)
        kept = file.read_bytes() if file.exists() else None
        return Tried(run, kept, server.requests)


Trials = dict[tuple[str, str], Future[Tried]]
TRANSPORTS = ["unix", "http", "https"]
# TCP differs from a unix socket in how it is reached and reset; TLS also in how it ends.
TRIED = [
    *itertools.product(["unix"], TABLE),
    *itertools.product(["http"], WHOLE_ANSWERS + DEFINITE + RESETS),
    *itertools.product(["https"], WHOLE_ANSWERS + DEFINITE + NOT_WHOLE + RESETS + LATE),
]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    folder = tmp_path_factory.mktemp("enc")
    authority = Authority(folder, "authority")
    client = authority.issue("puppet")
    server = authority.issue("enc", "localhost")
    settings = {"ca": authority.file, "cert": client.cert, "key": client.key}
    return Laboratory(folder, settings, server_context(server, authority))


@pytest.fixture(scope="module")
def trials(laboratory: Laboratory) -> Iterator[Trials]:
    """The whole table, tried several at once; each test below looks at one trial."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (transport, case.name): pool.submit(laboratory.attempt, transport, case)
            for transport, case in TRIED
        }


@pytest.fixture(scope="module")
def trials_without_cache(laboratory: Laboratory) -> Iterator[Trials]:
    """Over one transport: what differs is what comes after the asking."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            ("unix", case.name): pool.submit(laboratory.attempt, "unix", case, cached=False)
            for case in TABLE
        }


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


def named(case: Misbehaviour | str) -> str:
    return case if isinstance(case, str) else case.name.replace(" ", "-")


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_without_a_cache_it_prints_a_whole_answer_or_nothing(
    trials_without_cache: Trials, case: Misbehaviour
) -> None:
    run = trials_without_cache["unix", case.name].result().run

    assert (run.code, run.out) == (CODES[case.outcome], case.text), run.err
    assert_manners(run, case)


@pytest.mark.parametrize(("transport", "case"), TRIED, ids=named)
def test_with_a_cache_it_prints_the_last_answer_only_when_nothing_definite_came(
    trials: Trials, transport: str, case: Misbehaviour
) -> None:
    tried = trials[transport, case.name].result()

    if case.outcome is Outcome.NO_ANSWER:
        assert (tried.run.code, tried.run.out) == (0, EARLIER), tried.run.err
    else:
        assert (tried.run.code, tried.run.out) == (CODES[case.outcome], case.text), tried.run.err
    assert tried.kept == kept_after(case)
    assert_manners(tried.run, case)


def kept_after(case: Misbehaviour) -> bytes | None:
    """A whole answer is kept, a retired node's is dropped, and all else leaves the cache alone."""
    return {Outcome.ANSWERED: case.text, Outcome.RETIRED: None}.get(case.outcome, EARLIER)


def assert_manners(run: Run, case: Misbehaviour) -> None:
    """In time, and silent or with one line that names the node."""
    assert run.seconds < (SHORT_TIMEOUT + SLACK if case.late else LONG_TIMEOUT)
    if case.outcome is Outcome.ANSWERED:
        assert run.err == ""
    else:
        assert is_one_line(run.err)
        assert run.err.startswith(f"enc: {NODE}: ")


def test_asks_for_the_node_with_one_get(trials: Trials, transport: str) -> None:
    requests = trials[transport, "a whole answer"].result().requests

    assert [request.split(b"\r\n")[0] for request in requests] == [
        f"GET /v1/enc/{NODE} HTTP/1.0".encode()
    ]
    assert b"\r\nHost: localhost" in requests[0]


@pytest.mark.parametrize("way", [deaf, refusing])
def test_nobody_there_is_no_answer(
    laboratory: Laboratory, tmp_path: Path, transport: str, way: object
) -> None:
    with way(transport, tmp_path) as server:
        run = run_enc(NODE, url=server.url, timeout=SHORT_TIMEOUT, **laboratory.tls_settings)

    assert (run.code, run.out) == (3, b"")
    assert server.url in run.err


@pytest.mark.parametrize("what", ["missing", "a file", "a folder", "a name of 200 characters"])
def test_no_socket_in_the_place_of_the_socket_is_no_answer(tmp_path: Path, what: str) -> None:
    place = tmp_path / ("x" * 200 if "200" in what else "place")
    if what == "a file":
        place.write_bytes(WHOLE)
    if what == "a folder":
        place.mkdir()

    run = run_enc(NODE, url=f"unix:{place}")

    assert (run.code, run.out) == (3, b"")
    assert str(place) in run.err
