"""From what EventBridge puts into a queue to notices: pure.

The events: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ec2.html. Whatever the
message, it is a notice or a reason why it is none; nothing is raised.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from enc.domain.region_name import REGION
from provisioner.ports.notices import Notice, Warned

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


# Anybody whom the queue lets in may name a kind of event.
_SHOWN_KINDS, _LONGEST_KIND = 5, 60


@dataclass(frozen=True, kw_only=True)
class NoNotice:
    """``reason`` is one of a few sentences, without a word of the message's own: countable.

    ``kind`` is what the message itself says that it is, cut short; "" where it says nothing.
    """

    reason: str
    kind: str = ""
    handle: str


class _OtherError(ValueError):
    """Why it is none."""


def parse(body: str, *, account: str, handle: str) -> Notice | NoNotice:
    """``account``: whose machines are meant. A message that SNS has wrapped is unwrapped."""
    event = _unwrapped(_map(body))
    try:
        return _notice(_ours(event, account), handle)
    except _OtherError as error:
        return NoNotice(reason=str(error), kind=_kind(event), handle=handle)


def counted(others: Iterable[NoNotice]) -> str:
    """How many are none, and why, by kind: ``2 x it is of another account (...)``."""
    found = Counter(
        f"{other.reason} ({other.kind})" if other.kind else other.reason for other in others
    ).most_common()
    shown = [f"{count} x {why}" for why, count in found[:_SHOWN_KINDS]]
    more = sum(count for _, count in found[_SHOWN_KINDS:])
    return "; ".join([*shown, *([f"{more} of other kinds"] if more else [])])


def _map(text: str) -> Mapping[str, Any]:
    """{} where the text is no map in JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _unwrapped(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """SNS puts what it was given, as text, into a message of its own.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
    """
    wrapped = said.get("Type") == "Notification" and "TopicArn" in said
    return _map(_text(said, "Message")) if wrapped else said


def _kind(said: Mapping[str, Any]) -> str:
    """EventBridge's word for it, or SNS's: for people."""
    kind = (_text(said, "detail-type") or _text(said, "Type"))[:_LONGEST_KIND]
    return kind if kind.isprintable() else repr(kind)


def _ours(event: Mapping[str, Any], account: str) -> Mapping[str, Any]:
    if not event:
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
