"""What the report processor keeps of a report, whatever an agent wrote into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.real.reportdriver import (
    ALL_WELL,
    Drivers,
    ReportDriver,
    as_written,
    as_yaml,
    log,
    report,
)
from tests.real.rubydriver import JRUBY, MRI
from tests.service.enc_script import is_one_line

MAX_LINE = 4096
NAMES = ("environment", "configuration_version", "transaction_uuid", "puppet_version")
COUNTS = {
    **dict.fromkeys(("total", "changed", "failed", "failed_to_restart"), 0),
    **dict.fromkeys(("out_of_sync", "skipped", "restarted", "corrective_change"), 0),
}
# In a JSON line as they are, these would end it for some readers, or steer a terminal.
UNPRINTABLE = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]


@pytest.fixture(scope="module")
def puppet(report_drivers: Drivers) -> ReportDriver:
    return report_drivers()


def kept(puppet: ReportDriver, spool: Path, given: dict[str, Any] | str) -> dict[str, Any]:
    """The one line that came of it."""
    spool.mkdir(exist_ok=True)
    assert puppet.save([given], spool=spool) == ALL_WELL
    line = (spool / "incoming").read_bytes()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_LINE
    assert not set(line[:-1].decode()) & set(UNPRINTABLE)
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize("ruby", [MRI, JRUBY], ids=["ruby", "jruby"])
def test_what_is_beyond_ascii_is_kept_as_it_is(
    report_drivers: Drivers, tmp_path: Path, ruby: tuple[str, ...]
) -> None:
    """The drivers' locale is C."""
    given = report("failed", logs=[log("ä 日本 😀")])

    assert kept(report_drivers(ruby), tmp_path, given)["errors"] == ["ä 日本 😀"]


@pytest.mark.parametrize("how", [as_written, report], ids=["yaml", "json"])
def test_a_summary_does_tell_everything_of_a_run(
    puppet: ReportDriver, tmp_path: Path, how: Any
) -> None:
    assert kept(puppet, tmp_path, how("changed")) == {
        "version": 1,
        "certname": "i-0aaa0002",
        "time": "2026-11-24T01:02:03.123Z",
        "status": "changed",
        "noop": False,
        "noop_pending": False,
        "cached": False,
        "environment": "production",
        "configuration_version": "1795482123",
        "transaction_uuid": "6b3c1c0e-5d0a-4c56-9a53-0d6d5a1f7c11",
        "puppet_version": "7.23.0",
        "seconds": {"total": 2.346, "config_retrieval": 0.512},
        "resources": COUNTS | {"total": 3, "changed": 1, "out_of_sync": 1, "corrective_change": 1},
        "errors": ["Facter: Permission denied @ rb_sysopen - /proc/1/environ"],
    }


@pytest.mark.parametrize("name", ["unchanged", "failed", "failed_compile", "noop", "cached"])
def test_a_summary_does_not_lack_a_key_whatever_happened(
    puppet: ReportDriver, tmp_path: Path, name: str
) -> None:
    whole = kept(puppet, tmp_path / "whole", as_written("changed"))
    found = kept(puppet, tmp_path / "this", as_written(name))
    assert list(found) == list(whole)
    assert list(found["seconds"]) == list(whole["seconds"])
    assert list(found["resources"]) == list(whole["resources"])


def test_a_failed_run_does_tell_its_errors_in_order_each_once(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    found = kept(puppet, tmp_path, as_written("failed"))
    assert found["status"] == "failed"
    assert found["resources"] == COUNTS | {"total": 3, "failed": 1, "out_of_sync": 1, "skipped": 1}
    facter, ensure, disk = found["errors"]
    assert facter.startswith("Facter: Permission denied")
    assert ensure.startswith("/Stage[main]/Role::Web/File[/srv/nowhere/index.html]/ensure: change")
    assert disk == "the disk is read-only"


def test_an_unchanged_run_does_not_tell_warnings_and_notices_as_errors(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    logs = [log("look here", level) for level in ("debug", "info", "notice", "warning")]
    found = kept(puppet, tmp_path, report("unchanged", logs=logs))
    assert (found["status"], found["errors"]) == ("unchanged", [])


def test_a_failed_compilation_does_say_what_it_cannot_tell(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    found = kept(puppet, tmp_path, as_written("failed_compile"))
    assert found["status"] == "failed"
    assert found["configuration_version"] == ""
    assert found["seconds"] == {"total": 1.872, "config_retrieval": None}
    assert found["resources"] == COUNTS
    assert "Could not find class role::nosuch" in found["errors"][1]


def test_a_report_without_metrics_and_logs_does_become_a_summary(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    found = kept(puppet, tmp_path, report("failed_compile", metrics={}, logs=[]))
    assert found["seconds"] == {"total": None, "config_retrieval": None}
    assert (found["resources"], found["errors"]) == (COUNTS, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("noop", (True, True, False)), ("cached", (False, False, True))],
)
def test_a_noop_or_cached_run_does_not_pass_for_a_real_one(
    puppet: ReportDriver, tmp_path: Path, name: str, expected: tuple[bool, ...]
) -> None:
    found = kept(puppet, tmp_path, as_written(name))
    assert found["status"] == "unchanged"
    assert (found["noop"], found["noop_pending"], found["cached"]) == expected


def test_a_catalogue_that_does_not_say_where_it_is_from_does_not_pass_for_a_fresh_one(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    assert kept(puppet, tmp_path, report("unchanged", cached_catalog_status=None))["cached"]


@pytest.mark.parametrize("value", [None, "false", 0], ids=ascii)
def test_a_run_that_does_not_say_that_it_was_real_does_not_pass_for_a_real_one(
    puppet: ReportDriver, tmp_path: Path, value: Any
) -> None:
    assert kept(puppet, tmp_path / "given", report("unchanged", noop=value))["noop"] is True
    without = report("unchanged")
    del without["noop"]
    assert kept(puppet, tmp_path / "left out", without)["noop"] is True


def test_a_run_that_says_that_it_was_real_does_pass_for_one(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    assert kept(puppet, tmp_path, report("unchanged", noop=False))["noop"] is False


def test_a_time_in_another_zone_does_become_utc(puppet: ReportDriver, tmp_path: Path) -> None:
    found = kept(puppet, tmp_path, report("unchanged", time="2026-11-24T03:02:03.9999+02:00"))
    assert found["time"] == "2026-11-24T01:02:03.999Z"


def test_a_report_of_20_kilobytes_does_not_become_more_than_four(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    whole = report("failed")
    number = 0
    while len(as_yaml(whole)) < 20_000:
        number += 1
        whole["logs"].append(log(f"the {number}th thing went wrong, " * 20))
    found = kept(puppet, tmp_path, as_yaml(whole))
    assert found["status"] == "failed"
    assert len(found["errors"]) == 5


@pytest.mark.parametrize(
    "character", ["x", "é", "😀", "\0", "\x1b", "\x9b", "\u2028", '"'], ids=ascii
)
def test_texts_without_end_do_not_make_the_line_longer(
    puppet: ReportDriver, tmp_path: Path, character: str
) -> None:
    logs = [log(f"{number} {character * 10_000}") for number in range(9)]
    names = dict.fromkeys(NAMES, character * 10_000)
    found = kept(puppet, tmp_path, report("failed", logs=logs, **names))
    assert found["certname"] == "i-0aaa0003"
    assert all(found[name].startswith(character * 40) for name in NAMES)
    assert all(len(text) <= 300 and text.endswith("...") for text in found["errors"])
    assert len(found["errors"]) <= 5


def test_texts_of_usual_length_do_not_get_clipped(puppet: ReportDriver, tmp_path: Path) -> None:
    message, version = "ü" * 300, "v" * 255
    found = kept(
        puppet, tmp_path, report("failed", logs=[log(message)], configuration_version=version)
    )
    assert (found["errors"], found["configuration_version"]) == ([message], version)


def test_texts_that_are_not_utf_8_do_become_it(puppet: ReportDriver, tmp_path: Path) -> None:
    given = report("failed", logs=[log(b"a\xff\xfeb\xc3")], environment=b"\x80" * 1000)
    found = kept(puppet, tmp_path, as_yaml(given))
    assert found["errors"] == ["a??b?"]
    assert found["environment"].startswith("????")


def test_newlines_and_escape_sequences_do_not_leave_their_text(
    puppet: ReportDriver, tmp_path: Path
) -> None:
    message = "one\ntwo\r\n\x1b[2J\x1b[31m" + "".join(UNPRINTABLE) + '"}\n{"version":1}'
    found = kept(puppet, tmp_path, report("failed", logs=[log(message, source="a\nb")]))
    assert found["errors"] == [f"a\nb: {message}"]


@pytest.mark.parametrize("value", ["12", -1, 1e300, 10**400, None, True, [1], {"a": 1}], ids=ascii)
def test_a_figure_that_is_none_does_not_become_one(
    puppet: ReportDriver, tmp_path: Path, value: Any
) -> None:
    metrics = {
        name: {"name": name, "label": name, "values": [["total", "Total", value], value, []]}
        for name in ("time", "resources")
    }
    found = kept(puppet, tmp_path, report("failed", metrics=metrics))
    assert found["seconds"]["total"] is None
    assert found["resources"]["total"] == 0


@pytest.mark.parametrize("value", [7, None, True, ["x"], {"a": "b"}], ids=ascii)
def test_a_text_that_is_none_does_become_one(
    puppet: ReportDriver, tmp_path: Path, value: Any
) -> None:
    names = dict.fromkeys(NAMES, value)
    found = kept(puppet, tmp_path, report("failed", logs=[log(value)], **names))
    assert all(isinstance(found[name], str) for name in NAMES)
    assert all(isinstance(text, str) for text in found["errors"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"host": "I-0AAA"}, "host"),
        ({"host": "i-0a..b"}, "host"),
        ({"host": "../i-0a"}, "host"),
        ({"host": "i-0a\nerr: all is well"}, "host"),
        ({"host": "i" * 256}, "host"),
        ({"host": None}, "host"),
        ({"host": ["i-0a"]}, "host"),
        ({"status": "splendid"}, "status"),
        ({"status": None}, "status"),
        ({"time": None}, "time"),
    ],
    ids=ascii,
)
def test_what_is_no_report_does_get_one_line_in_the_log_and_none_in_the_spool(
    puppet: ReportDriver, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    answer = puppet.save([report("unchanged", **changes)], spool=tmp_path)
    assert answer.raised == []
    (said,) = answer.logs
    assert said.startswith("err: rolecall: a report of ")
    assert f"is not kept: its {why} is " in said
    assert is_one_line(f"{said}\n")
    assert not list(tmp_path.iterdir())
