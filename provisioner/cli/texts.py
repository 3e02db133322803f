"""Other people's texts: names, tags, reasons, EC2's messages. They are shown and never obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

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


def some(names: Iterable[str], shown: int = _NAMED) -> str:
    """The first names, and how many more there are."""
    every: Sequence[str] = list(names)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + more
