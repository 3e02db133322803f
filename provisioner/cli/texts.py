"""Other people's texts: names, tags, reasons, EC2's messages. They are shown and never obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

# A spreadsheet runs what begins like a formula; some take the full-width signs for the same.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# At the beginning, or of what some take for a cell; neither blanks nor quotation marks hinder them.
_BEGINS_FORMULA = re.compile(rf"""(\A|;[\s"']*)(?=[{re.escape("".join(_FORMULA))}])""")
_ENDS_CELL = re.compile('[",;\t\r\n]')
_NAMED = 5
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\.[0-9]{3}Z")


def clean(value: Any) -> str:
    """A value as one line of text that a terminal shows and does not obey."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def readable(value: Any) -> str:
    """Clean, and a time without its milliseconds: those are for programs."""
    text = clean(value)
    found = _TIME.fullmatch(text)
    return f"{found[1]}Z" if found else text


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


def some(names: Iterable[str], shown: int = _NAMED) -> str:
    """The first names, and how many more there are."""
    every: Sequence[str] = list(names)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + more
