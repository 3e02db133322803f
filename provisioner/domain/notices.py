"""From what EventBridge puts into a queue to notices: pure.

The events: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ec2.html. Whatever the
message, it is a notice or a reason why it is none; nothing is raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from provisioner.notices import REGION, Notice, Warned

SOURCE = "aws.ec2"
KINDS: Mapping[str, Warned] = MappingProxyType(
    {
        "EC2 Spot Instance Interruption Warning": Warned.INTERRUPTION,
        "EC2 Instance Rebalance Recommendation": Warned.REBALANCE,
    }
)
ACTIONS = frozenset({"terminate", "stop", "hibernate"})
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_REGION = re.compile(REGION)


@dataclass(frozen=True, kw_only=True)
class NoNotice:
    """``reason`` is one of a few sentences, without a word of the message's own: countable."""

    reason: str
    handle: str


class _OtherError(ValueError):
    """Why it is none."""


def parse(body: str, *, account: str, handle: str) -> Notice | NoNotice:
    """``account``: whose machines are meant."""
    try:
        event = _event(body, account)
        return _notice(event, handle)
    except _OtherError as error:
        return NoNotice(reason=str(error), handle=handle)


def _event(body: str, account: str) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise _OtherError("it is not an event in JSON")
    if event.get("source") != SOURCE:
        raise _OtherError(f"it is not from {SOURCE}")
    if event.get("account") != account:
        raise _OtherError("it is of another account")
    return event


def _notice(event: Mapping[str, Any], handle: str) -> Notice:
    kind = KINDS.get(_text(event, "detail-type"))
    if kind is None:
        raise _OtherError("it is another kind of event")
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise _OtherError("it has no detail")
    return Notice(
        instance_id=_matching(_INSTANCE, _text(detail, "instance-id"), "it names no instance"),
        region=_matching(_REGION, _text(event, "region"), "it names no region"),
        kind=kind,
        at=_time(_text(event, "time")),
        # An interruption of a new sort is one, too.
        action=_known(detail, "instance-action") if kind is Warned.INTERRUPTION else "",
        handle=handle,
    )


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""


def _matching(pattern: re.Pattern[str], text: str, why: str) -> str:
    if not pattern.fullmatch(text):
        raise _OtherError(why)
    return text


def _known(detail: Mapping[str, Any], key: str) -> str:
    action = _text(detail, key)
    return action if action in ACTIONS else ""


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise _OtherError("it has no time")
        return at.astimezone(UTC)
    # OverflowError: a time at the edge of the calendar.
    except (ValueError, OverflowError):
        raise _OtherError("it has no time") from None


def merged(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """One for each instance and kind, the newest, with the handles of all; oldest first."""
    newest: dict[tuple[str, Warned], Notice] = {}
    for notice in sorted(notices, key=lambda notice: notice.at):
        key = notice.instance_id, notice.kind
        older = newest.pop(key).handles if key in newest else ()
        newest[key] = replace(notice, merged=(*notice.merged, *older))
    return tuple(newest.values())
