"""Logs: one JSON object a line, whatever is in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from enc.logs import JsonFormatter, Log, configure

SECRET = 'pass"word\n'


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where everything that is logged goes, until the test ends."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure("info", secrets=[SECRET, "abc"], stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_line_with_its_fields(stream: io.StringIO) -> None:
    Log("test").warning("node retired", node="i-0a", count=2)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {
        "level": "warning",
        "event": "node retired",
        "part": "rolecall.test",
        "node": "i-0a",
        "count": 2,
    }


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31m", "\r\0", "\u2028", "\x85", "é", "\u202e"])
def test_no_value_breaks_or_colours_a_line(stream: io.StringIO, value: str) -> None:
    Log("test").info(value, field=value)
    text = stream.getvalue()
    assert text.isascii()
    assert text.rstrip("\n").isprintable()
    assert lines(stream)[0]["field"] == lines(stream)[0]["event"] == value


def test_an_event_is_no_format(stream: io.StringIO) -> None:
    Log("test").info("100% of %s %d {x}")
    assert lines(stream)[0]["event"] == "100% of %s %d {x}"


def test_what_is_below_the_level_is_left_out(stream: io.StringIO) -> None:
    Log("test").debug("small")
    Log("test").info("large")
    assert [line["event"] for line in lines(stream)] == ["large"]


def test_logs_of_libraries_look_the_same(stream: io.StringIO) -> None:
    logging.getLogger("redis").warning("retry %d of %d", 1, 2)
    (line,) = lines(stream)
    assert (line["event"], line["part"]) == ("retry 1 of 2", "redis")


def test_an_error_says_what_and_where_but_no_lines_of_the_source(stream: io.StringIO) -> None:
    def fails(argument: str) -> None:
        raise KeyError("lost")

    try:
        fails("a value that is nobody's business")
    except KeyError as error:
        Log("test").error("it failed", error, node="i-0a")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert line["error"] == "KeyError: 'lost'"
    assert line["trace"][-1].startswith("test_logs.py:")
    assert line["trace"][-1].endswith(" fails")
    assert "business" not in stream.getvalue()


def test_an_error_may_be_told_without_its_words() -> None:
    error = ValueError("what the client sent")
    record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", None, (ValueError, error, None))
    assert json.loads(JsonFormatter(words=False).format(record))["error"] == "ValueError"


def test_an_error_without_an_exception_is_an_event(stream: io.StringIO) -> None:
    Log("test").error("it failed")
    assert "error" not in lines(stream)[0]


def test_a_known_secret_is_blanked_wherever_it_is(stream: io.StringIO) -> None:
    Log("test").info(f"connecting with {SECRET}", field=f"x{SECRET}x", deep={"a": [SECRET]})
    assert "word" not in stream.getvalue()
    (line,) = lines(stream)
    assert line["event"] == "connecting with ***"
    assert line["field"] == "x***x"


def test_what_is_too_short_to_be_a_secret_is_left_alone(stream: io.StringIO) -> None:
    Log("test").info("abcdef")
    assert lines(stream)[0]["event"] == "abcdef"


def test_a_very_long_event_is_cut() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a" * 100_000, None, None)
    assert len(JsonFormatter().format(record)) < 2000


def test_a_value_that_json_does_not_know_is_written_as_text(stream: io.StringIO) -> None:
    Log("test").info("x", field={1})
    assert lines(stream)[0]["field"] == "{1}"


def test_it_is_configured_once_however_often_it_is(stream: io.StringIO) -> None:
    configure("info", stream=stream)
    configure("info", stream=stream)
    Log("test").info("once")
    assert len(lines(stream)) == 1
