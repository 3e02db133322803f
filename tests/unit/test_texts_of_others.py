"""What others wrote is shown and never run; lists for programs are printed as they come."""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import provisioner.cli
from provisioner.cli import output
from provisioner.cli.csv_cells import cell
from provisioner.cli.output import Listing, emit_rows
from provisioner.cli.table import columns, lay_out

CLI = Path(provisioner.cli.__file__).parent
# What prints; all others go through these.
PRINTERS = {"output.py", "errors.py", "reporters.py"}
EVIL = "\x1b[31m\n=1\u2028\x9b2J\u202e"


def printing(path: Path) -> list[str]:
    """Calls that print whatever they are given."""
    calls = [one.func for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)]
    named = [ast.unparse(one) for one in calls]
    return [name for name in named if name in {"click.echo", "click.secho", "print"}]


def test_no_command_prints_by_itself() -> None:
    found = {path.name for path in CLI.glob("*.py") if printing(path)}

    assert found == PRINTERS


def test_a_line_of_words_is_one_line_that_nothing_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    output.say(EVIL)
    output.say(EVIL, err=True)

    said = capsys.readouterr()
    assert said.out == said.err
    assert said.out.count("\n") == 1
    assert said.out.rstrip("\n").isprintable()


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_what_a_spreadsheet_would_run_becomes_text(sign: str) -> None:
    assert cell(f"{sign}1+1") == f"'{sign}1+1"
    assert cell(f"1{sign}1") == f"1{sign}1"


@pytest.mark.parametrize("sign", ["\t", "\r", "\n", "\x00", "\ufeff"])
def test_what_a_spreadsheet_would_skip_before_a_formula_is_spelt_out(sign: str) -> None:
    assert cell(f"{sign}=1") == repr(sign)[1:-1] + "=1"


def test_a_number_stays_a_number_below_zero_too() -> None:
    assert [cell(number) for number in (-1, -0.5, 3)] == ["-1", "-0.5", "3"]
    assert cell("-1") == "'-1"


def test_a_long_value_is_whole_and_pads_no_other_line() -> None:
    rows = [{"certname": "a", "zone": "x" * 10_000, "role": "r"}, {"certname": "b", "zone": "z"}]

    table = lay_out(rows, columns("certname", "zone", "role"))

    assert "x" * 10_000 in table.lines[1]
    assert [len(line) < 100 for line in table.lines] == [True, False, True]


def test_a_usual_value_does_pad() -> None:
    table = lay_out([{"certname": "a" * 200}, {"certname": "b"}], columns("certname", "role"))

    assert table.lines[2].index("-") == 202


# As they come.

FIELDS = ("name", "text", "more")
RECORDS: list[dict[str, Any]] = [
    {"name": "a", "text": EVIL, "more": {"x": [1, None], "y": {}}},
    {"name": "b", "text": "b\u00fccher", "more": []},
    {"name": None, "text": "", "more": 1.5},
]


def printed(form: str, count: int, capsys: pytest.CaptureFixture[str]) -> str:
    emit_rows(form, iter(RECORDS[:count]), Listing((), FIELDS))
    return capsys.readouterr().out


@pytest.mark.parametrize("count", range(4))
def test_an_iterator_is_one_document(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    as_json, as_yaml = (printed(form, count, capsys) for form in ("json", "yaml"))

    assert json.loads(as_json) == RECORDS[:count]
    assert yaml.safe_load(as_yaml) == RECORDS[:count]
    found = list(csv.reader(io.StringIO(printed("csv", count, capsys))))
    assert found[0] == list(FIELDS)
    assert len(found) == count + 1


def test_a_list_is_printed_as_one_value_is(capsys: pytest.CaptureFixture[str]) -> None:
    for count in range(4):
        streamed = printed("json", count, capsys)
        output.emit_value("json", RECORDS[:count])
        assert streamed == capsys.readouterr().out


def test_what_comes_is_printed_before_the_rest_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def many() -> Iterator[dict[str, Any]]:
        for number in range(2000):
            asked.append(capsys.readouterr().out)
            yield {"name": number}

    emit_rows("csv", many(), Listing((), FIELDS))

    assert any(asked), "nothing was printed before the last record was made"
