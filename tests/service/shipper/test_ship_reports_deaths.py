"""ship-reports killed, beside writers, and beside another one: nothing is lost."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.servers import wait_until
from tests.service.reports_sink import TAKEN, Reply, Sink
from tests.service.spool import FIRST, SECOND, fill, line, run_ship, start_ship, write

MANY = 1000
PATIENCE = 20.0


class TestAShipperThatDies:
    def test_by_kill_9_has_lost_nothing_and_the_next_goes_on(
        self, spool: Path, service: Sink
    ) -> None:
        fill(spool / FIRST, range(MANY))
        process = start_ship(spool, url=service.url)
        wait_until("half of them", lambda: len(service.lines) > MANY / 3)
        process.kill()
        process.communicate()

        assert run_ship(spool, url=service.url).code == 0

        assert sorted(set(service.numbers)) == list(range(MANY))
        # No more than were taken since the position was saved last, and the one under way.
        assert len(service.lines) <= MANY + 101

    def test_by_sigterm_saves_its_position(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, range(MANY))
        process = start_ship(spool, url=service.url)
        wait_until("half of them", lambda: len(service.lines) > MANY / 3)
        process.terminate()
        _, err = process.communicate()

        assert (process.returncode, err) == (-15, b"")
        run_ship(spool, url=service.url)
        assert sorted(set(service.numbers)) == list(range(MANY))
        assert len(service.lines) <= MANY + 1

    @pytest.mark.parametrize(
        "position",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"\xff\x00", id="garbage"),
            pytest.param(f"{FIRST} -1\n".encode(), id="negative"),
            pytest.param(f"{FIRST} 5\n".encode(), id="inside a line"),
            pytest.param(f"{FIRST} 99999\n".encode(), id="behind the end"),
            pytest.param(f"{FIRST} {'9' * 80}\n".encode(), id="no number of bytes"),
            pytest.param(f"{SECOND} {len(line(1)) + 1}\n".encode(), id="of another segment"),
        ],
    )
    def test_a_position_that_makes_no_sense_sends_all_again(
        self, spool: Path, service: Sink, position: bytes
    ) -> None:
        (spool / "position").write_bytes(position)
        fill(spool / FIRST, [1, 2])

        assert run_ship(spool, url=service.url).code == 0
        assert service.numbers == [1, 2]

    def test_a_position_that_makes_sense_does_not(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, [1, 2])
        (spool / "position").write_text(f"{FIRST} {len(line(1)) + 1}\n")

        run_ship(spool, url=service.url)

        assert service.numbers == [2]


class TestWriters:
    def test_who_append_while_segments_are_taken_lose_nothing(
        self, spool: Path, service: Sink
    ) -> None:
        writers, each = 4, 250
        shipper = start_ship(spool, "--watch", "0.001", url=service.url)

        def append(writer: int) -> None:
            for number in range(each):
                write(spool, line(writer * each + number))
                time.sleep(0.001)

        threads = [threading.Thread(target=append, args=(writer,)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wanted = set(range(writers * each))
        wait_until("all", lambda: set(service.numbers) == wanted, timeout=PATIENCE)
        shipper.terminate()
        _, err = shipper.communicate()

        assert (shipper.returncode, err) == (0, b"")
        for writer in range(writers):
            own = [number for number in service.numbers if number // each == writer]
            assert list(dict.fromkeys(own)) == sorted(set(own))

    def test_a_line_that_is_written_while_it_is_read_is_not_cut(
        self, spool: Path, service: Sink
    ) -> None:
        with (spool / FIRST).open("ab", buffering=0) as out:
            out.write(line(1) + b"\n" + line(2)[:10])
            process = start_ship(spool, url=service.url)
            wait_until("the first", lambda: bool(service.lines))
            out.write(line(2)[10:] + b"\n")
            _, err = process.communicate()

        assert (process.returncode, err) == (0, b"")
        assert service.numbers == [1, 2]


class TestTwoShippers:
    def test_the_second_says_so_and_leaves_it_to_the_first(
        self, spool: Path, service: Sink
    ) -> None:
        hold = threading.Event()

        def judge(text: bytes) -> Reply:
            hold.wait(PATIENCE)
            return TAKEN

        service.judge = judge
        fill(spool / FIRST, [1])
        first = start_ship(spool, url=service.url, timeout=PATIENCE)
        wait_until("the first", lambda: bool(service.paths))

        run = run_ship(spool, url=service.url)
        hold.set()
        first.communicate()

        assert (run.code, first.returncode) == (0, 0)
        assert "another ship-reports is at work" in run.err
        assert service.numbers == [1]

    def test_the_second_ships_what_the_first_did_not_see_before_it_ended(
        self, spool: Path, service: Sink
    ) -> None:
        (spool / "lock").touch()
        holder = subprocess.Popen(["flock", str(spool / "lock"), "sleep", "0.3"])
        wait_until("the holder", lambda: not _free(spool / "lock"))
        fill(spool / "incoming", [1])

        assert run_ship(spool, url=service.url).code == 0
        holder.wait()
        assert service.numbers == [1]


def _free(lock: Path) -> bool:
    return subprocess.run(["flock", "--nonblock", str(lock), "true"], check=False).returncode == 0
