"""Values to Redis hashes and back: text only, times as ISO 8601 UTC, nested values as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from enc.domain.model import (
    ArchivedNode,
    Attempt,
    Kind,
    Launch,
    LaunchState,
    Market,
    Node,
    Role,
    State,
)
from enc.domain.times import sane, time_fields, whole_milliseconds
from enc.inventory import keys
from enc.inventory.errors import CorruptError

T = TypeVar("T")

_TIMES = frozenset(
    name for kind in (Node, ArchivedNode, Role, Launch, Attempt) for name in time_fields(kind)
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = frozenset({"rev", "want", "got", "asked"})
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_ENUMS: Mapping[str, type[Any]] = {"kind": Kind, "market": Market}
# All others are text as they stand.
_NOT_TEXT = _TIMES | _NUMBERS | _ENUMS.keys() | {"state"}
_NODE_FIELDS = dict.fromkeys(f.name for f in fields(Node) if f.name != "certname")
_REQUIRED: Mapping[type[Any], tuple[str, ...]] = {
    kind: tuple(
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    )
    for kind in (Node, Role, Launch)
}
_LAUNCH_FIELDS = tuple(f.name for f in fields(Launch) if f.name not in ("id", "attempts"))


def iso(time: datetime) -> str:
    """Milliseconds, as in 2026-01-31T12:00:00.000Z; sorts as text."""
    return whole_milliseconds(time).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Raises ValueError for what is no time, has no zone, or is not of the years 1970 to 2199."""
    return sane(datetime.fromisoformat(text))


def score(time: datetime) -> str:
    """Epoch seconds with the milliseconds that ``iso`` keeps."""
    milliseconds = (whole_milliseconds(time) - _EPOCH) // timedelta(milliseconds=1)
    return f"{milliseconds / 1000:.3f}"


def time_of(score: str) -> datetime:
    """The time that ``score`` was made of, as Redis writes it; OverflowError beyond year 9999."""
    return _EPOCH + timedelta(milliseconds=round(float(score) * 1000))


def to_text(value: Any) -> str:
    if value is None:
        return ""
    return iso(value) if isinstance(value, datetime) else str(value)


def node_to_hash(node: Node) -> dict[str, str]:
    """Empty fields are left out: a million nodes are worth it."""
    texts = {name: to_text(getattr(node, name)) for name in _NODE_FIELDS if name != "rev"}
    return {name: text for name, text in texts.items() if text}


def node_from_hash(certname: str, found: Mapping[str, str], key: str | None = None) -> Node:
    """Raises CorruptError for a hash that is not a node of ours."""
    key = key or keys.node(certname)
    known = {name: text for name, text in found.items() if text and name in _NODE_FIELDS}
    return _made(Node, key, {"certname": certname, **_decoded(key, known, State)})


def count_fields(found: Mapping[str, str]) -> tuple[str, str] | None:
    """Where node.lua counts a node in its role's ``fleet:<role>`` and ``ran:<role>``, if it can."""
    if not all(found.get(field) for field in ("role", "kind", "state")):
        return None
    standing = f"{found['kind']}:{found['state']}:{found.get('market', 'none')}"
    return standing, found.get("report_status", "none")


def archived_from_hash(certname: str, found: Mapping[str, str]) -> ArchivedNode:
    key = keys.archive(certname)
    ended = _decoded(key, {"ended_at": found.get("ended_at", "")}, State)["ended_at"]
    node = node_from_hash(certname, found, key)
    return ArchivedNode(node=node, ended_at=ended, reason=found.get("reason", ""))


def role_to_hash(role: Role) -> dict[str, str]:
    return {
        "definition": json.dumps(role.definition, ensure_ascii=False, separators=(",", ":")),
        "spec_hash": role.spec_hash,
        "rev": str(role.rev),
        "applied_at": to_text(role.applied_at),
        "applied_by": role.applied_by,
    }


def role_from_hash(name: str, found: Mapping[str, str]) -> Role:
    key = keys.role(name)
    definition = parsed(key, found.get("definition", ""))
    if not isinstance(definition, dict):
        raise CorruptError(key, "has a definition that is not a map")
    known = {f: found[f] for f in ("spec_hash", "rev", "applied_at", "applied_by") if found.get(f)}
    return _made(Role, key, {"name": name, "definition": definition, **_decoded(key, known, State)})


def launch_to_hash(launch: Launch) -> dict[str, str]:
    texts = {name: to_text(getattr(launch, name)) for name in _LAUNCH_FIELDS}
    return {name: text for name, text in texts.items() if text}


def launch_from_hash(launch_id: str, found: Mapping[str, str]) -> Launch:
    key = keys.launch(launch_id)
    known = {name: found[name] for name in _LAUNCH_FIELDS if found.get(name)}
    attempts = tuple(
        _attempt_from(key, parsed(key, text))
        for field, text in sorted(found.items(), key=_attempt_order)
        if field.startswith("attempt:")
    )
    decoded = _decoded(key, known, LaunchState)
    return _made(Launch, key, {"id": launch_id, "attempts": attempts, **decoded})


def attempt_to_text(attempt: Attempt) -> str:
    return json.dumps(
        {
            "number": attempt.number,
            "at": iso(attempt.at),
            "market": attempt.market.value,
            "wanted": attempt.wanted,
            "got": attempt.got,
            "answers": attempt.answers,
        }
        | ({"hopeless": True} if attempt.hopeless else {})
        | ({"barred": attempt.barred} if attempt.barred else {})
        | ({"unfit": attempt.unfit} if attempt.unfit else {})
    )


def parsed(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptError(key, "holds text that is not JSON") from error


def _made(kind: type[T], key: str, values: dict[str, Any]) -> T:
    lacking = [name for name in _REQUIRED[kind] if name not in values]
    if lacking:
        raise CorruptError(key, f"lacks {', '.join(lacking)}")
    return kind(**values)


def _attempt_order(item: tuple[str, str]) -> tuple[int, str]:
    return len(item[0]), item[0]


def _attempt_from(key: str, found: Any) -> Attempt:
    try:
        return Attempt(
            number=int(found["number"]),
            at=parse_iso(found["at"]),
            market=Market(found["market"]),
            wanted=int(found["wanted"]),
            got=tuple(map(str, _list(found["got"]))),
            answers=tuple((str(p), str(c), str(said)) for p, c, said in _list(found["answers"])),
            hopeless=found.get("hopeless") is True,
            barred=str(found.get("barred", "")),
            unfit=tuple(map(str, _list(found.get("unfit", [])))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptError(
            key, f"holds an attempt that cannot be read: {str(found)[:80]}"
        ) from error


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("not a list")
    return found


def _decoded(key: str, found: Mapping[str, str], states: type[Any]) -> dict[str, Any]:
    values: dict[str, Any] = dict(found)
    for name in filter(_NOT_TEXT.__contains__, found):
        text = found[name]
        try:
            values[name] = _value(key, name, text, states)
        except ValueError as error:
            raise CorruptError(key, f"has {name} = {text[:80]!r}") from error
    return values


def _value(key: str, name: str, text: str, states: type[Any]) -> Any:
    if name in _TIMES:
        return parse_iso(text)
    if name in _NUMBERS:
        return whole(key, name, text)
    return states(text) if name == "state" else _ENUMS[name](text)


def whole(key: str, field: str, text: str) -> int:
    """A whole number as Redis and our scripts count; CorruptError for anything else."""
    # int() alone takes 1_000 and other scripts' digits too.
    if not _NUMBER.fullmatch(text):
        raise CorruptError(key, f"has {field} = {text[:80]!r}")
    return int(text)
