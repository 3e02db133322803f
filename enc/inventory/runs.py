"""The last runs of a node, as Redis keeps them: a report's summary without what is empty in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enc.domain.reports import (
    COUNTS,
    FLAGS,
    NAMES,
    SPANS,
    VERSION,
    BadReportError,
    Report,
    parse,
)
from enc.inventory import keys
from enc.inventory.codec import iso, parsed
from enc.inventory.errors import CorruptError
from enc.inventory.events import dumps

_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(FLAGS, False),
    **dict.fromkeys(NAMES, ""),
    "seconds": dict.fromkeys(SPANS),
    "resources": dict.fromkeys(COUNTS, 0),
    "errors": [],
}
_SHOWN = 200


def run_record(report: Report) -> dict[str, Any]:
    """A run as a plain record with every key, for programs and for people; all but whose it is."""
    return {
        "time": iso(report.time),
        "status": report.status.value,
        **{name: getattr(report, name) for name in (*FLAGS, *NAMES)},
        "seconds": dict(report.seconds),
        "resources": dict(report.resources),
        "errors": list(report.errors),
    }


def run_to_text(report: Report) -> str:
    """Half of a usual summary says that there was nothing, and ten of each node are kept."""
    return dumps(_without_empty(run_record(report), _EMPTY))


def run_from_text(certname: str, text: str) -> Report:
    """Raises CorruptError for what is no run of ours."""
    key = keys.runs(certname)
    found = parsed(key, text)
    try:
        whole = {**_EMPTY, **found, "certname": certname, "version": VERSION}
        whole |= {name: _EMPTY[name] | whole[name] for name in ("seconds", "resources")}
        return parse(whole)
    except (BadReportError, TypeError) as error:
        raise CorruptError(key, f"holds a run that cannot be read: {error}"[:_SHOWN]) from error


def _without_empty(record: Mapping[str, Any], empty: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in record.items() if value != empty.get(name)}
    return {
        name: _without_empty(value, empty[name]) if isinstance(value, dict) else value
        for name, value in told.items()
    }
