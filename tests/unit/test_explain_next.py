"""What is about to happen to a machine, and what is wrong with it: sentences in pairs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from enc.domain.damage import Unreadable
from enc.domain.explain import explain, explanation_shape
from enc.domain.lifetimes import allowed_age
from enc.domain.model import ArchivedNode, Hold, HoldCause, Kind, Market, State
from provisioner.domain.rotation import due_of
from tests.builders import foreign, launch, node, role
from tests.explaining import (
    HOUR,
    LAUNCH,
    MINUTE,
    NAME,
    NOW,
    attempt,
    fleet,
    said,
    stored,
    why,
)
from tests.fakes.clock import START
from tests.worlds import known, of_fleet, world

# What is about to happen.


def test_a_held_node_says_why_and_what_lifts_it() -> None:
    found = why(of_fleet(1, held="core dump"), role=fleet(max_age="1s"))

    assert said(found.next, "It is held (core dump)")
    assert said(found.next, "'provisioner unhold i-00000000000000001'")
    assert not said(found.next, "to be replaced")


def test_an_end_that_nobody_ordered_is_left_alone_and_says_what_to_do() -> None:
    ends = of_fleet(1, State.RETIRING)
    [said_] = why(ends, ordered=False).next

    assert said_ == (
        f"Converge leaves it alone: its record says retiring, and order:{ends.certname} in Redis "
        "does not: nobody ordered that; see who wrote it; "
        f"'provisioner retire {ends.certname}' ends it."
    )
    assert "Converge leaves it alone" not in why(ends).next[0]


@pytest.mark.parametrize(
    ("before", "words"), [(1, "Its life ends at"), (0, "Its life ended at"), (-1, "Its life ended")]
)
def test_a_life_is_over_at_its_very_second(before: int, words: str) -> None:
    node = of_fleet(1, expires_at=NOW + timedelta(seconds=before))
    assert said(why(node).next, words)


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (Hold(role="web", why="test", since=START, by="bob"), "Role web is paused since 2026"),
        (Hold(why="test", since=START, by="bob"), "Everything is paused since"),
        (
            Hold(role="web", why="x", since=START, by="c", cause=HoldCause.BREAKER, nodes=(NAME,)),
            "'provisioner resume web' lifts it. This node is among those that it keeps.",
        ),
    ],
)
def test_what_stops_the_role_is_said(hold: Hold, words: str) -> None:
    assert said(why(node(), hold=hold).next, words)
    assert not said(why(node()).next, "since")


def test_a_draining_node_ends_after_its_drain_unless_it_is_kept() -> None:
    draining = of_fleet(1, State.DRAINING)

    ends = why(draining, role=fleet(drain="10m"), now=START + 4 * MINUTE).next
    kept = why(replace(draining, held="no"), role=fleet(drain="10m")).next

    assert said(ends, "it ends from 2026-01-01 12:10:00 UTC (in 6m) on")
    assert said(kept, "does not end while it is held")


@pytest.mark.parametrize("drain", ["0s", "0m"])
def test_a_draining_node_of_a_role_without_a_drain_ends_at_once(drain: str) -> None:
    told = why(of_fleet(1, State.DRAINING), role=fleet(drain=drain), now=START).next

    assert said(told, "it ends from 2026-01-01 12:00:00 UTC (0s ago) on")


def test_a_reason_to_be_replaced_is_said_once_there_is_one() -> None:
    advised = of_fleet(1, replace_because="asked for by bob")

    assert said(why(advised, role=fleet()).next, "It is to be replaced: asked for by bob; ")
    assert said(why(of_fleet(1), role=fleet()).next, "no greatest age")


def test_another_launch_section_is_a_reason_and_the_same_is_none() -> None:
    changed, same = (
        replace(fleet(), spec_hash="f" * 16),
        replace(fleet(), spec_hash="0123456789abcdef"),
    )

    assert said(why(of_fleet(1), role=changed).next, "the role's launch section is not the one")
    assert not said(why(of_fleet(1), role=same).next, "launch section")


def test_the_time_of_its_replacement_is_the_very_one_of_converge() -> None:
    one = of_fleet(1)
    due = START + allowed_age(one.certname, timedelta(hours=24))

    told = why(one, role=fleet(max_age="24h", windows=["Sat 09:00-17:00"])).next
    before = due_of(world([one], now=due - MINUTE), known(), one)
    after = due_of(world([one], now=due), known(), one)

    assert said(told, f"{due:%Y-%m-%d %H:%M:%S} UTC")
    assert said(told, "within Sat 09:00-17:00 UTC")
    assert said(why(one, role=fleet(max_age="24h"), now=due).next, "too old since")
    assert before is None
    assert after is not None


@pytest.mark.parametrize("minutes", [19, 20, 21, 120])
def test_a_fleets_machine_is_replaced_before_its_life_ends_as_converge_does(minutes: int) -> None:
    """With the default's 15 minutes to become ready, and 5 to drain."""
    one = of_fleet(1, expires_at=START + 3 * HOUR)
    now = START + 3 * HOUR - minutes * MINUTE

    told = why(one, role=fleet(), now=now).next
    due = due_of(world([one], now=now), known(), one)

    assert said(told, "It is to be replaced: its life ends at") is (due is not None)
    assert said(told, "It is replaced from 2026-01-01 14:40:00 UTC (in ") is (due is None)
    assert not said(told, "Nothing")


def test_a_life_is_no_reason_to_replace_where_nothing_replaces() -> None:
    ends = {"expires_at": START + 3 * HOUR}
    now = START + 3 * HOUR - MINUTE

    assert not said(why(of_fleet(1, held="x", **ends), role=fleet(), now=now).next, "replaced:")
    for kind in (Kind.EXTRA, Kind.BURST):
        other = node(kind=kind, state=State.READY, **ends)
        assert not said(why(other, role=fleet(), now=now).next, "replaced")


def test_only_a_fleet_that_is_kept_replaces() -> None:
    assert said(why(of_fleet(1), role=stored(fleet={"max_age": "1s"})).next, "keeps no fleet")
    assert said(why(node(state=State.READY), role=fleet()).next, "until 'provisioner retire'")
    assert said(why(foreign()).next, "Nothing by itself")


def test_a_life_ends_by_itself_and_a_hold_does_not_stop_it() -> None:
    burst = node(kind=Kind.BURST, state=State.READY, expires_at=START + 2 * HOUR)

    assert said(why(burst).next, "life ends at 2026-01-01 14:00:00 UTC (in 1h), and drains from")
    assert said(why(replace(burst, held="x")).next, "powers itself off, held or not")
    assert said(why(burst, now=START + 3 * HOUR).next, "the next pass of converge ends it")
    assert not said(why(node(state=State.READY)).next, "life")


def test_a_young_node_says_what_it_waits_for_and_until_when() -> None:
    waits = why(node(), now=START + 5 * MINUTE, role=fleet(ready_timeout="15m")).next
    runs = why(node(), role=fleet(ready_when="running")).next

    assert said(waits, "a good Puppet report; without it by 2026-01-01 12:15:00 UTC (in 10m)")
    assert said(runs, "its role is ready when it runs")


def test_a_failed_node_ends_later_unless_it_is_a_persons() -> None:
    assert said(why(of_fleet(1, State.FAILED), role=fleet()).next, "else it ends from 2026")
    extra = why(node(state=State.FAILED)).next
    assert said(extra, "stays until 'provisioner retire'")
    assert not said(extra, "ends from")


# What is wrong.


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": State.LOST}, "EC2 has not had it running since 2026-01-01 12:00:00 UTC"),
        ({"state": State.FAILED}, "not ready in time, and failed on"),
        (
            {"report_status": "failed", "report_at": START},
            "run of 2026-01-01 12:00:00 UTC failed",
        ),
        ({"report_status": "cached"}, "cached catalogue"),
        ({"report_status": "noop"}, "noop run"),
        ({"region": ""}, "Its record is damaged (no region)"),
    ],
)
def test_what_is_wrong_is_said_and_not_otherwise(fields: dict[str, Any], words: str) -> None:
    assert said(why(node(**fields)).wrong, words)
    assert why(node(report_status="unchanged", report_at=START)).wrong == ()


def test_an_ended_machine_says_when_and_why_and_gets_nothing() -> None:
    ended = ArchivedNode(node=node(launch=LAUNCH), ended_at=START + HOUR, reason="it was old")

    found = why(ended, launch=launch(market=Market.SPOT), now=START + 2 * HOUR)

    assert found.headline == f"{NAME} was a spot node of role web (extra) for 1h."
    assert found.next == (
        "Nothing more: it ended on 2026-01-01 13:00:00 UTC (1h ago): it was old.",
    )
    assert said(found.origin, "alice@ops:1 asked for")
    assert (found.given, found.wrong) == ((), ())


# Whatever it is.

SPOILT = (
    {"fleet": "none"},
    {"fleet": {"size": "3", "max_age": 7, "drain": [], "ready_timeout": "x", "windows": 1}},
    {"fleet": {"size": 3, "max_age": "999999999d", "drain": "999999999d"}},
)
ROLES = (None, role(), fleet(max_age="1h"), *(stored(**given) for given in SPOILT))
TIMES = (START - HOUR, NOW, datetime.max.replace(tzinfo=START.tzinfo))


@pytest.mark.parametrize("state", [state for state in State if state is not State.ARCHIVED])
@pytest.mark.parametrize("kind", Kind)
def test_every_node_has_an_explanation_that_is_json(state: State, kind: Kind) -> None:
    hold = Hold(why="", since=START, by="")
    lives = (None, START - HOUR, START + 9 * HOUR, TIMES[-1])
    for of, on, now, life in product(ROLES, (None, hold), TIMES, lives):
        one = node(kind=kind, state=state, market=None, zone="", expires_at=life)
        found = explain(one, of, None, now=now, hold=on)
        assert json.loads(json.dumps(explanation_shape(found)))["certname"] == one.certname
        sentences = (found.headline, *found.origin, *found.answer, *found.next, *found.wrong)
        assert [s for s in sentences if not re.fullmatch(r"[A-Zi].*[^.]\.", s)] == []
        assert found.next
        assert found.origin


def test_others_texts_stand_in_it_as_they_are() -> None:
    evil = "<script>\x1b[31m" + "x" * 10_000
    found = why(of_fleet(1, held=evil), role=fleet())

    assert said(found.next, evil)


def test_the_launchs_secret_is_nowhere() -> None:
    asked = launch(market=Market.SPOT, key="s3cret", attempts=(attempt(1, Market.SPOT, NAME),))
    found = why(node(NAME, launch=LAUNCH, csr_key="fingerprint"), launch=asked)

    text = json.dumps(explanation_shape(found))
    assert "s3cret" not in text
    assert "fingerprint" not in text


@pytest.mark.parametrize("state", [State.RUNNING, State.READY, State.DRAINING, State.FAILED])
def test_nothing_is_foretold_by_a_role_that_cannot_be_read(state: State) -> None:
    found = why(node(kind=Kind.FLEET, state=state), role=Unreadable("role:web"))

    assert found.next == (
        "Converge leaves it as it is until its role web can be read, unless EC2 ends it.",
    )


def test_a_life_ends_also_where_the_role_cannot_be_read() -> None:
    found = why(node(expires_at=NOW + HOUR), role=Unreadable("role:web"))

    assert said(found.next, "Its life ends at")


def test_a_role_that_is_ready_when_it_runs_waits_for_no_report_of_others() -> None:
    runs = why(node(state=State.PENDING), role=fleet(ready_when="running"))
    reports = why(node(state=State.PENDING), role=fleet())

    assert not said(runs.next, "others report")
    assert said(reports.next, "if others report meanwhile")
