"""Puppet's last runs as `provisioner show` prints them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.cli.records import listed_record
from provisioner.cli.runs import show_runs
from tests.builders import node
from tests.fakes.clock import START
from tests.summaries import report

NOTHING = {"total": None, "config_retrieval": None}


def test_the_last_five_runs_are_shown_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    show_runs([report(time=START + timedelta(hours=n)) for n in range(7)])

    title, *lines = capsys.readouterr().out.strip().splitlines()
    assert title.split() == ["RUN", "STATUS", "SECONDS", "RESOURCES", "CHANGED", "FAILED"]
    assert lines[0].split() == ["2026-01-01T14:00:00Z", "changed", "1.2", "31", "2", "0"]
    assert len(lines) == 5


def test_only_the_very_last_run_tells_its_errors_and_nothing_obeys_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_runs([report(errors=["long ago"]), report(errors=["\x1b[31m\nno", "such"])])

    out = capsys.readouterr().out
    assert out.endswith("\nlast run: \\x1b[31m\\nno\nlast run: such\n")
    assert "long ago" not in out


def test_no_runs_are_not_shown_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    show_runs([])

    assert capsys.readouterr().out == ""


def test_seconds_that_were_not_told_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    show_runs([report(seconds=NOTHING, status="failed", cached=True)])

    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split()[1:3] == ["failed", "-"]


def test_a_node_is_listed_with_the_age_of_its_last_report() -> None:
    now = START + timedelta(hours=5)
    reported = node(report_status="noop", report_at=START + timedelta(hours=2))

    found = listed_record(reported, now)

    assert (found["report"], found["reported"], found["age"]) == ("noop", "3h", "5h")


def test_a_node_that_never_reported_is_listed_without() -> None:
    found = listed_record(node(), START)

    assert (found["report"], found["reported"]) == (None, None)
