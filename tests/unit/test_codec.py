from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from enc.domain.model import Attempt, LaunchState, Market, Node
from enc.inventory import CorruptError
from enc.inventory.codec import (
    archived_from_hash,
    attempt_to_text,
    iso,
    launch_from_hash,
    launch_to_hash,
    node_from_hash,
    node_to_hash,
    parse_iso,
    parsed,
    role_from_hash,
    role_to_hash,
    score,
)
from tests.builders import foreign, launch, node, role
from tests.fakes.clock import START

LATER = START + timedelta(minutes=1, milliseconds=1)
FULL = node(
    launch="l-1",
    image="ami-1",
    spec_hash="abc",
    private_ip="10.0.0.1",
    private_dns="ip-10-0-0-1.ec2.internal",
    public_dns="ec2-1.example",
    ready_at=LATER,
    expires_at=LATER,
    environment="production",
    csr_key="SHA256:é",
    report_status="changed",
    report_at=LATER,
    retire_step="terminate",
    held="debugging\nby alice",
    replace_because="asked for by alice@ops",
)
ATTEMPT = Attempt(
    number=1,
    at=LATER,
    market=Market.SPOT,
    wanted=3,
    got=("i-0a",),
    answers=(("spot:c5.large:us-east-1a", "InsufficientInstanceCapacity", "none, sorry"),),
)


def test_the_example_of_a_full_node_has_every_field() -> None:
    assert [f.name for f in fields(Node) if f.name != "rev" and not getattr(FULL, f.name)] == []


@pytest.mark.parametrize("each", [FULL, node(), foreign()])
def test_a_node_is_read_as_it_was_written(each: Node) -> None:
    assert node_from_hash(each.certname, node_to_hash(each)) == each


def test_fields_without_a_value_take_no_room() -> None:
    assert set(node_to_hash(foreign())) == {"role", "kind", "state", "launched_at", "state_since"}


def test_a_field_of_another_version_is_passed_over() -> None:
    assert node_from_hash("i-0a", {**node_to_hash(node("i-0a")), "colour": "red"}) == node("i-0a")


@pytest.mark.parametrize("lacking", ["role", "kind", "state", "launched_at", "state_since"])
def test_a_node_that_lacks_what_every_node_has_is_corrupt(lacking: str) -> None:
    found = node_to_hash(FULL)
    del found[lacking]
    with pytest.raises(CorruptError, match=rf"^node:i-0a in Redis lacks {lacking};") as caught:
        node_from_hash("i-0a", found)
    assert caught.value.key == "node:i-0a"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("kind", "pet"),
        ("state", "asleep"),
        ("state", "READY"),
        ("market", "none"),
        ("rev", "1_0"),
        ("rev", "²"),
        ("rev", "1.0"),
        ("launched_at", "yesterday"),
        ("launched_at", "2026-01-01T12:00:00"),
        ("launched_at", "2026-01-01"),
        ("expires_at", "0001-01-01T00:00:00+14:00"),
        ("report_at", "9999-12-31T23:59:59-12:00"),
    ],
)
def test_a_node_with_a_value_that_is_none_is_corrupt(field: str, text: str) -> None:
    with pytest.raises(CorruptError, match=f"^node:i-0a in Redis has {field} = "):
        node_from_hash("i-0a", {**node_to_hash(FULL), field: text})


def test_what_is_wrong_in_a_hash_is_quoted_briefly() -> None:
    with pytest.raises(CorruptError) as caught:
        node_from_hash("i-0a", {**node_to_hash(FULL), "kind": "x" * 100_000})
    assert len(str(caught.value)) < 200


def test_an_archived_node_says_when_it_ended_and_why() -> None:
    found = {**node_to_hash(FULL), "ended_at": iso(LATER), "reason": "too old", "rev": "7"}
    ended = archived_from_hash(FULL.certname, found)
    assert (ended.ended_at, ended.reason, ended.node) == (LATER, "too old", replace(FULL, rev=7))


@pytest.mark.parametrize("ended_at", ["", "now"])
def test_an_archived_node_that_never_ended_is_corrupt(ended_at: str) -> None:
    with pytest.raises(CorruptError, match=r"^archive:i-0a in Redis has ended_at"):
        archived_from_hash("i-0a", {**node_to_hash(FULL), "ended_at": ended_at})


def test_a_role_is_read_as_it_was_written() -> None:
    definition = {"classes": {"a": {"n": 1, "é": [True, None, 1.5]}}, "z": {}, "b": {}}
    each = role(definition=definition, spec_hash="h", rev=3, applied_at=LATER, applied_by="alice")
    read = role_from_hash("web", role_to_hash(each))
    assert read == each
    assert list(read.definition) == ["classes", "z", "b"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"web"', "[" * 100_000])
def test_a_role_whose_definition_is_no_map_is_corrupt(text: str) -> None:
    with pytest.raises(CorruptError, match=r"^role:web in Redis"):
        role_from_hash("web", {**role_to_hash(role()), "definition": text})


def test_a_launch_is_read_as_it_was_written_with_its_attempts_in_order() -> None:
    attempts = tuple(replace(ATTEMPT, number=n) for n in (1, 2, 9, 10, 11, 100))
    each = launch(heartbeat=LATER, template="lt-1", why="asked", state=LaunchState.PARTIAL, got=2)
    found = launch_to_hash(each)
    for attempt in reversed(attempts):
        found[f"attempt:{attempt.number}"] = attempt_to_text(attempt)
    assert launch_from_hash(each.id, found) == replace(each, attempts=attempts)


def without(field: str) -> Callable[[dict[str, Any]], Any]:
    return lambda found: {name: value for name, value in found.items() if name != field}


@pytest.mark.parametrize(
    "garble",
    [
        *(without(field) for field in ("number", "at", "market", "wanted", "got", "answers")),
        lambda _: [],
        lambda _: None,
        lambda _: "1",
        lambda found: found | {"number": "one"},
        lambda found: found | {"number": None},
        lambda found: found | {"at": 5},
        lambda found: found | {"at": "2026-01-01T12:00:00"},
        lambda found: found | {"market": "flea"},
        lambda found: found | {"got": "i-0a"},
        lambda found: found | {"got": None},
        lambda found: found | {"answers": ["spot", "c", "m"]},
        lambda found: found | {"answers": [["pool", "code"]]},
        lambda found: found | {"answers": [None]},
    ],
)
def test_an_attempt_that_is_garbled_is_corrupt(garble: Callable[[Any], Any]) -> None:
    text = json.dumps(garble(json.loads(attempt_to_text(ATTEMPT))))
    with pytest.raises(CorruptError, match=r"^launch:l-1 in Redis"):
        launch_from_hash("l-1", {**launch_to_hash(launch()), "attempt:1": text})


@pytest.mark.parametrize("lacking", ["role", "kind", "want", "deadline", "owner", "opened_at"])
def test_a_launch_that_lacks_what_every_launch_has_is_corrupt(lacking: str) -> None:
    found = launch_to_hash(launch())
    del found[lacking]
    with pytest.raises(CorruptError, match=f"^launch:l-1 in Redis lacks {lacking};"):
        launch_from_hash("l-1", found)


def test_text_that_is_not_json_is_corrupt() -> None:
    with pytest.raises(CorruptError, match=r"^life:x in Redis holds text that is not JSON;"):
        parsed("life:x", "{")


def test_times_are_written_in_utc_with_milliseconds() -> None:
    there = datetime(2026, 1, 31, 14, 0, 0, 4_999, tzinfo=timezone(timedelta(hours=2)))
    assert iso(there) == "2026-01-31T12:00:00.004Z"
    assert parse_iso("2026-01-31T14:00:00.004999+02:00") == parse_iso("2026-01-31T12:00:00.004Z")


def test_a_time_without_a_zone_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        iso(datetime(2026, 1, 1))  # noqa: DTZ001 - the very thing that is refused
    with pytest.raises(ValueError, match="no time zone"):
        parse_iso("2026-01-01T00:00:00")


def test_a_score_has_exactly_the_milliseconds_of_the_text() -> None:
    times = [START + timedelta(milliseconds=n, microseconds=n % 7) for n in range(5000)]
    assert [float(score(time)) for time in times] == [parse_iso(iso(t)).timestamp() for t in times]


def test_scores_before_1970_are_numbers_too() -> None:
    assert score(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)) == "-0.001"
