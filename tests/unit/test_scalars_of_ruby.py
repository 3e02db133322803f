"""What Puppet's YAML reader makes of a value, our reader makes of it, too, or refuses it.

``OTHER`` is a date or a time. Symbols (``:sym``) are the one difference: to whoever writes a roles
file they are texts. Psych 4.0.3 (Ruby 3.1) and 5.1.2 (3.3) read the table alike. JRuby 9, in which
the puppetserver runs, takes ``1_`` and ``1__0`` for numbers and cannot read ``+.inf``: all three
are refused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from provisioner.rolesfile.problems import UnreadableError
from provisioner.rolesfile.yamltree import read

OTHER = object()
TABLE: list[tuple[str, Any]] = [
    ("1", 1),
    ("-1", -1),
    ("+1", 1),
    ("0", 0),
    ("007", 7),
    ("010", 8),
    ("0o17", "0o17"),
    ("0x1F", 31),
    ("0b101", 5),
    ("1_000", 1000),
    ("1e3", "1e3"),
    ("1E3", "1E3"),
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("-.5", -0.5),
    ("1.5e3", "1.5e3"),
    ("1.5e+3", 1500.0),
    ("2.5e-3", 0.0025),
    (".inf", float("inf")),
    ("-.inf", float("-inf")),
    (".nan", float("nan")),
    (".NaN", float("nan")),
    (".Inf", float("inf")),
    ("1:30", 5400),
    ("12:30:45", 45045),
    ("190:20:30.15", 685230.15),
    ("yes", True),
    ("no", False),
    ("Yes", True),
    ("NO", False),
    ("on", True),
    ("off", False),
    ("On", True),
    ("OFF", False),
    ("y", "y"),
    ("n", "n"),
    ("Y", "Y"),
    ("N", "N"),
    ("true", True),
    ("false", False),
    ("True", True),
    ("FALSE", False),
    ("tRuE", True),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("~", None),
    ("nil", "nil"),
    ("None", "None"),
    ("none", "none"),
    ("2001-12-14", OTHER),
    ("2001-12-14t21:59:43.10-05:00", OTHER),
    ("2001-12-14 21:59:43", OTHER),
    ("2001-1-1", OTHER),
    ("12:00", 43200),
    ("-0", 0),
    ("+0", 0),
    ("00", 0),
    ("08", "08"),
    ("09", "09"),
    ("0xg", "0xg"),
    ("1,000", 1000),
    ("1_0.5", 10.5),
    ("1e", "1e"),
    ("e3", "e3"),
    ("+.inf", float("inf")),
    ("+12.5", 12.5),
    ("1.0", 1.0),
    ("100000000000000000000", 100000000000000000000),
    (":sym", ":sym"),
    (":foo", ":foo"),
    ("=", "="),
    ("<<", "<<"),
    ("--", "--"),
    ("---x", "---x"),
    ('"1"', "1"),
    ("'yes'", "yes"),
    ("!!str 1", "1"),
    ('!!int "3"', 3),
    ("!!float 3", 3.0),
    ('!!bool "yes"', True),
    ('!!null ""', None),
    ("é", "é"),
    ("0.1e1", "0.1e1"),
    ("1e+22", "1e+22"),
    ("6.02e23", "6.02e23"),
    ("0777", 511),
    ("0o777", "0o777"),
    ("0b2", "0b2"),
    ("1__0", "1__0"),
    ("_1", "_1"),
    ("1_", "1_"),
    ("0x_1", 1),
    ("1:2:3", 3723),
    ("-1:30", -1800),
    ("+1:30", 5400),
    ("true1", "true1"),
    (".e3", ".e3"),
    ("1.e3", "1.e3"),
    ("1.5E3", "1.5E3"),
    (".5e3", ".5e3"),
    ("1,000.5", 1000.5),
    ("nULL", None),
    ("yES", True),
    ("oFF", False),
    # What the next reader may take for numbers, dates or an error.
    ("1:60", "1:60"),
    ("80:80", "80:80"),
    ("00:00:00:01", "00:00:00:01"),
    ("1:30.5", 5430.0),
    ("1.2.3", "1.2.3"),
    ("10.0.0.7", "10.0.0.7"),
    (".", "."),
    ("..", ".."),
    ("0x", "0x"),
    ("0X1F", "0X1F"),
    ("0b", "0b"),
    ("0b_1", 1),
    ("0o8", "0o8"),
    ("4e", "4e"),
    ("1e400", "1e400"),
    ("-0.0", -0.0),
    ("1_000.5", 1000.5),
    ("9223372036854775807", 2**63 - 1),
    ("9223372036854775808", 2**63),
    ("2026-13-01", "2026-13-01"),
    ("2026-01-32", "2026-01-32"),
    ("a:b", "a:b"),
    ("1-2", "1-2"),
]
READ_BY_RUBY = """
require 'yaml'
require 'json'
require 'date'
def shown(value)
  case value
  when Date, Time then ['other']
  when Float then ['float', value.to_s]
  when Symbol then value.inspect
  else value
  end
end
read = JSON.parse(STDIN.read).map do |text|
  shown(YAML.safe_load("k: #{text}\\n", permitted_classes: [Date, Time, Symbol])['k'])
end
STDOUT.write(JSON.generate(read))
"""
# Somebody who is refused one of these would wonder.
TAKEN = (
    "1",
    "-1",
    "1_000",
    "0x1F",
    "1.5",
    "yes",
    "off",
    "null",
    "~",
    "y",
    "N",
    "=",
    "---x",
    "tier",
)


def taken(text: str) -> list[Any]:
    """The value in a list; an empty one where it is refused."""
    try:
        tree, problems = read(f"k: {text}\n")
    except UnreadableError:
        return []
    return [] if problems else [tree.plain()["k"]]


@pytest.mark.parametrize(("text", "of_ruby"), TABLE, ids=[text for text, _ in TABLE])
def test_a_value_is_what_puppet_reads_or_is_refused(text: str, of_ruby: Any) -> None:
    found = taken(text)
    same = found and type(found[0]) is type(of_ruby) and found[0] == of_ruby
    assert same or not found


@pytest.mark.parametrize("text", TAKEN)
def test_a_plain_value_is_not_refused(text: str) -> None:
    assert taken(text)


@pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed")
def test_the_table_is_what_ruby_reads() -> None:
    done = subprocess.run(
        ["ruby", "-e", READ_BY_RUBY],
        input=json.dumps([text for text, _ in TABLE]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=True,
    )
    for (text, expected), found in zip(TABLE, json.loads(done.stdout), strict=True):
        assert repr(of_json(found)) == repr(expected), text


def of_json(found: Any) -> Any:
    """What READ_BY_RUBY has shown."""
    match found:
        case ["other"]:
            return OTHER
        case ["float", number]:
            return float(number.replace("Infinity", "inf"))
    return found


def test_there_are_a_hundred() -> None:
    assert len(TABLE) >= 100
