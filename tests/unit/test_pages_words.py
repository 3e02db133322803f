"""What the pages print for times, spans and other people's texts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from markupsafe import Markup

from enc.web.pages import words
from enc.web.pages.rendering import environment
from tests.fakes.clock import START

SCRIPT = "<script>alert(1)</script>"


def printed(value: Any) -> str:
    return environment().from_string("{{ value }}").render(value=value)


class TestATextOfOthers:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("plain", "plain"),
            ("Grüße, 世界 🙂", "Grüße, 世界 🙂"),
            ("\x1b[31mred", "\\x1b[31mred"),
            ("a\x00b\r\nc\td", "a\\x00b\\r\\nc\\td"),
            ("\u202egpj.exe", "\\u202egpj.exe"),
            ("zero\u200bwidth", "zero\\u200bwidth"),
            ("half \ud800", "half \\ud800"),
        ],
    )
    def test_is_shown_with_what_steers_the_eye_spelt_out(self, text: str, shown: str) -> None:
        assert printed(text) == shown

    def test_is_escaped_without_being_asked_to(self) -> None:
        assert printed(SCRIPT) == "&lt;script&gt;alert(1)&lt;/script&gt;"
        assert printed(Markup("<b>{}</b>").format(SCRIPT)).startswith("<b>&lt;script")

    def test_is_escaped_in_an_attribute(self) -> None:
        text = environment().from_string('<a title="{{ v }}">').render(v='" onload="x')
        assert text == '<a title="&#34; onload=&#34;x">'

    def test_that_is_none_is_nothing(self) -> None:
        assert printed(None) == ""


class TestSpans:
    def test_ahead_of_the_clock_are_no_age(self) -> None:
        assert words.age(START + timedelta(hours=1), START) == "0s"
        assert words.age(START - timedelta(hours=25), START) == "1d 1h"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 9999, "1 %"),
        (9998, 9999, "99 %"),
        (1, 2, "50 %"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(part: int, whole: int, said: str) -> None:
    assert words.percent(part, whole) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), ("a b", "a b"), (4, "4"), (True, "true"), ({"a": [1]}, '{"a": [1]}'), ("", "")],
)
def test_a_value_of_a_definition_is_written_as_people_write_it(value: Any, said: str) -> None:
    assert words.written(value) == said
