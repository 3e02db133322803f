"""What the report processor writes in Ruby is what the service reads in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enc.domain.reports import Report, Standing, read
from enc.inventory.runs import run_from_text, run_to_text
from tests.real.reportdriver import REPORTS, Drivers, ReportDriver, as_written, log, report

STANDINGS = {
    "cached": Standing.CACHED,
    "changed": Standing.CHANGED,
    "failed": Standing.FAILED,
    "failed_compile": Standing.FAILED,
    "noop": Standing.NOOP,
    "unchanged": Standing.UNCHANGED,
}
LONG = "\x00\x1b\u2028\U0001f4a3é" * 200
BEYOND = 10**30


@pytest.fixture(scope="module")
def puppet(report_drivers: Drivers) -> ReportDriver:
    return report_drivers()


def taken(puppet: ReportDriver, spool: Path, given: dict[str, Any] | str) -> Report:
    """The line that came of it, as the service reads it, and as the store gives it back."""
    assert puppet.save([given], spool=spool).raised == []
    found = read((spool / "incoming").read_bytes())
    assert run_from_text(found.certname, run_to_text(found)) == found
    return found


def test_every_sample_has_its_standing() -> None:
    assert {path.stem for path in REPORTS.glob("*.yaml")} == set(STANDINGS)


@pytest.mark.parametrize("name", STANDINGS)
def test_each_kind_of_run_is_read_and_only_a_real_one_is_good(
    puppet: ReportDriver, tmp_path: Path, name: str
) -> None:
    found = taken(puppet, tmp_path, as_written(name))

    assert found.standing is STANDINGS[name]
    assert found.good == (name in ("changed", "unchanged"))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"environment": LONG, "puppet_version": LONG}, id="long names"),
        pytest.param({"configuration_version": BEYOND, "transaction_uuid": None}, id="no names"),
        pytest.param({"logs": [log(LONG + str(n)) for n in range(9)]}, id="long errors"),
        pytest.param({"metrics": {}}, id="no metrics"),
        pytest.param(
            {"metrics": {"time": {"name": "time", "values": [["total", "Total", -1.0]]}}},
            id="negative seconds",
        ),
        pytest.param(
            {"metrics": {"resources": {"name": "resources", "values": [["total", "T", BEYOND]]}}},
            id="beyond all counts",
        ),
    ],
)
def test_what_an_agent_makes_up_is_still_a_summary(
    puppet: ReportDriver, tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert taken(puppet, tmp_path, report("changed", **changes)).certname == "i-0aaa0002"
