"""JSON Schema of what the API answers, made from the types that the shapes are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_type_hints

from enc.domain.model import Attempt, Hold, Launch, Node
from enc.domain.reports import COUNTS, FLAGS, NAMES, SPANS
from enc.outputs import prometheus
from enc.outputs.ansible import FACTS
from enc.web.shapes import (
    ATTEMPT_FIELDS,
    EVENT_FIELDS,
    HOLD_FIELDS,
    LAUNCH_FIELDS,
    NODE_FIELDS,
)

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
TIME: Schema = {"type": "string", "format": "date-time"}
TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
NUMBERS: Schema = {"type": "object", "additionalProperties": {"type": "integer"}}
TEXTS: Schema = {"type": "array", "items": TEXT}
ANYTHING: Schema = {}
# The names of its groups follow from what there is.
ANSIBLE: Schema = {
    "type": "object",
    "properties": {
        "_meta": {
            "type": "object",
            "properties": {
                "hostvars": {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/components/schemas/AnsibleHost"},
                }
            },
            "required": ["hostvars"],
            "additionalProperties": False,
        },
        "all": {"type": "object"},
    },
    "required": ["_meta", "all"],
    "additionalProperties": {
        "type": "object",
        "properties": {"hosts": {"type": "array", "items": {"type": "string"}}},
    },
}
_PLAIN: Mapping[Any, Schema] = {
    str: TEXT,
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: TIME,
    tuple[str, ...]: TEXTS,
}


def record(properties: Mapping[str, Schema]) -> Schema:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


def page(key: str, name: str) -> Schema:
    return record({key: list_of(name), "cursor": TEXT_OR_NULL})


def _of(kind: type[Any], names: Iterable[str]) -> dict[str, Schema]:
    """Of fields of a dataclass, as ``shapes`` turns them into JSON."""
    hints = get_type_hints(kind)
    optional = {f.name for f in fields(kind) if f.default is not MISSING}
    return {name: _schema(hints[name], name in optional) for name in names}


def _schema(hint: Any, optional: bool) -> Schema:
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    inner = next(part for part in parts if part is not type(None))
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        found: Schema = {"type": "string", "enum": [one.value for one in inner]}
    else:
        found = _PLAIN[inner]
    # A text that has a default is "" where it is not known, and then null.
    null = len(parts) > 1 or (inner is str and optional)
    return _or_null(found) if null else found


def _or_null(schema: Schema) -> Schema:
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **enum}


def components() -> dict[str, Schema]:
    """Every schema that has a name."""
    node = _of(Node, NODE_FIELDS)
    answer = record({"pool": TEXT, "code": TEXT, "message": TEXT})
    attempt = {**_of(Attempt, ATTEMPT_FIELDS), "answers": {"type": "array", "items": answer}}
    hold = record(_of(Hold, HOLD_FIELDS))
    return {
        "Node": record(node),
        "NodeWithRuns": record({**node, "runs": list_of("Run")}),
        "ArchivedNode": record({**node, "ended_at": TIME, "reason": TEXT_OR_NULL}),
        "Run": _run(),
        "Role": _role(hold),
        "Attempt": record(attempt),
        "Launch": record({**_of(Launch, LAUNCH_FIELDS), "attempts": list_of("Attempt")}),
        "Event": _event(),
        "Explanation": _explanation(),
        "TargetGroup": _target_group(),
        "AnsibleHost": _ansible_host(),
        "Problem": _problem(),
    }


def _run() -> Schema:
    seconds = {"type": ["number", "null"]}
    return record(
        {
            "time": TIME,
            "status": TEXT,
            **{key: {"type": "boolean"} for key in FLAGS},
            **dict.fromkeys(NAMES, TEXT),
            "seconds": record(dict.fromkeys(SPANS, seconds)),
            "resources": record({key: {"type": "integer"} for key in COUNTS}),
            "errors": TEXTS,
        }
    )


def _role(hold: Schema) -> Schema:
    return record(
        {
            "name": TEXT,
            "rev": {"type": "integer"},
            "applied_at": TIME_OR_NULL,
            "applied_by": TEXT_OR_NULL,
            "spec_hash": TEXT_OR_NULL,
            "definition": {"type": "object"},
            "counts": NUMBERS,
            "nodes": {"type": "integer"},
            "runs": NUMBERS,
            "oldest": TIME_OR_NULL,
            "hold": {"oneOf": [hold, {"type": "null"}]},
        }
    )


def _event() -> Schema:
    more = {"type": "object", "additionalProperties": TEXT}
    return record({"id": TEXT, **dict.fromkeys(EVENT_FIELDS, TEXT_OR_NULL), "more": more})


def _explanation() -> Schema:
    given = record(
        {
            "what": TEXT,
            "class": TEXT_OR_NULL,
            "name": TEXT_OR_NULL,
            "value": ANYTHING,
            "source": TEXT,
        }
    )
    sentences = dict.fromkeys(("origin", "answer"), TEXTS)
    return record(
        {
            "certname": TEXT,
            "headline": TEXT,
            **sentences,
            "given": {"type": "array", "items": given},
            "next": TEXTS,
            "wrong": TEXTS,
        }
    )


def _target_group() -> Schema:
    labels = [prometheus.PREFIX + name for name in (*prometheus.NODE_LABELS, prometheus.CHECK)]
    targets = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 1}
    return record({"targets": targets, "labels": record(dict.fromkeys(labels, TEXT))})


def _ansible_host() -> Schema:
    """``ansible_host`` is left out where no address is known."""
    unsafe = record({"__ansible_unsafe": TEXT})
    fact = {"oneOf": [TEXT, unsafe, {"type": "null"}]}
    facts = record(dict.fromkeys(FACTS, fact))
    return {**record({"ansible_host": TEXT, "rolecall": facts}), "required": ["rolecall"]}


def _problem() -> Schema:
    """RFC 9457."""
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "instance": {"type": "string", "format": "uri-reference"},
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
    }
