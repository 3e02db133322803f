"""What a report means for its node: which state, which status, and whether anybody is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enc.domain.model import ALLOWED, Node, State
from enc.domain.reports import Decision, Report, Standing, decide
from tests.builders import node
from tests.fakes.clock import START
from tests.summaries import report

NOW = START + timedelta(minutes=5)
LIVE = [state for state in State if state is not State.ARCHIVED]
PATHS = {
    State.PENDING: (State.RUNNING, State.READY),
    State.RUNNING: (State.READY,),
    State.FAILED: (State.READY,),
}
NOT_GOOD: list[dict[str, Any]] = [
    {"status": "failed"},
    {"noop": True},
    {"noop": True, "status": "unchanged"},
    {"cached": True},
    {"cached": True, "status": "unchanged"},
]


def decided(given: Node, **changes: Any) -> Decision:
    return decide(given, report(**changes), NOW)


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("status", ["changed", "unchanged"])
def test_a_good_report_makes_ready_what_may_become_so_and_nothing_else(
    state: State, status: str
) -> None:
    found = decided(node(state=state), status=status)

    assert found.taken
    assert found.path == PATHS.get(state, ())


def test_each_step_to_ready_is_one_that_a_node_may_take() -> None:
    for start, path in PATHS.items():
        for old, new in zip((start, *path), path, strict=False):
            assert new in ALLOWED[old]


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("changes", NOT_GOOD, ids=str)
def test_a_report_that_is_not_good_is_noted_and_moves_no_state(
    state: State, changes: dict[str, Any]
) -> None:
    found = decided(node(state=state), **changes)

    assert (found.taken, found.path) == (True, ())
    assert (found.status, found.at) == (report(**changes).standing, START)


@pytest.mark.parametrize("milliseconds", [0, 1, 86_400_000])
def test_a_report_that_is_not_newer_than_the_last_changes_nothing(milliseconds: int) -> None:
    last = START + timedelta(milliseconds=milliseconds)

    found = decided(node(report_at=last, report_status="failed"))

    assert (found.taken, found.path, found.status, found.told) == (False, (), None, False)


def test_a_report_that_is_a_millisecond_newer_is_taken() -> None:
    last = START - timedelta(milliseconds=1)

    assert decided(node(report_at=last, report_status="failed")).taken


@pytest.mark.parametrize(
    ("before", "status", "told"),
    [
        ("", "changed", True),
        ("changed", "changed", False),
        ("failed", "failed", False),
        ("unchanged", "failed", True),
        ("failed", "unchanged", True),
    ],
)
def test_a_run_like_the_last_is_not_told_and_another_is(
    before: str, status: str, told: bool
) -> None:
    last = START - timedelta(minutes=30)
    ready = node(state=State.READY, report_at=last, report_status=before)

    assert decided(ready, status=status).told is told


def test_a_step_is_told_even_where_the_status_stays() -> None:
    last = START - timedelta(minutes=30)
    failed = node(state=State.FAILED, report_at=last, report_status="changed")

    assert decided(failed).told


@pytest.mark.parametrize("ahead", [timedelta(milliseconds=1), timedelta(days=3650)], ids=str)
def test_a_clock_that_is_ahead_counts_as_now(ahead: timedelta) -> None:
    found = decided(node(), time=NOW + ahead)

    assert found.at == NOW


def test_a_clock_that_was_ahead_and_is_right_again_blocks_no_report() -> None:
    wrong = decided(node(), time=NOW + timedelta(days=365))
    later = NOW + timedelta(minutes=30)

    right = decide(node(report_at=wrong.at), report(time=later), later + timedelta(seconds=5))

    assert (right.taken, right.at) == (True, later)


def test_a_store_whose_clock_was_put_back_takes_later_reports_all_the_same() -> None:
    last = NOW + timedelta(minutes=10)

    found = decided(node(report_at=last), time=last + timedelta(minutes=5))

    assert (found.taken, found.at) == (True, last + timedelta(milliseconds=1))


def test_a_report_that_is_among_the_last_runs_is_old_whatever_its_time() -> None:
    last = report(transaction_uuid="a")

    def taken(uuid: str, run: Report = last) -> bool:
        later = report(time=NOW, transaction_uuid=uuid)
        return decide(node(report_at=START), later, NOW, [run]).taken

    assert (taken("a"), taken("b")) == (False, True)
    assert taken("", report(transaction_uuid=""))


@pytest.mark.parametrize(
    ("before", "ready"), [(timedelta(minutes=10), True), (timedelta(minutes=11), False)]
)
def test_a_run_from_long_before_the_launch_makes_no_machine_ready(
    before: timedelta, ready: bool
) -> None:
    found = decided(node(launched_at=START), time=START - before)

    assert (found.taken, bool(found.path)) == (True, ready)


def flapping(*minutes: int) -> list[Report]:
    """Runs that failed and did not in turn, so many minutes ago, the last one failed."""
    standings = ["failed", "changed"] * len(minutes)
    return [
        report(time=NOW - timedelta(minutes=ago), status=status, transaction_uuid=str(ago))
        for ago, status in zip(minutes, reversed(standings[: len(minutes)]), strict=True)
    ]


@pytest.mark.parametrize(
    ("minutes", "told"),
    [((), True), ((2, 1), True), ((3, 2, 1), False), ((80, 70, 1), True)],
    ids=str,
)
def test_a_node_that_flaps_is_told_of_twice_an_hour(minutes: tuple[int, ...], told: bool) -> None:
    given = node(state=State.READY, report_at=NOW - timedelta(minutes=1), report_status="failed")

    found = decide(given, report(time=NOW), NOW, flapping(*minutes))

    assert (found.taken, found.told) == (True, told)


def test_a_step_of_a_node_that_flaps_is_told_all_the_same() -> None:
    found = decide(node(report_status="failed"), report(time=NOW), NOW, flapping(3, 2, 1))

    assert found.told


def test_a_time_before_all_others_is_a_time_too() -> None:
    assert decided(node(), time="1970-01-01T00:00:00Z").taken
    assert not decided(node(report_at=START), time="1970-01-01T00:00:00Z").taken


@pytest.mark.parametrize(("failed", "restarts"), [(2, 0), (2, 1), (2, 2), (0, 2)])
def test_the_reason_counts_each_failure_once_and_repeats_no_error(
    failed: int, restarts: int
) -> None:
    counts = {**report().resources, "failed": failed, "failed_to_restart": restarts}

    found = decided(node(), status="failed", resources=counts, errors=["hunter2"])

    assert found.why == "Puppet's report: failed, 2 of 31 resources"
    assert found.status is Standing.FAILED
    assert decided(node()).why == "Puppet's report: changed"
