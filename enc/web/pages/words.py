"""What people read: times, spans and other people's texts. Pure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from enc.domain.durations import for_people

# A text that is longer is folded up: it would push everything else off the page.
FOLDED = 240


def clean(text: str) -> str:
    """One line in which control characters and those that turn the direction are spelt out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shown(value: Any) -> Any:
    """What the templates print for a value: nothing for None, never a control character."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else clean(str(value))


def moment(time: datetime) -> str:
    """``2026-01-31 12:00:00``; all times of all pages are UTC, which the foot of each says."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def age(since: datetime, now: datetime) -> str:
    """``3h 5m``; a time ahead of the clock is no age."""
    return for_people(max(now - since, timedelta(0)))


def percent(part: int, whole: int) -> str:
    """Never 0 % of something, never 100 % of less than all."""
    if not whole or part in (0, whole):
        return "100 %" if whole and part else "0 %"
    return f"{min(max(round(100 * part / whole), 1), 99)} %"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 node``, ``12,000 nodes``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def written(value: Any) -> str:
    """A JSON value in one line: texts as they are, so that most need no quotes; "" for None."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
