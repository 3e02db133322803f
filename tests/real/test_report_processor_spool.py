"""The spool under faults of its folder, of its disk, and under its limit."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.real.reportdriver import JRUBY, MRI, Answer, ReportDriver, log, report
from tests.service.enc_script import is_one_line

ALL_WELL = Answer(logs=[], raised=[], ms=[])
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
SMALL_DISK = (
    *("unshare", "--mount", "sh", "-c"),
    'mount -t tmpfs -o size=64k rolecall "$0" && exec "$@"',
)
MEBIBYTE = 1024 * 1024
SEGMENT = re.compile(r"\d{8}T\d{6}\.\d{9}\.jsonl")


@pytest.fixture(scope="module")
def puppet() -> Iterator[ReportDriver]:
    with ReportDriver.start() as puppet:
        yield puppet


def numbered(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Reports that end up as lines of some 2 KB, each with its number as configuration version."""
    logs = [log(f"{number} {'x' * 300}") for number in range(5)]
    return [
        report("failed", logs=logs, configuration_version=number)
        for number in range(first, first + count)
    ]


def numbers(*paths: Path) -> list[int]:
    lines = b"".join(path.read_bytes() for path in paths).splitlines()
    return [int(json.loads(line)["configuration_version"]) for line in lines]


def segments(spool: Path) -> list[Path]:
    return sorted(path for path in spool.iterdir() if SEGMENT.fullmatch(path.name))


def the_one_line(answer: Answer) -> str:
    assert answer.raised == []
    (said,) = answer.logs
    assert is_one_line(f"{said}\n")
    return said


def test_a_missing_folder_does_get_made_for_its_group_and_nobody_else(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    assert puppet.save([report("changed")], spool=spool) == ALL_WELL
    assert spool.stat().st_mode & 0o777 == 0o750
    assert (spool / "incoming").stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_of_the_folder_does_not_get_made(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    said = the_one_line(puppet.save([report("changed")], spool=tmp_path / "missing/spool"))
    assert said == (
        "err: rolecall: the report of i-0aaa0002 is not kept: "
        f"{tmp_path}/missing/spool/incoming: No such file or directory; "
        "create the folder that it is to lie in"
    )
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_does_not_fail_the_run(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("mine")
    said = the_one_line(puppet.save([report("changed")], spool=tmp_path / "spool"))
    assert "i-0aaa0002 is not kept" in said
    assert "Not a directory; move away what lies there" in said
    assert (tmp_path / "spool").read_text() == "mine"


def test_a_folder_that_may_not_be_written_does_not_fail_the_run() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="rolecall-") as name,
        ReportDriver.start(within=NOBODY) as puppet,
    ):
        Path(name).chmod(0o555)
        said = the_one_line(puppet.save([report("changed")], spool=name))
        assert f"{name}/incoming: Permission denied; let the user that runs" in said
        said = the_one_line(puppet.save([report("changed")], spool=f"{name}/spool"))
        assert "Permission denied" in said


@pytest.mark.parametrize("what", ["folder", "pipe", "pipe with a reader", "link"])
def test_something_else_in_place_of_the_file_does_not_fail_the_run_nor_make_it_wait(
    puppet: ReportDriver, tmp_path: Path, what: str
) -> None:
    incoming, elsewhere = tmp_path / "incoming", tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    make = {"folder": incoming.mkdir, "link": lambda: incoming.symlink_to(elsewhere)}
    make.get(what, lambda: os.mkfifo(incoming))()
    reader = os.open(incoming, os.O_RDONLY | os.O_NONBLOCK) if "reader" in what else None
    said = the_one_line(puppet.save([report("changed")], spool=tmp_path))
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


def test_a_disk_with_room_does_not_leave_pieces(puppet: ReportDriver, tmp_path: Path) -> None:
    assert puppet.save(numbered(50), spool=tmp_path) == ALL_WELL
    assert numbers(tmp_path / "incoming") == list(range(50))


def test_a_piece_of_a_line_does_not_take_the_next_report_with_it(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    (tmp_path / "incoming").write_bytes(b'{"version":1,"certn')
    assert puppet.save(numbered(2), spool=tmp_path) == ALL_WELL
    piece, *lines = (tmp_path / "incoming").read_bytes().splitlines()
    assert piece.startswith(b'{"version":1,"certn{')
    assert [json.loads(line)["configuration_version"] for line in lines] == ["0", "1"]


def test_an_eighth_of_the_limit_does_become_a_segment(puppet: ReportDriver, tmp_path: Path) -> None:
    assert puppet.save(numbered(100), spool=tmp_path, spool_limit=1) == ALL_WELL
    closed = segments(tmp_path)
    assert closed
    for path in closed:
        assert MEBIBYTE / 8 <= path.stat().st_size < MEBIBYTE / 8 + 4096
        assert path.stat().st_mode & 0o777 == 0o640
    assert numbers(*closed, tmp_path / "incoming") == list(range(100))
    assert not (tmp_path / "dropped").exists()


def test_less_than_an_eighth_of_the_limit_does_not_become_a_segment(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    assert puppet.save(numbered(100), spool=tmp_path, spool_limit=2) == ALL_WELL
    assert (tmp_path / "incoming").stat().st_size < 2 * MEBIBYTE / 8
    assert segments(tmp_path) == []


def test_a_spool_over_its_limit_does_lose_the_oldest_and_says_so(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    answer = puppet.save(numbered(800), spool=tmp_path, spool_limit=1)
    left = numbers(*segments(tmp_path), tmp_path / "incoming")
    assert left == list(range(left[0], 800))
    assert left[0] > 0
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= MEBIBYTE
    dropped = [line.split() for line in (tmp_path / "dropped").read_text().splitlines()]
    assert len(answer.logs) == len(dropped) > 0
    for said, (time, name, size) in zip(answer.logs, dropped, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
        assert SEGMENT.fullmatch(name)
        assert f"spool_limit: {name} ({size} bytes" in said


def test_segments_that_somebody_else_closed_do_count_but_no_other_files(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    names = [f"20261124T01020{number}.000000000.jsonl" for number in range(3)]
    for name in (*names, "refused.jsonl", "20261124.jsonl"):
        (tmp_path / name).write_bytes(b"x" * (MEBIBYTE // 2))
    said = the_one_line(puppet.save([report("changed")], spool=tmp_path, spool_limit=1))
    assert names[0] in said
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {*names[1:], "refused.jsonl", "20261124.jsonl", "incoming", "dropped"}


def test_the_list_of_what_was_dropped_does_not_grow_without_end(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    (tmp_path / "dropped").write_bytes(b"x" * (MEBIBYTE + 1))
    for number in range(2):
        (tmp_path / f"20261124T01020{number}.000000000.jsonl").write_bytes(b"x" * MEBIBYTE)
    the_one_line(puppet.save([report("changed")], spool=tmp_path, spool_limit=1))
    assert (tmp_path / "dropped").read_text().count("\n") == 1
    assert (tmp_path / "dropped.1").stat().st_size == MEBIBYTE + 1


def test_a_segment_that_cannot_be_deleted_does_not_lose_the_report(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    oldest = tmp_path / "20261124T010200.000000000.jsonl"
    oldest.mkdir()
    (tmp_path / "20261124T010201.000000000.jsonl").write_bytes(b"x" * MEBIBYTE)
    said = the_one_line(puppet.save(numbered(1), spool=tmp_path, spool_limit=1))
    assert "is kept, but" in said
    assert numbers(tmp_path / "incoming") == [0]
