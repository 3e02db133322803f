"""What explain says of a Puppet that is silent, and of a certificate that was revoked."""

from __future__ import annotations

from typing import Any

import pytest

from enc.domain.explain import Explanation
from enc.domain.model import ANSWERED, ArchivedNode, State
from enc.domain.trust import ACCEPTED, NOT_REVOKED, REVOKED
from enc.inventory.codec import iso
from tests.builders import foreign, node
from tests.explaining import HOUR, MINUTE, NAME, NOW, fleet, said, why

LONG_AGO, LATELY = NOW - HOUR - MINUTE, NOW - HOUR + MINUTE
HEARD = [State.RUNNING, State.READY]


@pytest.mark.parametrize("state", HEARD)
def test_a_node_that_has_not_reported_for_an_hour_is_said_to_be_silent(state: State) -> None:
    wrong = why(node(NAME, state=state, report_at=LONG_AGO)).wrong

    assert said(wrong, "Its Puppet is silent: its last report is of 2026-01-01 11:59:00 UTC")
    assert said(wrong, "ship-reports on the puppetserver")


@pytest.mark.parametrize("state", HEARD)
def test_one_that_reported_within_the_hour_is_not(state: State) -> None:
    assert not said(why(node(NAME, state=state, report_at=LATELY)).wrong, "silent")


@pytest.mark.parametrize("state", sorted(set(State) - set(HEARD) - {State.ARCHIVED}))
def test_of_a_node_in_another_state_silence_is_no_news(state: State) -> None:
    assert not said(why(node(NAME, state=state, report_at=LONG_AGO)).wrong, "silent")


def test_one_that_never_reported_counts_from_its_launch_where_its_role_waits_for_reports() -> None:
    silent = node(NAME, state=State.RUNNING, launched_at=LONG_AGO)

    assert said(why(silent).wrong, "no report has come since 2026-01-01 11:59:00 UTC")
    assert not said(why(silent, role=fleet(ready_when="running")).wrong, "silent")
    assert not said(why(silent, role=None).wrong, "silent")


def test_a_foreign_node_may_be_silent_too() -> None:
    assert said(why(foreign(report_at=LONG_AGO)).wrong, "silent")


# Its certificate.


def lived(*whats: str, **fields: str) -> list[dict[str, str]]:
    """A life with these events, a minute between them, up to a minute ago."""
    first = NOW - len(whats) * MINUTE
    return [
        {"what": what, "at": iso(first + number * MINUTE), **fields}
        for number, what in enumerate(whats)
    ]


def told(state: State, *whats: str, **fields: str) -> Explanation:
    return why(node(NAME, state=state), life=lived(*whats, **fields))


@pytest.mark.parametrize("state", sorted(ANSWERED))
def test_a_revoked_certificate_of_a_node_that_lives_is_wrong(state: State) -> None:
    wrong = told(state, ACCEPTED, REVOKED, why="the CA signed another key").wrong

    assert said(wrong, "Its certificate was revoked on 2026-01-01 12:59:00 UTC (1m ago)")
    assert said(wrong, "(the CA signed another key), so Puppet refuses it")


def test_one_that_was_let_in_again_since_is_well() -> None:
    assert not said(told(State.RUNNING, REVOKED, ACCEPTED).wrong, "certificate")


def test_that_of_a_node_at_its_end_is_in_order() -> None:
    found = told(State.RETIRING, ACCEPTED, REVOKED)

    assert said(found.next, "Its certificate was revoked on")
    assert not said(found.wrong, "certificate")


def archived(*whats: str) -> Explanation:
    ended = ArchivedNode(node=node(NAME, state=State.ARCHIVED), ended_at=NOW, reason="retired")
    return why(ended, life=lived(*whats))


def test_of_one_that_has_ended_it_is_said_too_and_what_was_not_revoked_is_wrong() -> None:
    assert said(archived(REVOKED).next, "Its certificate was revoked on")
    assert said(archived(NOT_REVOKED).wrong, "Its certificate was not revoked on")
    assert archived(NOT_REVOKED, REVOKED).wrong == ()


def test_an_earlier_life_of_the_name_tells_nothing() -> None:
    anew = foreign(launched_at=NOW)

    assert not said(why(anew, life=lived(REVOKED)).wrong, "certificate")


@pytest.mark.parametrize("entry", [{}, {"what": REVOKED}, {"what": REVOKED, "at": "soon"}])
def test_what_somebody_has_garbled_is_passed_over(entry: dict[str, Any]) -> None:
    assert not said(why(node(NAME), life=[entry]).wrong, "certificate")
