"""Scripted faults: what a call gets instead of its answer.

A fault is a dictionary: ``action`` (or ``*``), ``region``, ``match`` (wire parameter -> pattern
with * and ?; None: must be absent), ``times`` (1; -1: for ever), ``skip`` (let the first so many
pass), then what happens: ``code``, ``message``, ``status``; ``after`` (the work is done and its
answer lost); ``page`` (a 200 with this text in place of the answer, as of a proxy); ``cut``
("before" or "after" the work the connection is closed, or "half" way through the answer);
``latency_s``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from tests.region.wire import ApiError, Request

MESSAGES = {
    "RequestLimitExceeded": "Request limit exceeded.",
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
    "InternalError": "An internal error has occurred",
    "Unavailable": "The service is unavailable. Please try again shortly.",
}
KEYS = {
    "action", "region", "match", "times", "skip",
    "code", "message", "status", "after", "page", "cut", "latency_s",
}  # fmt: skip


def check(fault: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(fault) - KEYS):
        raise ValueError(f"a fault has no {', '.join(unknown)}; it has {sorted(KEYS)}")
    if fault.get("cut", "before") not in ("before", "after", "half"):
        raise ValueError(f"cut is before, after or half, not {fault['cut']!r}")
    return fault


def pick(faults: list[dict[str, Any]], request: Request) -> dict[str, Any] | None:
    """The first fault that hits the request; it is used up by that. Latency alone does not stop."""
    for fault in faults:
        if fault.get("times", 1) != 0 and _hits(fault, request):
            if fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                continue
            fault["times"] = fault.get("times", 1) - 1
            return fault
    return None


def _hits(fault: dict[str, Any], request: Request) -> bool:
    if fault.get("action", "*") not in ("*", request.action):
        return False
    if fault.get("region") not in (None, request.region):
        return False
    return all(_fits(request.flat.get(key), said) for key, said in fault.get("match", {}).items())


def _fits(value: str | None, pattern: str | None) -> bool:
    if pattern is None or value is None:
        return value is pattern
    return fnmatchcase(value, pattern)


def error(fault: dict[str, Any]) -> ApiError | None:
    if "code" not in fault:
        return None
    message = fault.get("message") or MESSAGES.get(fault["code"], fault["code"])
    return ApiError(fault["code"], message, fault.get("status"))
