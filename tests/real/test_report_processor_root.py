"""Reports that root writes (`puppet apply`) into the folder of the puppetserver's user."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.real.reportdriver import (
    ALL_WELL,
    NOBODY,
    NOBODY_ID,
    Answer,
    Drivers,
    ReportDriver,
    folder_of_nobody,
    numbered,
    report,
    the_one_line,
)
from tests.real.rubydriver import JRUBY, MRI
from tests.real.test_report_processor import Shipper

MEBIBYTE = 1024 * 1024
REPORTS = 400
# Ends when it may not open the file that is there.
OPENS = """
  loop do
    File.open(ARGV.fetch(0), File::WRONLY) { nil }
  rescue Errno::ENOENT
    nil
  end
"""


@pytest.fixture(scope="module", params=[MRI, JRUBY], ids=["ruby", "jruby"])
def root(request: pytest.FixtureRequest, report_drivers: Drivers) -> ReportDriver:
    return report_drivers(request.param)


@pytest.fixture(scope="module")
def nobody(report_drivers: Drivers) -> ReportDriver:
    return report_drivers(within=NOBODY)


@pytest.fixture
def spool() -> Iterator[Path]:
    with folder_of_nobody() as folder:
        yield folder


def owners(spool: Path) -> dict[str, tuple[int, int]]:
    states = {path.name: path.lstat() for path in spool.iterdir()}
    return {name: (state.st_uid, state.st_gid) for name, state in states.items()}


def test_a_report_by_root_does_not_keep_the_owner_of_the_folder_out(
    root: ReportDriver, nobody: ReportDriver, spool: Path
) -> None:
    assert root.save([report("changed")], spool=spool) == ALL_WELL
    assert owners(spool) == {"incoming": (NOBODY_ID, NOBODY_ID)}
    assert (spool / "incoming").stat().st_mode & 0o777 == 0o640
    assert nobody.save([report("changed")], spool=spool) == ALL_WELL
    assert (spool / "incoming").read_bytes().count(b"\n") == 2


def test_a_report_by_root_does_leave_segments_and_the_list_of_what_was_dropped_to_the_owner(
    root: ReportDriver, spool: Path
) -> None:
    (spool / "20261101T010203.000000000.jsonl").write_bytes(b"x" * MEBIBYTE)
    the_one_line(root.save(numbered(100), spool=spool, spool_limit=1))
    assert len(owners(spool)) > 2
    assert "dropped" in owners(spool)
    assert set(owners(spool).values()) == {(NOBODY_ID, NOBODY_ID)}


def test_a_file_that_root_left_otherwise_does_become_the_owners(
    root: ReportDriver, nobody: ReportDriver, spool: Path
) -> None:
    (spool / "incoming").touch(0o640)
    assert "Permission denied" in the_one_line(nobody.save([report("changed")], spool=spool))
    assert root.save([report("changed")], spool=spool) == ALL_WELL
    assert owners(spool) == {"incoming": (NOBODY_ID, NOBODY_ID)}


def test_a_file_of_root_that_has_another_name_does_not_become_the_owners(
    root: ReportDriver, spool: Path
) -> None:
    (spool / "elsewhere").touch(0o600)
    os.link(spool / "elsewhere", spool / "incoming")
    root.save([report("changed")], spool=spool)
    assert owners(spool)["elsewhere"] == (0, 0)


def test_a_folder_of_root_does_not_change_hands(root: ReportDriver, tmp_path: Path) -> None:
    assert root.save([report("changed")], spool=tmp_path) == ALL_WELL
    assert owners(tmp_path) == {"incoming": (0, 0)}


def test_a_missing_folder_does_not_get_made_by_root(root: ReportDriver, spool: Path) -> None:
    said = the_one_line(root.save([report("changed")], spool=spool / "spool"))
    assert said == (
        "err: rolecall: the report of i-0aaa0002 is not kept: there is no folder "
        f"{spool}/spool, and root makes none; the first report to the puppetserver makes it, "
        "or create it for the user that runs the puppetserver"
    )
    assert not list(spool.iterdir())


def test_root_and_the_owner_at_once_do_not_lose_a_report_while_somebody_ships(
    root: ReportDriver, nobody: ReportDriver, spool: Path
) -> None:
    shipper = Shipper(spool)

    def write(name: str, puppet: ReportDriver) -> Answer:
        reports = [report("changed", host=f"{name}-{number}") for number in range(REPORTS)]
        return puppet.save(reports, spool=spool, threads=4)

    with ThreadPoolExecutor(2) as pool, shipper.at_work():
        assert list(pool.map(write, ["root", "nobody"], [root, nobody])) == [ALL_WELL] * 2
    found = {json.loads(line)["certname"] for line in shipper.lines if line.endswith(b"\n")}
    assert found == {f"{name}-{each}" for name in ("root", "nobody") for each in range(REPORTS)}
    assert not list(spool.iterdir())


def test_a_file_that_root_makes_is_not_for_a_moment_closed_to_the_owner(
    root: ReportDriver, spool: Path
) -> None:
    opens = [*NOBODY, *MRI, "-e", OPENS, str(spool / "incoming")]
    owner = subprocess.Popen(opens, stderr=subprocess.PIPE)
    try:
        for _ in range(3):
            with Shipper(spool).at_work():
                assert root.save([report("changed")] * REPORTS, spool=spool) == ALL_WELL
        assert owner.poll() is None
    finally:
        owner.kill()
        owner.communicate()
