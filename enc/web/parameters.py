"""Query strings: read strictly, because a filter that is not understood must not select everything.

What is wrong is said without repeating what was sent: it stands in the asker's own line, and
nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from werkzeug.datastructures import MultiDict

from enc.inventory.query import MAX_LIMIT, Query
from enc.model import Market, State
from enc.web.documents import BAD_PARAMETER
from enc.web.problems import ProblemError

T = TypeVar("T")

DEFAULT_LIMIT = 100
# It holds a time and a certname, in base 64.
LONGEST_CURSOR = 600
_LIVE = tuple(state for state in State if state is not State.ARCHIVED)
_LONGEST_TEXT = 255


class Parameters:
    """The parameters of one request. Raises ProblemError for any that is not usable."""

    def __init__(self, given: MultiDict[str, str], known: Collection[str]) -> None:
        self._given = given
        for name in given:
            if name not in known:
                raise _bad(f"a parameter is not known here{_nearest(name, known)}")
            if len(given.getlist(name)) > 1:
                raise _bad(f"{name} is given more than once; several values cannot be asked for")

    def text(self, name: str, *, most: int = _LONGEST_TEXT) -> str | None:
        return self._read(name, lambda text: _text(text, most))

    def number(self, name: str, *, most: int, default: int) -> int:
        found = self._read(name, lambda text: _number(text, most))
        return default if found is None else found

    def one_of(self, name: str, allowed: Collection[Any]) -> Any:
        return self._read(name, lambda text: _one_of(text, allowed))

    def _read(self, name: str, parse: Callable[[str], T]) -> T | None:
        if name not in self._given:
            return None
        try:
            return parse(self._given[name])
        except ValueError as error:
            raise _bad(f"{name} {error}") from None


def node_query(given: Parameters) -> Query:
    return Query(
        role=given.text("role"),
        state=given.one_of("state", _LIVE),
        market=given.one_of("market", tuple(Market)),
        q=given.text("q"),
    )


def limit(given: Parameters) -> int:
    return given.number("limit", most=MAX_LIMIT, default=DEFAULT_LIMIT)


def _text(text: str, most: int) -> str:
    if not 1 <= len(text) <= most:
        raise ValueError(f"is not a text of 1 to {most} characters")
    return text


def _number(text: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise ValueError(f"is not a whole number from 1 to {most}")
    return int(text)


def _one_of(text: str, allowed: Collection[StrEnum]) -> StrEnum:
    for one in allowed:
        if one.value == text:
            return one
    raise ValueError(f"is none of {', '.join(one.value for one in allowed)}")


def _nearest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f": did you mean {close[0]}?" if close else "."
    return f"{meant} This path takes {', '.join(known) or 'none'}."


def _bad(detail: str) -> ProblemError:
    return ProblemError(BAD_PARAMETER, detail)
