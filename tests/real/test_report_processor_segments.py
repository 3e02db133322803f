"""What the report processor calls a segment, and what it deletes, whatever else has such a name."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.real.reportdriver import (
    ALL_WELL,
    NOBODY,
    NOBODY_ID,
    Drivers,
    ReportDriver,
    folder_of_nobody,
    numbered,
    numbers,
    segments,
    the_one_line,
)
from tests.real.rubydriver import JRUBY, MODULE_LIB, MRI

MEBIBYTE = 1024 * 1024
# As the clock had it before it was set back.
AHEAD = "20991124T010203.999999998.jsonl"
LAST = "99999999T999999.999999999.jsonl"
# Of about 2 KB each: more than an eighth of 1 MiB.
AN_EIGHTH = 80


@pytest.fixture(scope="module", params=[MRI, JRUBY], ids=["ruby", "jruby"])
def puppet(request: pytest.FixtureRequest, report_drivers: Drivers) -> ReportDriver:
    return report_drivers(request.param, within=NOBODY)


@pytest.fixture
def spool() -> Iterator[Path]:
    with folder_of_nobody() as folder:
        yield folder


def names(spool: Path) -> list[str]:
    return [path.name for path in segments(spool)]


def test_a_clock_that_was_set_back_does_not_put_a_segment_before_older_ones(
    puppet: ReportDriver, spool: Path
) -> None:
    (spool / AHEAD).write_bytes(b"")
    for first in (0, AN_EIGHTH):
        assert puppet.save(numbered(AN_EIGHTH, first), spool=spool, spool_limit=1) == ALL_WELL
    assert names(spool)[:3] == [
        AHEAD,
        "20991124T010203.999999999.jsonl",
        "20991124T010204.000000000.jsonl",
    ]
    assert numbers(*segments(spool), spool / "incoming") == list(range(2 * AN_EIGHTH))


def test_a_clock_that_was_set_back_does_not_delete_the_newest(
    puppet: ReportDriver, spool: Path
) -> None:
    (spool / AHEAD).write_bytes(b"x" * MEBIBYTE)
    said = the_one_line(puppet.save(numbered(AN_EIGHTH), spool=spool, spool_limit=1))
    assert f"{AHEAD} ({MEBIBYTE} bytes" in said
    assert numbers(*segments(spool), spool / "incoming") == list(range(AN_EIGHTH))


def test_a_clock_that_goes_on_does_name_the_segment(puppet: ReportDriver, spool: Path) -> None:
    (spool / "20261101T010203.000000000.jsonl").write_bytes(b"")
    assert puppet.save(numbered(AN_EIGHTH), spool=spool, spool_limit=1) == ALL_WELL
    assert names(spool)[1] > "20261101T010203.000000001.jsonl"
    assert names(spool)[1] < AHEAD


def test_the_last_of_all_names_does_not_keep_a_segment_from_being_closed(
    puppet: ReportDriver, spool: Path
) -> None:
    (spool / LAST).write_bytes(b"")
    assert puppet.save(numbered(200), spool=spool, spool_limit=1) == ALL_WELL
    assert numbers(*segments(spool), spool / "incoming") == list(range(200))
    assert len(names(spool)) > 2


@pytest.mark.parametrize("ruby", [MRI, JRUBY], ids=["ruby", "jruby"])
def test_segments_that_are_closed_in_the_same_nanosecond_do_not_replace_each_other(
    tmp_path: Path, ruby: Sequence[str]
) -> None:
    program = Path(__file__).parent / "ruby" / "closing_race.rb"
    done = subprocess.run(
        [*ruby, "-I", str(MODULE_LIB), str(program), str(tmp_path), "400", "5"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    rounds = json.loads(done.stdout)
    assert "lost" not in rounds
    assert rounds["whole"] > 200
    left = [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert left == []


@pytest.mark.parametrize("what", ["folder", "pipe", "link", "link to nothing", "no text"])
def test_what_only_has_the_name_of_a_segment_does_not_let_the_spool_grow_or_lose_reports(
    puppet: ReportDriver, spool: Path, what: str
) -> None:
    name = "20261124T010200.000000000.jsonl"
    other, large = spool / name, spool / "large"
    large.write_bytes(b"x" * 2 * MEBIBYTE)
    {
        "folder": other.mkdir,
        "pipe": lambda: os.mkfifo(other),
        "link": lambda: other.symlink_to(large),
        "link to nothing": lambda: other.symlink_to("nowhere"),
        "no text": lambda: Path(os.fsdecode(bytes(spool) + b"/\xff.jsonl")).touch(),
    }[what]()
    before = {path.name for path in spool.iterdir()}
    (spool / "20261124T010201.000000000.jsonl").write_bytes(b"x" * MEBIBYTE)
    (spool / "20261124T010202.000000000.jsonl").write_bytes(b"x" * MEBIBYTE)
    said = the_one_line(puppet.save(numbered(1), spool=spool, spool_limit=1))
    assert "20261124T010201.000000000.jsonl" in said
    kept = {"20261124T010202.000000000.jsonl", "incoming", "dropped"}
    assert {path.name for path in spool.iterdir()} == before | kept
    assert numbers(spool / "incoming") == [0]


def test_a_segment_that_cannot_be_deleted_does_not_keep_the_next_or_lose_the_report(
    puppet: ReportDriver, spool: Path
) -> None:
    files = [spool / f"20261124T01020{number}.000000000.jsonl" for number in range(3)]
    for path in files:
        path.write_bytes(b"x" * (MEBIBYTE // 2))
    # Who owns neither the folder nor the file may not delete it there.
    os.chown(spool, 0, 0)
    spool.chmod(0o1777)
    for path in files[1:]:
        os.chown(path, NOBODY_ID, NOBODY_ID)
    answer = puppet.save(numbered(1), spool=spool, spool_limit=1)
    deleted, failed = answer.logs
    assert f"{files[1].name} ({MEBIBYTE // 2} bytes" in deleted
    assert "is kept, but" in failed
    # C Ruby says that it is not permitted, JRuby that permission is denied.
    assert "ermi" in failed
    assert "let the user that runs the puppetserver write there" in failed
    assert numbers(spool / "incoming") == [0]
    assert segments(spool) == [files[0], files[2]]
