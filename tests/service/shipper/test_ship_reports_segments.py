"""ship-reports and its segments: those that it may not read, and the names of those it makes."""

from __future__ import annotations

import os
import runpy
import time
from pathlib import Path

import pytest

from tests.servers import wait_until
from tests.service.enc_script import is_one_line
from tests.service.reports_sink import Sink
from tests.service.spool import FIRST, SCRIPT, SECOND, fill, left, line, run_ship, start_ship

FUTURE = "20991231T235959.999999999.jsonl"
# Root as anybody else: it may not read what its mode forbids.
POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.geteuid() == 0)
# The script's functions; nothing of it runs by this.
PARTS = runpy.run_path(str(SCRIPT))


class TestWhatWeMayNotRead:
    """As root leaves it that runs `puppet apply`: its files are in the puppet user's folder."""

    @pytest.mark.parametrize("name", ["incoming", FIRST])
    def test_waits_and_the_rest_is_shipped(self, spool: Path, service: Sink, name: str) -> None:
        unreadable(spool / name, [1])
        fill(spool / SECOND, [2])

        run = run_ship(spool, url=service.url, within=POWERLESS)

        (kept,) = left(spool)
        assert (run.code, service.numbers) == (3, [2])
        assert is_one_line(run.err)
        assert f"{spool}/{kept}" in run.err
        assert "we may not read it" in run.err
        assert "chown " in run.err

    def test_makes_room_for_an_incoming_that_the_processor_can_write_to(
        self, spool: Path, service: Sink
    ) -> None:
        unreadable(spool / "incoming", [1])
        run_ship(spool, url=service.url, within=POWERLESS)
        fill(spool / "incoming", [2])

        run_ship(spool, url=service.url, within=POWERLESS)

        assert (service.numbers, len(left(spool))) == ([2], 1)

    def test_is_shipped_once_we_may(self, spool: Path, service: Sink) -> None:
        unreadable(spool / FIRST, [1])
        run_ship(spool, url=service.url, within=POWERLESS)
        (spool / FIRST).chmod(0o640)

        run = run_ship(spool, url=service.url, within=POWERLESS)

        assert (run.code, run.err, service.numbers, left(spool)) == (0, "", [1], [])

    def test_is_told_once_by_one_that_watches(self, spool: Path, service: Sink) -> None:
        unreadable(spool / FIRST, [1])
        process = start_ship(spool, "--watch", "0.02", url=service.url, within=POWERLESS)
        for number in range(3):
            fill(spool / "incoming", [number])
            wait_until("it", lambda number=number: number in service.numbers)
        process.terminate()

        assert is_one_line(process.communicate()[1].decode())


def unreadable(file: Path, numbers: list[int]) -> None:
    fill(file, numbers)
    file.chmod(0)


class TestTheNameOfASegment:
    """Of what the shipper takes; that of the processor has its own tests."""

    @pytest.mark.parametrize("kind", ["segment", "that we may not read"])
    def test_sorts_behind_all_others_when_the_clock_was_set_back(
        self, spool: Path, kind: str
    ) -> None:
        fill(spool / FUTURE, [1])
        if "not" in kind:
            (spool / FUTURE).chmod(0)
        fill(spool / "incoming", [2])

        assert take(spool) == "20991231T235960.000000000.jsonl"
        assert (spool / "20991231T235960.000000000.jsonl").read_bytes() == line(2) + b"\n"

    def test_is_the_time_when_it_was_not(self, spool: Path) -> None:
        fill(spool / FIRST.replace("2026", "2020"), [1])
        fill(spool / "incoming", [2])
        times = [PARTS["segment_of"](time.time_ns())]
        name = take(spool)
        times.append(PARTS["segment_of"](time.time_ns()))

        assert times[0] < name < times[1]

    def test_is_not_one_that_is_taken(self, spool: Path) -> None:
        """By what is not ours, and lies there since the name was chosen."""
        fill(spool / FUTURE, [1])
        (spool / "20991231T235960.000000000.jsonl").mkdir()
        fill(spool / "incoming", [2])

        assert take(spool) == "20991231T235960.000000001.jsonl"

    def test_does_not_come_from_what_is_not_ours(self, spool: Path) -> None:
        (spool / FUTURE).mkdir()
        fill(spool / "incoming", [2])

        assert take(spool) < FUTURE

    def test_is_not_one_that_the_processor_holds_just_now(self, spool: Path) -> None:
        fill(spool / FUTURE, [1])
        (spool / "20991231T235960.000000000.jsonl").symlink_to(PARTS["CLOSING"])
        fill(spool / "incoming", [2])

        assert take(spool) == "20991231T235960.000000001.jsonl"

    def test_that_the_processor_holds_just_now_is_not_told_of(
        self, spool: Path, service: Sink
    ) -> None:
        (spool / FIRST).symlink_to(PARTS["CLOSING"])
        fill(spool / SECOND, [1])

        run = run_ship(spool, url=service.url)

        assert (run.code, run.err, service.numbers, left(spool)) == (0, "", [1], [FIRST])


def test_what_the_processor_closed_while_we_took_is_shipped_first(spool: Path) -> None:
    fill(spool / "incoming", [2])
    with PARTS["opened"](str(spool), print) as opened:
        assert opened.oldest() is None
        fill(spool / FIRST, [1])

        assert opened.take_incoming() == FIRST


def test_what_the_processor_takes_from_under_us_is_shipped(spool: Path) -> None:
    fill(spool / "incoming", [1])
    descriptor = os.open(spool, os.O_RDONLY)

    assert Overtaken(str(spool), descriptor, print).take_incoming() == FIRST
    os.close(descriptor)


class Overtaken(PARTS["Spool"]):
    """The processor closes the segment that this was about to make."""

    def reserve(self) -> str:
        name = super().reserve()
        (Path(self.folder) / "incoming").rename(Path(self.folder) / FIRST)
        return name


def take(spool: Path) -> str:
    """The name of what was incoming."""
    before = {*left(spool)}
    with PARTS["opened"](str(spool), lambda message: None) as opened:
        opened.take_incoming()
    (name,) = {*left(spool)} - before
    return name
