"""The autosign script's time: it is never run past, and it is divided between the URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.autosign_script import SIGN, run_autosign
from tests.service.hanging_resolver import NAMESPACES, hanging_resolver, needs_root
from tests.service.misbehaving import Act, deaf, read, refusing, send, serve, stay, trickle
from tests.service.misbehaviours import NODE
from tests.service.misframings import problem
from tests.service.scripts.test_autosign_script_usage import GOOD, STARTUP, TIMEOUT, assert_no

SILENT: tuple[Act, ...] = (read, stay)


class TestTheTime:
    @pytest.mark.parametrize(
        "acts",
        [
            pytest.param((stay,), id="silence"),
            pytest.param((read, trickle(SIGN.whole, 0.1)), id="ten bytes a second"),
        ],
    )
    def test_what_is_late_is_a_no_in_time(self, tmp_path: Path, acts: tuple[Act, ...]) -> None:
        with serve(acts, "http", tmp_path) as server:
            run = run_autosign(NODE, url=server.url, timeout=TIMEOUT)

        assert_no(run, "no answer in time")
        assert run.seconds < TIMEOUT + STARTUP

    def test_what_is_slow_and_in_time_is_a_yes(self, tmp_path: Path) -> None:
        acts = (read, trickle(SIGN.whole[:20], 0.01), send(SIGN.whole[20:]))
        with serve(acts, "http", tmp_path) as server:
            assert run_autosign(NODE, url=server.url, timeout=5).code == 0

    @pytest.mark.root
    @needs_root
    def test_a_resolver_that_never_answers_does_not_hold_it_up(self, tmp_path: Path) -> None:
        run = run_autosign(
            NODE, url="http://enc.example", timeout=TIMEOUT, within=hanging_resolver(tmp_path)
        )

        assert_no(run, "no answer in time")
        assert run.seconds < TIMEOUT + STARTUP + NAMESPACES


class TestSeveralUrls:
    @pytest.mark.parametrize(
        "first",
        [
            pytest.param((read, send(problem("503 Unavailable"))), id="503"),
            pytest.param(
                (read, send(problem("404 Not Found", type="about:blank"))), id="404-of-a-gateway"
            ),
            pytest.param((read, send(problem("403 Forbidden", "text/html"))), id="403-of-a-proxy"),
            pytest.param((read, send(SIGN.whole[:-1])), id="cut"),
        ],
    )
    def test_the_second_is_asked_when_the_first_says_nothing_definite(
        self, tmp_path: Path, first: tuple[Act, ...]
    ) -> None:
        with serve(first, "http", tmp_path) as bad, serve(GOOD, "unix", tmp_path) as good:
            assert run_autosign(NODE, url=f"{bad.url} {good.url}").code == 0

    def test_the_second_is_asked_when_the_first_is_dead(self, tmp_path: Path) -> None:
        with refusing("http", tmp_path) as dead, serve(GOOD, "unix", tmp_path) as good:
            run = run_autosign(NODE, url=f"{dead.url} {good.url}")

        assert (run.code, run.err) == (0, "")

    @pytest.mark.parametrize(
        "status", ["403 Forbidden", "404 Not Found", "410 Gone", "422 Unprocessable Content"]
    )
    def test_the_second_is_not_asked_when_the_first_is_definite(
        self, tmp_path: Path, status: str
    ) -> None:
        first = (read, send(problem(status)))
        with serve(first, "http", tmp_path) as no, serve(GOOD, "http", tmp_path) as good:
            run = run_autosign(NODE, url=f"{no.url} {good.url}")

        assert_no(run, "because")
        assert good.requests == []

    def test_the_second_is_not_asked_when_the_first_signs(self, tmp_path: Path) -> None:
        with serve(GOOD, "unix", tmp_path) as first, serve(GOOD, "http", tmp_path) as second:
            run_autosign(NODE, url=f"{first.url} {second.url}")

        assert second.requests == []

    def test_a_slow_first_leaves_the_second_its_half(self, tmp_path: Path) -> None:
        with serve(SILENT, "unix", tmp_path) as slow, serve(GOOD, "http", tmp_path) as good:
            run = run_autosign(NODE, url=f"{slow.url} {good.url}", timeout=1)

        assert run.code == 0
        assert 0.4 < run.seconds < 1 + STARTUP

    def test_all_together_keep_to_the_time(self, tmp_path: Path) -> None:
        with serve(SILENT, "http", tmp_path) as first, deaf("unix", tmp_path) as second:
            run = run_autosign(NODE, url=f"{first.url} {second.url} {first.url}", timeout=TIMEOUT)

        assert_no(run)
        assert run.seconds < TIMEOUT + STARTUP
        assert run.err.count("no answer in time") == 3

    def test_a_prefix_goes_before_the_path(self, tmp_path: Path) -> None:
        with serve(GOOD, "http", tmp_path) as server:
            assert run_autosign(NODE, url=f"{server.url}/puppet/").code == 0

        assert server.requests[0].startswith(f"POST /puppet/v1/autosign/{NODE} HTTP".encode())
