"""Csv for programs and for spreadsheets, which must not run a value as a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from provisioner.cli.texts import clean

# A spreadsheet runs what begins like a formula; some take the full-width signs for the same.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# At the beginning, or of what some take for a cell; neither blanks nor quotation marks hinder them.
_BEGINS_FORMULA = re.compile(rf"""(\A|;[\s"']*)(?=[{re.escape("".join(_FORMULA))}])""")
_ENDS_CELL = re.compile('[",;\t\r\n]')


def csv_text(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> str:
    return "".join(csv_lines(rows, fields))


def csv_lines(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> Iterator[str]:
    """Lines end as all others here: cut, awk and read take a carriage return for text."""
    for cells in chain([fields], ([cell(row.get(field)) for field in fields] for row in rows)):
        yield ",".join(map(quoted, cells)) + "\n"


def cell(value: Any) -> str:
    """A value in a csv file: an apostrophe makes text of a formula.

    Also behind a semicolon: where the comma stands in numbers, a spreadsheet takes that for the end
    of a cell, and quotation marks within a line for text.
    """
    text = clean(value)
    if isinstance(value, int | float):
        return text
    # Most are neither.
    if ";" in text or text.startswith(_FORMULA):
        return _BEGINS_FORMULA.sub(r"\1'", text)
    return text


def quoted(text: str) -> str:
    """A cell in quotation marks where some spreadsheet or other would end it too early."""
    return '"' + text.replace('"', '""') + '"' if _ENDS_CELL.search(text) else text
