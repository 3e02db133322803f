"""Small values kept as JSON text, one to a key: what converge and people tell the next pass."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, TypeVar

from redis import Redis

from enc.domain.times import time_fields
from enc.inventory.batch import check_begun, readable
from enc.inventory.codec import iso, parse_iso, parsed
from enc.inventory.errors import CorruptError, StoreError, translated

T = TypeVar("T")


def read(
    redis: Redis, wanted: Mapping[str, str], kind: type[T]
) -> tuple[dict[str, T], dict[str, CorruptError]]:
    """What stands at the keys, and where something stands that is none of ours.

    ``wanted`` maps a name of the caller's to its key.
    """
    good: dict[str, T] = {}
    bad: dict[str, CorruptError] = {}
    found = readable(redis, "GET", list(wanted.values()))
    for (name, key), text in zip(wanted.items(), found, strict=True):
        try:
            if text is not None:
                good[name] = from_text(kind, key, _whole(text))
        except CorruptError as error:
            bad[name] = error
    return good, bad


def members(redis: Redis, key: str) -> list[str]:
    """Of a set, sorted; StoreLostError where nothing is there for want of an inventory."""
    with translated(key):
        found: Any = redis.smembers(key)
    if not found:
        check_begun(redis)
    return sorted(found)


def to_text(value: Any) -> str:
    said = {f.name: getattr(value, f.name) for f in fields(value)}
    plain = {n: iso(v) if isinstance(v, datetime) else v for n, v in said.items()}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _whole(answer: Any) -> str:
    if isinstance(answer, StoreError):
        raise answer
    return str(answer)


def from_text(kind: type[T], key: str, text: str) -> T:
    """Raises CorruptError."""
    said = parsed(key, text)
    if not isinstance(said, dict):
        raise CorruptError(key, "is not a map")
    try:
        return kind(**{f.name: _value(kind, f, said) for f in _given(kind, said)})
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptError(key, f"lacks or garbles {error}") from error


def _given(kind: Any, said: Mapping[str, Any]) -> Sequence[Any]:
    return [f for f in fields(kind) if f.name in said or f.default is MISSING]


def _value(kind: type[Any], field: Any, said: Mapping[str, Any]) -> Any:
    value = said[field.name]
    if field.name in time_fields(kind):
        return parse_iso(value)
    if isinstance(value, list):
        return tuple(str(one) for one in value)
    if not isinstance(value, str):
        raise TypeError(field.name)
    # An enumeration's default tells its type.
    return value if field.default in (MISSING, "") else type(field.default)(value)
