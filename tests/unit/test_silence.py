"""Who is silent: two runs' time without a report, of whom there should be one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enc.domain.model import State
from provisioner.domain.silence import silent
from tests.builders import foreign
from tests.fakes.clock import START
from tests.worlds import known, of_fleet, world

LONG_AGO, LATELY = START - timedelta(minutes=61), START - timedelta(minutes=59)


def count(*nodes: Any, **fleet: Any) -> int:
    found = world(nodes=nodes, roles=[known(**fleet)], now=START)
    return silent(found)["web"]


@pytest.mark.parametrize("state", [State.RUNNING, State.READY])
def test_who_has_not_reported_for_an_hour_is_silent(state: State) -> None:
    assert count(of_fleet(1, state, report_at=LONG_AGO)) == 1
    assert count(of_fleet(1, state, report_at=LATELY)) == 0


def test_who_never_reported_counts_from_the_launch() -> None:
    assert count(of_fleet(1, launched_at=LONG_AGO)) == 1
    assert count(of_fleet(1, launched_at=LATELY)) == 0
    assert count(foreign(launched_at=LONG_AGO)) == 1


def test_of_a_role_that_runs_no_puppet_only_who_once_reported_can_be_silent() -> None:
    assert count(of_fleet(1, launched_at=LONG_AGO), ready_when="running") == 0
    assert count(of_fleet(1, report_at=LONG_AGO), ready_when="running") == 1


@pytest.mark.parametrize("state", [State.PENDING, State.DRAINING, State.FAILED, State.LOST])
def test_who_is_not_there_yet_or_leaves_may_be_silent(state: State) -> None:
    assert count(of_fleet(1, state, report_at=LONG_AGO)) == 0


def test_of_a_role_that_cannot_be_read_only_who_once_reported_can_be_silent() -> None:
    other = {"role": "gone", "launched_at": LONG_AGO}
    found = world(nodes=[of_fleet(1, **other), of_fleet(2, report_at=LONG_AGO, **other)])
    assert silent(found)["gone"] == 1
