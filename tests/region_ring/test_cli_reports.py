"""Puppet's runs as people and programs see them: ls and show of nodes that have reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from enc.domain.model import Node, State
from tests.builders import event, node
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, in_parallel
from tests.summaries import report

NOW = datetime.now(UTC)
GOOD, BAD, SILENT = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2", "i-0aaaaaaaaaaaaaaa3"
EVIL = "\x1b[31mError:\r\nnot a line\x07 \u202ereversed"
WORDS = {
    "ls": "ls",
    "ls json": "ls --format json",
    "ls csv": "ls --format csv",
    **{name: f"show {name}" for name in (GOOD, BAD, SILENT)},
    "json": f"show {BAD} --format json",
    "yaml": f"show {BAD} --format yaml",
    "silent json": f"show {SILENT} --format json",
    "history": f"history {GOOD} --format json",
}


def fill(operator: Operator) -> None:
    """One that reports well for hours, one whose last run failed, and one that never did."""
    then = NOW - timedelta(hours=30)
    for name in (GOOD, BAD, SILENT):
        born: Node = node(name, launched_at=then, state_since=then, state=State.PENDING)
        operator.inventory.nodes.create(born, event("launched", at=then))
    for hours in range(12, 0, -1):
        took(operator, GOOD, hours=hours, status="unchanged", seconds=seconds(hours))
    took(operator, BAD, hours=9)
    counts = {**report().resources, "failed": 1, "failed_to_restart": 2}
    failed: dict[str, Any] = {"status": "failed", "resources": counts, "seconds": seconds(None)}
    took(operator, BAD, hours=3, errors=[EVIL, "no such package"], **failed)


def took(operator: Operator, certname: str, *, hours: int, **changes: Any) -> None:
    said = report(certname, time=NOW - timedelta(hours=hours), **changes)
    operator.inventory.reports.take(said, site=operator.place, who="ship-reports")


def seconds(total: float | None) -> dict[str, float | None]:
    return {"total": total, "config_retrieval": None}


@pytest.fixture(scope="module")
def done(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Done]]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as operators:
        operator = operators.new()
        fill(operator)
        ended = in_parallel(lambda words: operator.run(*words.split()), WORDS.values())
        yield dict(zip(WORDS, ended, strict=True))


def column(ended: Done, title: str) -> list[str]:
    """The words under it, of the first table there is."""
    lines = [line.split() for line in ended.out.splitlines() if not line.startswith("last run")]
    at = next(i for i, words in enumerate(lines) if title in words)
    below = lines[at + 1 :]
    end = next((i for i, words in enumerate(below) if len(words) != len(lines[at])), len(below))
    return [words[lines[at].index(title)] for words in below[:end]]


@pytest.mark.parametrize("name", WORDS)
def test_looking_always_succeeds(done: dict[str, Done], name: str) -> None:
    assert done[name].code == 0, done[name]


def test_ls_tells_the_last_report_and_how_long_ago_its_run_was(done: dict[str, Done]) -> None:
    assert column(done["ls"], "STATE") == ["ready", "ready", "pending"]
    assert column(done["ls"], "REPORT") == ["unchanged", "failed", "-"]
    # A minute may have passed since: 1h1m.
    assert [age[:2] for age in column(done["ls"], "REPORTED")] == ["1h", "3h", "-"]


def test_programs_get_status_and_time_of_the_last_report(done: dict[str, Done]) -> None:
    listed = {one["certname"]: one for one in done["ls json"].json}

    assert (listed[BAD]["report_status"], listed[SILENT]["report_status"]) == ("failed", None)
    then = datetime.fromisoformat(listed[BAD]["report_at"])
    assert abs(then - (NOW - timedelta(hours=3))) < timedelta(seconds=1)
    assert "report_status" in done["ls csv"].out.splitlines()[0]


def test_show_has_the_last_five_runs_oldest_first(done: dict[str, Done]) -> None:
    assert column(done[GOOD], "STATUS") == ["unchanged"] * 5
    assert column(done[GOOD], "SECONDS") == ["5.0", "4.0", "3.0", "2.0", "1.0"]
    assert "last run:" not in done[GOOD].out


def test_show_says_what_the_last_run_complained_of_and_obeys_none_of_it(
    done: dict[str, Done],
) -> None:
    assert column(done[BAD], "STATUS") == ["changed", "failed"]
    assert column(done[BAD], "FAILED") == ["0", "2"]
    assert column(done[BAD], "SECONDS")[-1] == "-"
    complaints = [line for line in done[BAD].out.splitlines() if line.startswith("last run: ")]
    assert complaints == [
        "last run: \\x1b[31mError:\\r\\nnot a line\\x07 \\u202ereversed",
        "last run: no such package",
    ]


@pytest.mark.parametrize("name", [GOOD, BAD, "json", "yaml"])
def test_nothing_reaches_the_terminal_that_it_would_obey(done: dict[str, Done], name: str) -> None:
    assert [char for char in done[name].out if not char.isprintable() and char != "\n"] == []


def test_programs_get_every_run_whole(done: dict[str, Done]) -> None:
    first, last = done["json"].json["runs"]

    assert (first["status"], last["status"]) == ("changed", "failed")
    assert last["errors"] == [EVIL, "no such package"]
    assert last["seconds"] == seconds(None)
    assert last["resources"]["failed_to_restart"] == 2
    assert (last["noop"], last["cached"]) == (False, False)
    assert yaml.safe_load(done["yaml"].out) == done["json"].json


def test_a_node_that_never_reported_has_no_runs_and_nothing_is_made_of_it(
    done: dict[str, Done],
) -> None:
    assert done["silent json"].json["runs"] == []
    assert "report_status" not in done[SILENT].out
    assert "STATUS" not in done[SILENT].out


def test_a_life_has_the_steps_to_ready_and_no_routine(done: dict[str, Done]) -> None:
    assert [one["what"] for one in done["history"].json] == ["launched", "running", "ready"]
    assert json.dumps(EVIL)[1:-1] not in done["history"].out
