"""The ENC script's time: it is never run past, and it is divided between the URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.enc_script import keep, run_enc
from tests.service.hanging_resolver import NAMESPACES, hanging_resolver, needs_root
from tests.service.misbehaving import Act, deaf, read, refusing, send, serve, stay, trickle
from tests.service.misbehaviours import LATE, NODE, WHOLE, Misbehaviour, problem, response

TIMEOUT = 0.4
# Long enough that what the script keeps back is more than the interpreter takes to start.
WHOLE_CALL = 2.5
# The interpreter's own start and end, on a machine that others use as well.
STARTUP = 0.5
GOOD: tuple[Act, ...] = (read, send(response(WHOLE)))
SILENT: tuple[Act, ...] = (read, stay)


# The whole table runs through the script elsewhere, several at once and with a loose bound.
@pytest.mark.parametrize("case", [LATE[0], LATE[4]], ids=lambda case: case.name.replace(" ", "-"))
def test_what_is_late_ends_in_time(tmp_path: Path, case: Misbehaviour) -> None:
    with serve(case.acts, "unix", tmp_path) as server:
        run = run_enc(NODE, url=server.url, timeout=TIMEOUT)

    assert run.code == 3
    assert run.seconds < TIMEOUT + STARTUP


def test_the_whole_call_with_the_reading_of_the_cache_is_within_the_time(tmp_path: Path) -> None:
    keep(tmp_path, NODE, WHOLE)
    with serve(SILENT, "unix", tmp_path) as server:
        run = run_enc(NODE, url=server.url, timeout=WHOLE_CALL, cache=tmp_path)

    assert (run.code, run.out) == (0, WHOLE)
    assert run.seconds < WHOLE_CALL + STARTUP


def test_what_is_slow_and_in_time_is_an_answer(tmp_path: Path) -> None:
    acts = (read, trickle(response(WHOLE)[:20], 0.01), send(response(WHOLE)[20:]))
    with serve(acts, "http", tmp_path) as server:
        run = run_enc(NODE, url=server.url, timeout=5)

    assert (run.code, run.out) == (0, WHOLE)


class TestSeveralUrls:
    def test_the_second_is_asked_when_the_first_is_dead(self, tmp_path: Path) -> None:
        with refusing("http", tmp_path) as dead, serve(GOOD, "unix", tmp_path) as good:
            run = run_enc(NODE, url=f"{dead.url} {good.url}")

        assert (run.code, run.out, run.err) == (0, WHOLE, "")

    @pytest.mark.parametrize(
        "first",
        [
            pytest.param((read, send(problem("503 Unavailable"))), id="503"),
            pytest.param(
                (read, send(problem("404 Not Found", type="about:blank"))), id="404-of-a-gateway"
            ),
            pytest.param((read, send(problem("410 Gone", "text/html"))), id="410-of-a-proxy"),
            pytest.param((read, send(response(WHOLE)[:-9])), id="cut"),
        ],
    )
    def test_the_second_is_asked_when_the_first_says_nothing_definite(
        self, tmp_path: Path, first: tuple[Act, ...]
    ) -> None:
        with serve(first, "http", tmp_path) as bad, serve(GOOD, "http", tmp_path) as good:
            run = run_enc(NODE, url=f"{bad.url} {good.url}")

        assert (run.code, run.out) == (0, WHOLE)

    def test_a_slow_first_leaves_the_second_its_half(self, tmp_path: Path) -> None:
        with serve(SILENT, "unix", tmp_path) as slow, serve(GOOD, "http", tmp_path) as good:
            run = run_enc(NODE, url=f"{slow.url} {good.url}", timeout=1)

        assert (run.code, run.out) == (0, WHOLE)
        assert 0.4 < run.seconds < 1 + STARTUP

    def test_one_that_fails_at_once_leaves_its_time_to_the_next(self, tmp_path: Path) -> None:
        late = (read, lambda wire: wire.pause(0.6), send(response(WHOLE)))
        with refusing("http", tmp_path) as dead, serve(late, "unix", tmp_path) as good:
            run = run_enc(NODE, url=f"{dead.url} {good.url}", timeout=1)

        assert (run.code, run.out) == (0, WHOLE)

    @pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "422 Unprocessable Content"])
    def test_the_second_is_not_asked_when_the_first_is_definite(
        self, tmp_path: Path, status: str
    ) -> None:
        first = (read, send(problem(status)))
        with serve(first, "http", tmp_path) as no, serve(GOOD, "http", tmp_path) as good:
            run = run_enc(NODE, url=f"{no.url} {good.url}")

        assert (run.code, run.out, good.requests) == (1, b"", [])

    def test_all_together_keep_to_the_time(self, tmp_path: Path) -> None:
        with serve(SILENT, "http", tmp_path) as first, deaf("unix", tmp_path) as second:
            run = run_enc(NODE, url=f"{first.url} {second.url} {first.url}", timeout=TIMEOUT)

        assert run.code == 3
        assert run.seconds < TIMEOUT + STARTUP
        assert run.err.count("no answer in time") == 3


class TestNames:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_hosts_are_named_or_numbered(self, tmp_path: Path, host: str) -> None:
        with serve(GOOD, "http", tmp_path) as server:
            url = server.url.replace("localhost", host)
            run = run_enc(NODE, url=f"{url}/puppet/")

        assert (run.code, run.out) == (0, WHOLE)
        assert server.requests[0].startswith(f"GET /puppet/v1/enc/{NODE} HTTP/1.0".encode())
        assert f"Host: {url.removeprefix('http://')}\r\n".encode() in server.requests[0]

    def test_a_name_that_nobody_has_is_no_answer(self) -> None:
        # Longer than a name may be, so that no resolver is asked.
        name = "x" * 64 + ".invalid"

        run = run_enc(NODE, url=f"http://{name}:1")

        assert (run.code, run.out) == (3, b"")
        assert name in run.err

    @pytest.mark.root
    @needs_root
    def test_a_resolver_that_never_answers_does_not_hold_it_up(self, tmp_path: Path) -> None:
        keep(tmp_path, NODE, WHOLE)
        namespaces = hanging_resolver(tmp_path)

        run = run_enc(
            NODE, url="http://enc.example", timeout=TIMEOUT, cache=tmp_path, within=namespaces
        )

        assert (run.code, run.out) == (0, WHOLE), run.err
        assert "no answer in time" in run.err
        assert run.seconds < TIMEOUT + NAMESPACES
