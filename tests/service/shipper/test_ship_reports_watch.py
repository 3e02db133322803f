"""How ship-reports watches, and how long it waits."""

from __future__ import annotations

import runpy
import subprocess
import time
from pathlib import Path

import pytest

from tests.servers import wait_until
from tests.service.certificates import Authority, server_context
from tests.service.enc_script import is_one_line
from tests.service.hanging_resolver import NAMESPACES, hanging_resolver, needs_root
from tests.service.misbehaving import Act, deaf, read, send, serve, stay, trickle
from tests.service.misframings import header
from tests.service.reports_sink import TAKEN, Reply, Sink, sink
from tests.service.spool import FIRST, SCRIPT, SECOND, fill, left, line, run_ship, start_ship

TIMEOUT = 0.5
STARTUP = 0.6
# It promises to end within a second.
SOON = 3.0
OFTEN = "0.02"
# How long Linux' TCP waits before it acknowledges what it has nothing to answer to.
DELAYED_ACK = 0.04
# The script's functions; nothing of it runs by this.
PARTS = runpy.run_path(str(SCRIPT))
NO_CONTENT = header("204 No Content", "Connection: close")


def end(process: subprocess.Popen) -> tuple[int, str, float]:
    """(exit code, what it said, seconds that it took)."""
    begun = time.monotonic()
    process.terminate()
    _, err = process.communicate()
    return process.returncode, err.decode("ascii"), time.monotonic() - begun


class TestWatching:
    def test_ships_what_comes(self, spool: Path, service: Sink) -> None:
        process = start_ship(spool, "--watch", OFTEN, url=service.url)
        for number in range(3):
            fill(spool / "incoming", [number])
            wait_until("it", lambda number=number: number in service.numbers)

        assert end(process)[:2] == (0, "")
        assert service.numbers == [0, 1, 2]

    @pytest.mark.parametrize("number", [2, 15], ids=["SIGINT", "SIGTERM"])
    def test_ends_soon_while_idling(self, spool: Path, service: Sink, number: int) -> None:
        fill(spool / FIRST, [1])
        process = start_ship(spool, "--watch", "3600", url=service.url)
        wait_until("the first", lambda: left(spool) == [])
        begun = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate()

        assert (process.returncode, err) == (0, b"")
        assert time.monotonic() - begun < SOON

    def test_ends_soon_while_waiting_for_an_answer(self, spool: Path, tmp_path: Path) -> None:
        fill(spool / FIRST, [1])
        with serve((read, stay), "unix", tmp_path) as silent:
            process = start_ship(spool, "--watch", url=silent.url, timeout=20)
            wait_until("the question", lambda: bool(silent.requests))
            code, err, seconds = end(process)

        assert (code, err, left(spool)) == (0, "", [FIRST])
        assert seconds < SOON

    def test_trouble_is_one_line_when_it_begins_and_one_when_it_ends(
        self, spool: Path, tmp_path: Path
    ) -> None:
        fill(spool / FIRST, [1])
        process = start_ship(spool, "--watch", OFTEN, url=f"unix:{tmp_path}/enc.sock")
        begins = process.stderr.readline().decode()
        # Several times more, unless nothing runs at all just now.
        time.sleep(0.3)
        with sink(tmp_path) as service:
            wait_until("the report", lambda: left(spool) == [])
            # It has nothing to say about the next one.
            fill(spool / "incoming", [2])
            wait_until("the next", lambda: service.numbers == [1, 2] and left(spool) == [])
            time.sleep(0.1)
            code, ends, _ = end(process)

        assert code == 0
        assert "enc.sock" in begins
        assert f"kept in {spool}; it is tried again" in begins
        assert is_one_line(ends)
        assert "goes on" in ends

    def test_waits_longer_each_time_while_there_is_trouble(
        self, spool: Path, service: Sink
    ) -> None:
        service.judge = lambda text: Reply(503)
        fill(spool / FIRST, [1])
        process = start_ship(spool, "--watch", OFTEN, url=service.url)
        wait_until("the first", lambda: bool(service.paths))
        time.sleep(1)
        end(process)

        # After 0.04 + 0.08 + 0.16 + 0.32 + 0.64 s, and not 50 times.
        assert 2 <= len(service.paths) <= 6

    def test_tells_of_trouble_that_has_become_another_one(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        watch_through([(0, "a"), (61, "b"), (122, "b"), (183, "a")])

        said = capfd.readouterr().err
        assert [line.split()[1] for line in said.splitlines()] == ["a;", "b;", "a;"]

    def test_does_not_tell_more_than_once_a_minute_of_trouble_that_changes(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        watch_through([(0, "a"), (10, "b"), (20, "a"), (59, "c"), (60, "c"), (70, "d"), (80, "c")])

        said = capfd.readouterr().err
        assert [line.split()[1] for line in said.splitlines()] == ["a;", "c;"]

    def test_tells_at_once_of_trouble_that_begins_anew(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        watch_through([(0, "a"), (1, ""), (2, "b")])

        said = capfd.readouterr().err
        assert [line.split()[1] for line in said.splitlines()] == ["a;", "goes", "b;"]

    def test_waits_for_a_folder_that_is_missing(self, tmp_path: Path, service: Sink) -> None:
        spool = tmp_path / "later"
        process = start_ship(spool, "--watch", OFTEN, url=service.url)
        said = process.stderr.readline().decode()
        spool.mkdir()
        fill(spool / "incoming", [1])
        wait_until("the report", lambda: service.numbers == [1])
        _, err, _ = end(process)

        assert "there is no folder" in said
        assert "there is no folder" not in err

    def test_says_what_lies_in_the_way_once(self, spool: Path, service: Sink) -> None:
        (spool / FIRST).symlink_to("/nonexistent")
        process = start_ship(spool, "--watch", OFTEN, url=service.url)
        for number in range(3):
            fill(spool / "incoming", [number])
            wait_until("it", lambda number=number: number in service.numbers)

        assert is_one_line(end(process)[1])

    def test_leaves_room_for_one_by_hand(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, [1])
        process = start_ship(spool, "--watch", "3600", url=service.url)
        wait_until("the first", lambda: left(spool) == [])
        fill(spool / SECOND, [2])
        run = run_ship(spool, url=service.url)
        end(process)

        assert (run.code, run.err, service.numbers) == (0, "", [1, 2])


class Troubled:
    """A shipper whose passes end so; after the last one the signal comes."""

    def __init__(self, troubles: list[str]) -> None:
        self.troubles, self.stop = troubles, PARTS["Stop"]()

    def run(self) -> int:
        trouble = self.troubles.pop(0)
        if not self.troubles:
            self.stop(15, None)
        if trouble:
            raise PARTS["KeptError"](trouble)
        return 0


def watch_through(passes: list[tuple[float, str]]) -> None:
    """Each pass is a time and its trouble, or none."""
    shipper = Troubled([trouble for _, trouble in passes])
    times = iter([seconds for seconds, trouble in passes if trouble])
    PARTS["watch"](shipper, 0.0001, shipper.stop, lambda: next(times))


class TestTheTime:
    @pytest.mark.parametrize(
        "acts",
        [
            pytest.param((stay,), id="silence"),
            pytest.param((read, trickle(NO_CONTENT, 0.1)), id="ten bytes a second"),
        ],
    )
    def test_of_each_report_is_bounded(
        self, spool: Path, tmp_path: Path, acts: tuple[Act, ...]
    ) -> None:
        fill(spool / FIRST, [1])
        with serve(acts, "http", tmp_path) as server:
            run = run_ship(spool, url=server.url, timeout=TIMEOUT)

        assert (run.code, left(spool)) == (3, [FIRST])
        assert "no answer in time" in run.err
        assert run.seconds < TIMEOUT + STARTUP

    def test_is_divided_between_the_urls(self, spool: Path, tmp_path: Path, service: Sink) -> None:
        fill(spool / FIRST, [1])
        with deaf("unix", tmp_path) as silent:
            run = run_ship(spool, url=f"{silent.url} {service.url}", timeout=1)

        assert (run.code, service.numbers) == (0, [1])
        assert run.seconds < 1 + STARTUP

    def test_of_all_of_them_together_is_not(self, spool: Path, service: Sink) -> None:
        """Nor is the time of one cut for a second try where the first is slow."""

        def judge(text: bytes) -> Reply:
            time.sleep(0.6)
            return TAKEN

        service.judge = judge
        fill(spool / FIRST, [1, 2])

        assert run_ship(spool, url=service.url, timeout=1).code == 0
        assert (service.numbers, service.connections) == ([1, 2], 1)

    def test_over_tcp_is_not_spent_on_waiting_for_acknowledgements(
        self, spool: Path, tmp_path: Path
    ) -> None:
        fill(spool / FIRST, range(50))
        with sink(tmp_path, tcp=True) as service:
            run = run_ship(spool, url=service.url)

        assert service.numbers == list(range(50))
        assert run.seconds < 50 * DELAYED_ACK

    @pytest.mark.root
    @needs_root
    def test_is_not_held_up_by_a_resolver_that_never_answers(
        self, spool: Path, tmp_path: Path
    ) -> None:
        fill(spool / FIRST, [1])

        run = run_ship(
            spool, url="http://enc.example", timeout=TIMEOUT, within=hanging_resolver(tmp_path)
        )

        assert (run.code, left(spool)) == (3, [FIRST])
        assert run.seconds < TIMEOUT + STARTUP + NAMESPACES


class TestTls:
    def test_shows_its_certificate_and_checks_the_services(
        self, spool: Path, tmp_path: Path
    ) -> None:
        authority = Authority(tmp_path, "authority")
        client, server = authority.issue("puppet"), authority.issue("enc", "localhost")
        settings = {"ca": authority.file, "cert": client.cert, "key": client.key}
        context = server_context(server, authority)
        fill(spool / FIRST, [1, 2])
        with serve((read, send(NO_CONTENT)), "https", tmp_path, context) as service:
            nameless = run_ship(spool, url=service.url.replace("localhost", "127.0.0.1"))
            refused = run_ship(spool, url=service.url, ca=authority.file)
            run = run_ship(spool, url=service.url, **settings)

        assert (nameless.code, refused.code, run.code) == (3, 3, 0), run.err
        assert [request.partition(b"\r\n\r\n")[2] for request in service.requests] == [
            line(1),
            line(2),
        ]
