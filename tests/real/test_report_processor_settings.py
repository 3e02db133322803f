"""Which folder and limit the report processor takes from enc.conf and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.reportdriver import ALL_WELL, ReportDriver, report
from tests.service.enc_script import is_one_line

SPOOL = Path("/var/lib/rolecall/spool")
# Its own /var/lib: the default folder of the machine that runs the tests is not ours.
PRIVATE = (
    *("unshare", "--mount", "sh", "-c"),
    'mount -t tmpfs rolecall /var/lib && mkdir -p /var/lib/rolecall/spool && exec "$@"',
    "sh",
)


@pytest.fixture(scope="module")
def puppet() -> Iterator[ReportDriver]:
    with ReportDriver.start(within=PRIVATE) as puppet:
        yield puppet


def made(folder: Path) -> Path:
    """Root's reports, as these are, make none."""
    folder.mkdir()
    return folder


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def by_default(puppet: ReportDriver) -> int:
    """How many reports lie in the default folder."""
    return lines(puppet.seen(SPOOL / "incoming"))


def test_a_report_does_lie_in_the_default_folder_if_nothing_is_set(puppet: ReportDriver) -> None:
    before = by_default(puppet)
    assert puppet.save([report("changed")]) == ALL_WELL
    assert by_default(puppet) == before + 1


def test_the_file_does_name_the_folder(puppet: ReportDriver, tmp_path: Path) -> None:
    conf, folder = tmp_path / "enc.conf", made(tmp_path / "spool")
    conf.write_text(f"# spool = /elsewhere\nurl = http://a/?b=c\n\n  spool  =  {folder} \r\nodd\n")
    before = by_default(puppet)
    assert puppet.save([report("changed")], env={"ENC_CONF": str(conf)}) == ALL_WELL
    assert (lines(folder / "incoming"), by_default(puppet)) == (1, before)


def test_the_environment_does_win_over_the_file(puppet: ReportDriver, tmp_path: Path) -> None:
    conf, folder = tmp_path / "enc.conf", made(tmp_path / "spool")
    conf.write_text(f"spool = {made(tmp_path / 'other')}\n")
    puppet.save([report("changed")], env={"ENC_CONF": str(conf)}, spool=folder)
    assert lines(folder / "incoming") == 1
    assert not list((tmp_path / "other").iterdir())


def test_a_changed_file_does_count_from_the_next_report_on(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    conf = tmp_path / "enc.conf"
    for name in ("one", "two"):
        conf.write_text(f"spool = {made(tmp_path / name)}\n")
        puppet.save([report("changed")], env={"ENC_CONF": str(conf)})
    assert [lines(tmp_path / name / "incoming") for name in ("one", "two")] == [1, 1]


@pytest.mark.parametrize("spool", ["", "relative/folder"])
def test_a_folder_that_is_none_does_not_lose_the_report(puppet: ReportDriver, spool: str) -> None:
    before = by_default(puppet)
    answer = puppet.save([report("changed")], spool=spool)
    (said,) = answer.logs
    assert f'ENC_SPOOL is "{spool}", not an absolute path' in said
    assert f"reports are kept in {SPOOL}: correct it" in said
    assert by_default(puppet) == before + 1


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "64 MiB", "1e3", "0.5", "9" * 20, "1\n2"], ids=ascii
)
def test_a_limit_that_is_none_does_not_lose_the_report(
    puppet: ReportDriver, tmp_path: Path, limit: str
) -> None:
    answer = puppet.save([report("changed")], spool=tmp_path, spool_limit=limit)
    assert answer.raised == []
    (said,) = answer.logs
    assert "not a whole number of MiB like 64, which is taken for it: correct it" in said
    assert is_one_line(f"{said}\n")
    assert lines(tmp_path / "incoming") == 1


def test_a_limit_that_is_one_does_not_need_a_word(puppet: ReportDriver, tmp_path: Path) -> None:
    assert puppet.save([report("changed")], spool=tmp_path, spool_limit=1) == ALL_WELL


def test_a_pipe_in_place_of_the_file_does_not_make_a_run_wait(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "enc.conf")
    env = {"ENC_CONF": str(tmp_path / "enc.conf")}
    answer = puppet.save([report("changed")], env=env, spool=made(tmp_path / "spool"))
    (said,) = answer.logs
    assert "enc.conf is not a file" in said
    assert lines(tmp_path / "spool" / "incoming") == 1
