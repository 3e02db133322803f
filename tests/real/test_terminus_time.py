"""The terminus' time: never run past, divided between the URLs, and not held up by a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.terminusdriver import RUBIES, TerminusDriver, answers, is_warning
from tests.service.enc_script import keep
from tests.service.hanging_resolver import hanging_resolver
from tests.service.misbehaving import Act, deaf, read, refusing, send, serve, stay
from tests.service.misbehaviours import NODE, WHOLE, problem, response

TIMEOUT = 0.5
# On a machine that others use as well.
SLACK = 0.5
GOOD: tuple[Act, ...] = (read, send(response(WHOLE)))
SILENT: tuple[Act, ...] = (read, stay)


class TestSeveralUrls:
    @pytest.mark.parametrize(
        "first",
        [
            pytest.param((read, send(problem("503 Unavailable"))), id="503"),
            pytest.param((read, send(problem("410 Gone", "text/html"))), id="410-of-a-proxy"),
            pytest.param((read, send(response(WHOLE)[:-9])), id="cut"),
            pytest.param((), id="closed"),
        ],
    )
    def test_the_second_is_asked_when_the_first_says_nothing_definite(
        self, puppet: TerminusDriver, tmp_path: Path, first: tuple[Act, ...]
    ) -> None:
        with serve(first, "http", tmp_path) as bad, serve(GOOD, "unix", tmp_path) as good:
            found = puppet.look_up(NODE, url=f"{bad.url} {good.url}")

        assert answers(found, WHOLE)
        assert found.logs == []

    def test_a_slow_first_leaves_the_second_its_half(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        with serve(SILENT, "unix", tmp_path) as slow, serve(GOOD, "http", tmp_path) as good:
            found = puppet.look_up(NODE, url=f"{slow.url} {good.url}", timeout=1)

        assert answers(found, WHOLE)
        assert 0.4 < found.seconds < 1

    def test_one_that_fails_at_once_leaves_its_time_to_the_next(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        late = (read, lambda wire: wire.pause(0.6), send(response(WHOLE)))
        with refusing("http", tmp_path) as dead, serve(late, "unix", tmp_path) as good:
            found = puppet.look_up(NODE, url=f"{dead.url} {good.url}", timeout=1)

        assert answers(found, WHOLE)

    @pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "422 Unprocessable Content"])
    def test_the_second_is_not_asked_when_the_first_is_definite(
        self, puppet: TerminusDriver, tmp_path: Path, status: str
    ) -> None:
        first = (read, send(problem(status)))
        with serve(first, "http", tmp_path) as no, serve(GOOD, "http", tmp_path) as good:
            found = puppet.look_up(NODE, url=f"{no.url} {good.url}")

        assert (found.node, good.requests) == (None, [])

    def test_all_together_keep_to_the_time(self, puppet: TerminusDriver, tmp_path: Path) -> None:
        with serve(SILENT, "http", tmp_path) as first, deaf("unix", tmp_path) as second:
            urls = f"{first.url} {second.url} {first.url}"
            found = puppet.look_up(NODE, url=urls, timeout=TIMEOUT)

        assert found.raised.count("no answer in time") == 3
        assert found.seconds < TIMEOUT + SLACK


def test_a_socket_whose_queue_is_full_is_late(puppet: TerminusDriver, tmp_path: Path) -> None:
    with deaf("unix", tmp_path) as server:
        # As many as the queue takes, and some.
        found = puppet.look_all_up([NODE] * 80, threads=80, url=server.url, timeout=TIMEOUT)
        late = puppet.look_up(NODE, url=server.url, timeout=TIMEOUT)

    assert [each.node for each in found] == [None] * 80
    assert "no answer in time" in late.raised
    assert late.seconds < TIMEOUT + SLACK


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_hosts_are_named_or_numbered(puppet: TerminusDriver, tmp_path: Path, host: str) -> None:
    with serve(GOOD, "http", tmp_path) as server:
        url = server.url.replace("localhost", host)
        found = puppet.look_up(NODE, url=f"{url}/puppet/")

    assert answers(found, WHOLE)
    assert server.requests[0].startswith(f"GET /puppet/v1/enc/{NODE} HTTP/1.0".encode())
    assert f"Host: {url.removeprefix('http://')}\r\n".encode() in server.requests[0]


def test_a_name_that_nobody_has_is_no_answer(puppet: TerminusDriver) -> None:
    name = "x" * 64 + ".invalid"

    assert f"{name}:1: " in puppet.look_up(NODE, url=f"http://{name}:1").raised


@pytest.mark.parametrize("ruby", RUBIES)
def test_a_resolver_that_never_answers_holds_nothing_up_and_costs_one_thread(
    tmp_path: Path, ruby: str
) -> None:
    keep(tmp_path, NODE, WHOLE)
    settings = {"url": "http://enc.example", "timeout": TIMEOUT, "cache": tmp_path}
    with TerminusDriver.start(RUBIES[ruby], within=hanging_resolver(tmp_path)) as puppet:
        puppet.look_up(NODE, url="unix:/nonexistent", cache=tmp_path)
        before = puppet.threads
        found = puppet.look_all_up([NODE] * 16, threads=8, **settings)
        after = puppet.threads

    for each in found:
        assert is_warning(each)
        assert "no answer in time" in each.logs[0]
        assert each.seconds < TIMEOUT + SLACK
    assert after <= before + 1
