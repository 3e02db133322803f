"""Single values of a roles file: what is taken as text, number or boolean, and what is refused.

The parser says what YAML 1.1 makes of a value. Where YAML 1.2, or the person, may well have meant
something else (0644, 12:30, 2026-01-01), the file must say which by quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from enc.domain.classify import quoted
from enc.domain.rolefields import shown
from enc.outputs.yamltext import NUMBER, RUBYS

YAML = "tag:yaml.org,2002:"

# Tab and newline are text. The others are invisible, and NEL, LS, PS and the byte order mark also
# count as line ends or as nothing, depending on who reads.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_BASE_8 = re.compile(r"[-+]?0[0-7_]+")
_LONGEST_INTEGER = 70  # -0b and 64 digits, with room
_QUOTE = "put it in quotes"


class RefusedError(Exception):
    """This value is not taken: what it is instead, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def value(tag: str, text: str) -> str | bool | float | None:
    """What a scalar stands for, by the tag that the parser resolved. Raises RefusedError."""
    read = _READERS.get(tag)
    if read is None:
        raise RefusedError(f"the tag {tag} is not taken", "write the value without it")
    return read(text)


def _string(text: str) -> str:
    found = INVISIBLE.search(text)
    if found:
        message = f"an invisible character in the text, U+{ord(found[0]):04X}"
        raise RefusedError(message, "remove it")
    return text


def _boolean(text: str) -> bool:
    return text.lower() in ("yes", "true", "on")


def _integer(text: str) -> int:
    if ":" in text or _BASE_8.fullmatch(text):
        base = "60" if ":" in text else "8"
        raise RefusedError(f"{shown(text)} is a number in base {base} to YAML", _QUOTE)
    if len(text) > _LONGEST_INTEGER or not -(2**63) <= (number := _number(text)) < 2**63:
        raise RefusedError(f"{shown(text)} does not fit into 64 bits", _QUOTE)
    if text.endswith("_") or "__" in text:
        raise RefusedError(f"{shown(text)} is a number to YAML 1.1, and a text to Ruby", _QUOTE)
    return number


def _number(text: str) -> int:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:  # YAML 1.1 takes "0x_" for a number
        raise RefusedError(f"{shown(text)} is a number without digits to YAML", _QUOTE) from None


def _float(text: str) -> float:
    if ":" in text:
        raise RefusedError(f"{shown(text)} is a number in base 60 to YAML", _QUOTE)
    digits = text.replace("_", "").lower()
    if digits.endswith(("inf", "nan")) or not math.isfinite(float(digits)):
        raise RefusedError(f"{shown(text)} is not a finite number", "write a number, or quote it")
    return float(digits)


def _number_elsewhere(text: str) -> None:
    message = f"{shown(text)} is a text to YAML 1.1 and a number to YAML 1.2"
    try:
        hint = f"write {_plainly(text)}, or {_QUOTE}"
    except (ValueError, RefusedError):
        hint = _QUOTE
    raise RefusedError(message, hint)


def _another_to_ruby(text: str) -> None:
    message = f"{shown(text)} is a text to most YAML readers, but not to Puppet's"
    raise RefusedError(message, _QUOTE)


def _plainly(text: str) -> str:
    """As every reader takes it. Raises ValueError or RefusedError for what is too large."""
    if text.startswith("0o"):
        return str(_integer(str(int(text, 8))))
    return str(_integer(str(int(text)))) if text.lstrip("+-").isdecimal() else quoted(float(text))


def _date(text: str) -> None:
    raise RefusedError(f"{text} is a date to YAML", f"{_QUOTE}: {shown(text)}")


_READERS: Mapping[str, Callable[[str], str | bool | float | None]] = MappingProxyType(
    {
        f"{YAML}null": lambda _: None,
        f"{YAML}bool": _boolean,
        f"{YAML}int": _integer,
        f"{YAML}float": _float,
        f"{YAML}str": _string,
        f"{YAML}value": _string,
        f"{YAML}timestamp": _date,
        NUMBER: _number_elsewhere,
        RUBYS: _another_to_ruby,
    }
)
