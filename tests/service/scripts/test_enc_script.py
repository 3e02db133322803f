"""The ENC script against the table of misbehaviours: never a wrong answer, never half of one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service.enc_script import Run, is_one_line, run_enc
from tests.service.laboratory import (
    SHORT_TIMEOUT,
    TRANSPORTS,
    TRIED,
    Laboratory,
    Tried,
    answer_to,
    kept_after,
    named,
    seconds_for,
)
from tests.service.misbehaving import deaf, refusing
from tests.service.misbehaviours import NODE, TABLE, WHOLE, Misbehaviour, Outcome

AT_ONCE = 6
CODES = {
    Outcome.ANSWERED: 0,
    Outcome.UNKNOWN: 1,
    Outcome.RETIRED: 1,
    Outcome.UNUSABLE: 1,
    Outcome.NO_ANSWER: 3,
}
Trials = dict[tuple[str, str], Future[Tried[Run]]]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory.below(tmp_path_factory.mktemp("enc"))


@pytest.fixture(scope="module")
def trials(laboratory: Laboratory) -> Iterator[Trials]:
    """The whole table, tried several at once; each test below looks at one trial."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (transport, case.name): pool.submit(laboratory.attempt, run_enc, transport, case)
            for transport, case in TRIED
        }


@pytest.fixture(scope="module")
def trials_without_cache(laboratory: Laboratory) -> Iterator[Trials]:
    """Over one transport: what differs is what comes after the asking."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            ("unix", case.name): pool.submit(
                laboratory.attempt, run_enc, "unix", case, cached=False
            )
            for case in TABLE
        }


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_without_a_cache_it_prints_a_whole_answer_or_nothing(
    trials_without_cache: Trials, case: Misbehaviour
) -> None:
    run = trials_without_cache["unix", case.name].result().run

    assert (run.code, run.out) == (CODES[case.outcome], answer_to(case, cached=False)), run.err
    assert_manners(run, case)


@pytest.mark.parametrize(("transport", "case"), TRIED, ids=named)
def test_with_a_cache_it_prints_the_last_answer_only_when_nothing_definite_came(
    trials: Trials, transport: str, case: Misbehaviour
) -> None:
    tried = trials[transport, case.name].result()

    answer = answer_to(case, cached=True)
    assert (tried.run.code, tried.run.out) == (0 if answer else 1, answer), tried.run.err
    assert tried.kept == kept_after(case)
    assert_manners(tried.run, case)


def assert_manners(run: Run, case: Misbehaviour) -> None:
    """In time, and silent or with one line that names the node."""
    assert run.seconds < seconds_for(case)
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
