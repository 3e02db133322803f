"""Query strings: read strictly, because a filter that is not understood must not select everything.

What is wrong is said without repeating what was sent: it stands in the asker's own line, and
nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from werkzeug.datastructures import MultiDict

from enc.domain.model import Kind, Market, State
from enc.domain.times import whole_milliseconds
from enc.inventory.events import EVENT_ID
from enc.inventory.query import MAX_LIMIT, fold
from enc.web.documents import BAD_PARAMETER
from enc.web.problems import ProblemError

T = TypeVar("T")

DEFAULT_LIMIT = 100
# It holds a time and a certname, in base 64.
LONGEST_CURSOR = 600
_LIVE = tuple(state for state in State if state is not State.ARCHIVED)
_LONGEST_TEXT = 255
# RFC 3339; Python alone takes weeks, dates without a time, and other scripts' digits, too.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class Parameters:
    """The parameters of one request. Raises ProblemError for any that is not usable."""

    def __init__(self, given: MultiDict[str, str], known: Collection[str]) -> None:
        self._given = given
        for name in given:
            if name not in known:
                raise _bad(f"unknown parameter{_nearest(name, known)}")
            if len(given.getlist(name)) > 1:
                raise _bad(f"{name} is given more than once; several values cannot be asked for")

    def value(self, parameter: Parameter) -> Any:
        """As the parameter's table has it; its default where it is not given."""
        found = self._read(parameter.name, parameter.parse)
        return parameter.default if found is None else found

    def _read(self, name: str, parse: Callable[[str], T]) -> T | None:
        if name not in self._given:
            return None
        try:
            return parse(self._given[name])
        except ValueError as error:
            raise _bad(f"{name} {error}") from None


def _text(text: str, most: int) -> str:
    if not 1 <= len(text) <= most:
        raise ValueError(f"must have 1 to {most} characters")
    return text


def _prefix(text: str) -> str:
    if not (folded := fold(_text(text, _LONGEST_TEXT))):
        raise ValueError("must not be blank")
    return folded


def _number(text: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise ValueError(f"must be a whole number from 1 to {most}")
    return int(text)


def _event_id(text: str) -> str:
    if not EVENT_ID.fullmatch(text):
        raise ValueError("must be the id of an event")
    return text


def _moment(text: str) -> datetime:
    if not _MOMENT.fullmatch(text):
        raise ValueError("must be a time with a zone, as in 2026-01-31T12:00:00Z")
    try:
        return whole_milliseconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


def _one_of(text: str, allowed: Collection[Any]) -> Any:
    for one in allowed:
        if one.value == text:
            return one
    raise ValueError(f"must be one of: {', '.join(one.value for one in allowed)}")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a path: how its text is read, and what is told of it.

    ``schema`` is JSON Schema. ``parse`` raises ValueError with what is wrong.
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Any]
    default: Any = None


def text(name: str, about: str, *, most: int = _LONGEST_TEXT) -> Parameter:
    schema = {"type": "string", "minLength": 1, "maxLength": most}
    return Parameter(name=name, about=about, schema=schema, parse=partial(_text, most=most))


def one_of(
    name: str, about: str, allowed: Sequence[StrEnum], default: StrEnum | None = None
) -> Parameter:
    schema: dict[str, Any] = {"type": "string", "enum": [one.value for one in allowed]}
    if default is not None:
        schema["default"] = default.value
    parse = partial(_one_of, allowed=allowed)
    return Parameter(name=name, about=about, schema=schema, parse=parse, default=default)


def number(name: str, about: str, *, most: int, default: int | None = None) -> Parameter:
    schema: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": most}
    if default is not None:
        schema["default"] = default
    return Parameter(
        name=name,
        about=about,
        schema=schema,
        parse=partial(_number, most=most),
        default=default,
    )


def moment(name: str, about: str) -> Parameter:
    schema = {"type": "string", "format": "date-time"}
    return Parameter(name=name, about=about, schema=schema, parse=_moment)


def event_id(name: str, about: str) -> Parameter:
    schema = {"type": "string", "pattern": f"^{EVENT_ID.pattern}$"}
    return Parameter(name=name, about=about, schema=schema, parse=_event_id)


class Order(StrEnum):
    OLDEST = "oldest"
    NEWEST = "newest"


LIMIT = number("limit", "at most this many", most=MAX_LIMIT, default=DEFAULT_LIMIT)
CURSOR = Parameter(
    name="cursor",
    about="the cursor of the page before",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": LONGEST_CURSOR},
    parse=partial(_text, most=LONGEST_CURSOR),
)
ROLE = text("role", "of this role")
PORT = number(
    "port", "this port of every node, instead of the ports of its role's checks", most=65535
)
NODE_FILTERS = (
    ROLE,
    one_of("kind", "of this kind", tuple(Kind)),
    one_of("state", "in this state", _LIVE),
    one_of("market", "bought on this market", tuple(Market)),
    Parameter(
        name="q",
        about="whose certname, name or address begins with this; case and blanks are ignored",
        schema={"type": "string", "minLength": 1, "maxLength": _LONGEST_TEXT, "pattern": r"\S"},
        parse=_prefix,
    ),
)
ORDER = one_of("order", "the order, by the time of launch", tuple(Order), Order.OLDEST)


def values(given: Parameters, table: Sequence[Parameter]) -> dict[str, Any]:
    """By name; None for what is not given and has no default."""
    return {one.name: given.value(one) for one in table}


def asked(args: MultiDict[str, str], table: Sequence[Parameter]) -> dict[str, Any]:
    """The values of a request that may have these parameters and no others."""
    return values(Parameters(args, [one.name for one in table]), table)


def _nearest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f": did you mean {close[0]}?" if close else "."
    return f"{meant} This path takes {', '.join(known) or 'none'}."


def _bad(detail: str) -> ProblemError:
    return ProblemError(BAD_PARAMETER, detail)
