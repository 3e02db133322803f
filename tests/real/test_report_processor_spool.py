"""The spool under faults of its folder, of its disk, and under its limit."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.real.reportdriver import (
    ALL_WELL,
    NOBODY,
    NOBODY_ID,
    SEGMENT,
    Drivers,
    ReportDriver,
    folder_of_nobody,
    numbered,
    numbers,
    report,
    segments,
    the_one_line,
)
from tests.real.rubydriver import JRUBY, MRI

SMALL_DISK = (
    *("unshare", "--mount", "sh", "-c"),
    'mount -t tmpfs -o size=64k rolecall "$0" && exec "$@"',
)
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def puppet(report_drivers: Drivers) -> ReportDriver:
    return report_drivers(within=NOBODY)


@pytest.fixture
def spool() -> Iterator[Path]:
    with folder_of_nobody() as folder:
        yield folder


def test_a_missing_folder_does_get_made_for_its_group_and_nobody_else(
    puppet: ReportDriver, spool: Path
) -> None:
    folder = spool / "spool"
    assert puppet.save([report("changed")], spool=folder) == ALL_WELL
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder / "incoming").stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_of_the_folder_does_not_get_made(
    puppet: ReportDriver, spool: Path
) -> None:
    said = the_one_line(puppet.save([report("changed")], spool=spool / "missing/spool"))
    assert said == (
        "err: rolecall: the report of i-0aaa0002 is not kept: "
        f"{spool}/missing/spool/incoming: No such file or directory; "
        "create the folder that it is to lie in"
    )
    assert not list(spool.iterdir())


def test_a_file_in_place_of_the_folder_does_not_fail_the_run(
    puppet: ReportDriver, spool: Path
) -> None:
    (spool / "spool").write_text("mine")
    said = the_one_line(puppet.save([report("changed")], spool=spool / "spool"))
    assert "i-0aaa0002 is not kept" in said
    assert "Not a directory; move away what lies there" in said
    assert (spool / "spool").read_text() == "mine"


def test_a_folder_that_may_not_be_written_does_not_fail_the_run(puppet: ReportDriver) -> None:
    with tempfile.TemporaryDirectory(prefix="rolecall-") as name:
        Path(name).chmod(0o555)
        said = the_one_line(puppet.save([report("changed")], spool=name))
        assert f"{name}/incoming: Permission denied; let the user that runs" in said
        said = the_one_line(puppet.save([report("changed")], spool=f"{name}/spool"))
        assert "Permission denied" in said


@pytest.mark.parametrize("what", ["folder", "pipe", "pipe with a reader", "link"])
def test_something_else_in_place_of_the_file_does_not_fail_the_run_nor_make_it_wait(
    puppet: ReportDriver, spool: Path, what: str
) -> None:
    incoming, elsewhere = spool / "incoming", spool / "elsewhere"
    elsewhere.write_text("mine")
    make = {"folder": incoming.mkdir, "link": lambda: incoming.symlink_to(elsewhere)}
    make.get(what, lambda: os.mkfifo(incoming))()
    os.chown(incoming, NOBODY_ID, NOBODY_ID, follow_symlinks=False)
    reader = os.open(incoming, os.O_RDONLY | os.O_NONBLOCK) if "reader" in what else None
    said = the_one_line(puppet.save([report("changed")], spool=spool))
    if reader is not None:
        os.close(reader)
    assert "move away what lies there" in said
    assert elsewhere.read_text() == "mine"


@pytest.mark.parametrize("ruby", [MRI, JRUBY], ids=["ruby", "jruby"])
def test_a_full_disk_does_not_fail_a_run_and_does_not_spoil_the_next_report(
    tmp_path: Path, ruby: Sequence[str]
) -> None:
    with ReportDriver.start(ruby, within=(*SMALL_DISK, str(tmp_path))) as puppet:
        disk = puppet.seen(tmp_path)
        (disk / "ballast").write_bytes(b"x" * 32 * 1024)
        answer = puppet.save(numbered(30), spool=tmp_path)
        assert answer.raised == []
        assert all("No space left on device; make room on that disk" in x for x in answer.logs)
        written = 30 - len(answer.logs)
        assert 0 < written < 30

        (disk / "ballast").unlink()
        assert puppet.save(numbered(3, first=100), spool=tmp_path) == ALL_WELL
        lines = (disk / "incoming").read_bytes().split(b"\n")
        whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"]}")]
        # The piece that the full disk left is one line of its own, with what was glued to it.
        found = [json.loads(line) for line in whole if line.count(b'"version"') == 1]
        expected = [*range(written), 100, 101, 102]
        assert [int(each["configuration_version"]) for each in found] == expected
        assert len(lines) <= len(expected) + 2
        assert lines[-1] == b""


def test_a_disk_with_room_does_not_leave_pieces(puppet: ReportDriver, spool: Path) -> None:
    assert puppet.save(numbered(50), spool=spool) == ALL_WELL
    assert numbers(spool / "incoming") == list(range(50))


def test_a_piece_of_a_line_does_not_take_the_next_report_with_it(
    puppet: ReportDriver, spool: Path
) -> None:
    (spool / "incoming").write_bytes(b'{"version":1,"certn')
    os.chown(spool / "incoming", NOBODY_ID, NOBODY_ID)
    assert puppet.save(numbered(2), spool=spool) == ALL_WELL
    piece, *lines = (spool / "incoming").read_bytes().splitlines()
    assert piece.startswith(b'{"version":1,"certn{')
    assert [json.loads(line)["configuration_version"] for line in lines] == ["0", "1"]


def test_an_eighth_of_the_limit_does_become_a_segment(puppet: ReportDriver, spool: Path) -> None:
    assert puppet.save(numbered(100), spool=spool, spool_limit=1) == ALL_WELL
    closed = segments(spool)
    assert closed
    for path in closed:
        assert MEBIBYTE / 8 <= path.stat().st_size < MEBIBYTE / 8 + 4096
        assert path.stat().st_mode & 0o777 == 0o640
    assert numbers(*closed, spool / "incoming") == list(range(100))
    assert not (spool / "dropped").exists()


def test_less_than_an_eighth_of_the_limit_does_not_become_a_segment(
    puppet: ReportDriver, spool: Path
) -> None:
    assert puppet.save(numbered(100), spool=spool, spool_limit=2) == ALL_WELL
    assert (spool / "incoming").stat().st_size < 2 * MEBIBYTE / 8
    assert segments(spool) == []


def test_a_spool_over_its_limit_does_lose_the_oldest_and_says_so(
    puppet: ReportDriver, spool: Path
) -> None:
    answer = puppet.save(numbered(800), spool=spool, spool_limit=1)
    left = numbers(*segments(spool), spool / "incoming")
    assert left == list(range(left[0], 800))
    assert left[0] > 0
    assert sum(path.stat().st_size for path in segments(spool)) <= MEBIBYTE
    dropped = [line.split() for line in (spool / "dropped").read_text().splitlines()]
    assert len(answer.logs) == len(dropped) > 0
    for said, (time, name, size) in zip(answer.logs, dropped, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
        assert SEGMENT.fullmatch(name)
        assert f"spool_limit: {name} ({size} bytes" in said


def test_segments_that_somebody_else_closed_do_count_but_no_other_files(
    puppet: ReportDriver, spool: Path
) -> None:
    names = [f"20261124T01020{number}.000000000.jsonl" for number in range(3)]
    for name in (*names, "refused.jsonl", "20261124.jsonl"):
        (spool / name).write_bytes(b"x" * (MEBIBYTE // 2))
    said = the_one_line(puppet.save([report("changed")], spool=spool, spool_limit=1))
    assert names[0] in said
    kept = {path.name for path in spool.iterdir()}
    assert kept == {*names[1:], "refused.jsonl", "20261124.jsonl", "incoming", "dropped"}


def test_the_list_of_what_was_dropped_does_not_grow_without_end(
    puppet: ReportDriver, spool: Path
) -> None:
    (spool / "dropped").write_bytes(b"x" * (MEBIBYTE + 1))
    for number in range(2):
        (spool / f"20261124T01020{number}.000000000.jsonl").write_bytes(b"x" * MEBIBYTE)
    the_one_line(puppet.save([report("changed")], spool=spool, spool_limit=1))
    assert (spool / "dropped").read_text().count("\n") == 1
    assert (spool / "dropped.1").stat().st_size == MEBIBYTE + 1
