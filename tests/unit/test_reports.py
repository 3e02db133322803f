"""What a report's summary may be: read whole, or refused without a word of what it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from enc.domain.reports import COUNTS, FLAGS, NAMES, BadReportError, Standing, Status, read
from tests.summaries import body, report, summary

SECRET = "hunter2"


def refusal(given: bytes) -> str:
    with pytest.raises(BadReportError) as caught:
        read(given)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_summary_is_read_whole() -> None:
    found = read(body(time="2026-11-24T01:02:03.123Z", errors=["no"], seconds=SECONDS))

    assert (found.certname, found.status) == ("i-0aaaaaaaaaaaaaaa1", Status.CHANGED)
    assert found.time == datetime(2026, 11, 24, 1, 2, 3, 123_000, UTC)
    assert (found.seconds["total"], found.seconds["config_retrieval"]) == (2.0, None)
    assert found.resources == summary()["resources"]
    assert (found.environment, found.errors) == ("production", ("no",))
    assert not any((found.noop, found.noop_pending, found.cached))


SECONDS = {"total": 2, "config_retrieval": None}


def test_the_zone_of_a_time_does_not_matter_and_microseconds_are_cut() -> None:
    found = read(body(time="2026-11-24T03:02:03.123999+02:00"))

    assert found.time == datetime(2026, 11, 24, 1, 2, 3, 123_000, UTC)


def test_what_a_later_processor_adds_is_not_read() -> None:
    more = body(corrective=True, seconds={**summary()["seconds"], "facts": "x"})

    assert read(more) == report()


@pytest.mark.parametrize("name", summary())
def test_a_summary_that_lacks_a_key_is_refused(name: str) -> None:
    found = summary()
    del found[name]

    assert refusal(json.dumps(found).encode()) == f"it lacks {name}"


@pytest.mark.parametrize(
    ("within", "name"), [*(("resources", n) for n in COUNTS), ("seconds", "total")]
)
def test_a_summary_that_lacks_a_number_is_refused(within: str, name: str) -> None:
    found = summary()
    del found[within][name]

    assert refusal(json.dumps(found).encode()) == f"it lacks {within}.{name}"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(SECRET.encode(), id="text"),
        pytest.param(body()[:-1], id="cut short"),
        pytest.param(body() + body(), id="two"),
        pytest.param(b"\xff\xfe" + body(), id="bytes"),
        pytest.param(body().decode().encode("utf-16"), id="utf-16"),
        pytest.param(b"[" * 8000, id="deep"),
        pytest.param(body().replace(b"1.234", b"NaN"), id="NaN"),
        pytest.param(body().replace(b"1.234", b"-Infinity"), id="Infinity"),
        pytest.param(body().replace(b"31", b"1" * 5000), id="digits"),
    ],
)
def test_what_is_not_json_is_refused(given: bytes) -> None:
    assert refusal(given) == "it is not JSON in UTF-8"


@pytest.mark.parametrize("given", ["[]", "null", "1", f'"{SECRET}"', "[{}]"])
def test_json_that_is_no_map_is_refused(given: str) -> None:
    assert refusal(given.encode()) == "it is not a map"


@pytest.mark.parametrize("version", [0, 2, 10**9])
def test_the_summary_of_another_version_is_refused(version: int) -> None:
    assert "version is not 1" in refusal(body(version=version))


WRONG: list[tuple[str, Any]] = [
    *(("version", v) for v in ("1", 1.0, True, None)),
    *(("certname", v) for v in ("", "A", "../x", "a..b", "a b", "é", "a\n", "a" * 256, 1, None)),
    *(("time", v) for v in ("", "now", "2026-11-24", "2026-11-24T01:02:03", 1795359108, None)),
    *(("time", v) for v in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")),
    *(("status", v) for v in ("", "ok", "Changed", "changed ", ["changed"], {}, None, True)),
    *((name, v) for name in FLAGS for v in (0, 1, "true", None, [])),
    *((name, v) for name in NAMES for v in ("a" * 256, "\ud800", 1795359108, None, [])),
    *(("seconds", v) for v in (None, [], 1.0, "x")),
    *(("resources", v) for v in (None, [], 1, "x")),
    *(("errors", v) for v in (None, "x", {}, ["a"] * 6, ["a" * 301], [1], [None], ["\udfff"])),
]


@pytest.mark.parametrize(
    ("name", "value"), WRONG, ids=[f"{n}-{i}" for i, (n, _) in enumerate(WRONG)]
)
def test_a_key_of_another_kind_is_refused_by_name(name: str, value: Any) -> None:
    assert refusal(body(**{name: value})).startswith(f"its {name} ")


@pytest.mark.parametrize("value", [-1, 1.5, True, "1", None, 10**9 + 1], ids=repr)
def test_a_count_that_is_none_is_refused(value: Any) -> None:
    found = {**summary()["resources"], "failed": value}

    assert refusal(body(resources=found)) == "its resources.failed is not a whole number"


@pytest.mark.parametrize("value", [-0.1, True, "1", [], 1e9, 1e300], ids=repr)
def test_a_span_that_is_none_is_refused(value: Any) -> None:
    found = {"total": value, "config_retrieval": 0}

    assert "its seconds.total is not a number of seconds" in refusal(body(seconds=found))


@pytest.mark.parametrize("name", [n for n in summary() if n != "version"])
def test_a_refusal_repeats_nothing_that_was_sent(name: str) -> None:
    assert SECRET not in refusal(body(**{name: {SECRET: SECRET}}))
    assert SECRET not in refusal(body(**{name: [SECRET.upper()] * 6}))


def test_hostile_but_lawful_texts_are_taken() -> None:
    evil = "\x1b[31m\x00\u202e\u2028é" + "\U0001f4a3"

    found = read(body(environment=evil, errors=[evil] * 5))

    assert (found.environment, found.errors) == (evil, (evil,) * 5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Standing.CHANGED),
        ({"status": "unchanged"}, Standing.UNCHANGED),
        ({"status": "failed"}, Standing.FAILED),
        ({"noop": True, "status": "unchanged"}, Standing.NOOP),
        ({"cached": True}, Standing.CACHED),
        ({"cached": True, "noop": True}, Standing.CACHED),
        ({"cached": True, "noop": True, "status": "failed"}, Standing.FAILED),
        # Puppet says pending of a run that it did for real, when a resource alone is noop.
        ({"noop_pending": True}, Standing.CHANGED),
    ],
    ids=str,
)
def test_a_run_is_one_word_and_good_only_when_it_applied_a_fresh_catalogue(
    changes: dict[str, Any], expected: Standing
) -> None:
    found = report(**changes)

    assert found.standing is expected
    assert found.good == (expected in (Standing.CHANGED, Standing.UNCHANGED))
