"""Puppet's run reports as the report processor sums them up, and what one means for its node. Pure.

A summary is a map with all of these keys; more are left unread:

    version               1
    certname              the node's
    time                  ISO 8601 with a zone: when the run began, by the agent's clock
    status                changed, unchanged or failed
    noop, noop_pending    whether it only looked; whether it would have changed something
    cached                whether the catalogue came from the agent's cache
    environment, configuration_version, transaction_uuid, puppet_version
                          texts of at most 255 characters
    seconds               {"total", "config_retrieval"}: numbers, or null where not told
    resources             counts, by the names in COUNTS
    errors                at most 5 texts of at most 300 characters
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, NoReturn, TypeVar

from enc.domain.certname import is_certname
from enc.domain.model import Node, State
from enc.domain.times import whole_milliseconds

T = TypeVar("T")

VERSION = 1
FLAGS = ("noop", "noop_pending", "cached")
NAMES = ("environment", "configuration_version", "transaction_uuid", "puppet_version")
SPANS = ("total", "config_retrieval")
COUNTS = (
    *("total", "changed", "failed", "failed_to_restart", "out_of_sync", "skipped", "restarted"),
    "corrective_change",
)
_LONGEST_NAME, _LONGEST_ERROR, _MOST_ERRORS = 255, 300, 5
# What exceeds these is no count of resources, no seconds of a run.
_MOST, _LONGEST = 10**9, 1e9
_INSTANT = timedelta(milliseconds=1)
# An agent's clock may be so far behind; a run from before the launch was another machine's.
_SLACK = timedelta(minutes=10)
# A node that flaps, or lies, must not wash out the log and its own life.
_LATELY, _TOLD_AT_MOST = timedelta(hours=1), 2
_SURROGATE = re.compile("[\ud800-\udfff]")

_TO_READY: Mapping[State, tuple[State, ...]] = {
    State.PENDING: (State.RUNNING, State.READY),
    State.RUNNING: (State.READY,),
    State.FAILED: (State.READY,),
}


class BadReportError(ValueError):
    """This is no summary of a report. Says what is wrong, and repeats nothing of it."""


class Status(StrEnum):
    """What Puppet says of a run."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class Standing(StrEnum):
    """A run in one word, the one that matters most: a node's ``report_status``."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    CACHED = "cached"
    NOOP = "noop"


@dataclass(frozen=True, kw_only=True)
class Report:
    """``time`` is UTC in whole milliseconds. ``seconds`` by SPANS, ``resources`` by COUNTS."""

    certname: str
    time: datetime
    status: Status
    noop: bool
    noop_pending: bool
    cached: bool
    environment: str
    configuration_version: str
    transaction_uuid: str
    puppet_version: str
    seconds: Mapping[str, float | None]
    resources: Mapping[str, int]
    errors: tuple[str, ...]

    @property
    def standing(self) -> Standing:
        """A run from the cache or without changes proves less than its status says."""
        if self.status is Status.FAILED:
            return Standing.FAILED
        if self.cached:
            return Standing.CACHED
        return Standing.NOOP if self.noop else Standing(self.status.value)

    @property
    def failures(self) -> int:
        """Resources that failed, those that could not be restarted among them."""
        # Puppet counts these as failed, too; old versions count them here alone.
        # https://github.com/puppetlabs/puppet/blob/7.23.0/lib/puppet/transaction/event_manager.rb
        return max(self.resources["failed"], self.resources["failed_to_restart"])

    @property
    def good(self) -> bool:
        """Puppet compiled a catalogue for this node, and the node is as it says."""
        return self.standing in (Standing.CHANGED, Standing.UNCHANGED)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a report changes. Not ``taken``: nothing, it is not newer than the last.

    ``path``: the states that the node goes through, one after the other. ``told``: worth an event;
    a run like the one before is not, nor one more change of a node that flaps.
    """

    taken: bool
    at: datetime
    why: str
    status: Standing | None = None
    path: tuple[State, ...] = ()
    told: bool = False


def decide(node: Node, report: Report, now: datetime, runs: Sequence[Report] = ()) -> Decision:
    """``now`` is the store's time; ``runs`` are the node's last ones as they were taken.

    A run whose clock is ahead counts as of now, or each later report would seem old until that time
    has come; so of such a one only its transaction_uuid tells whether it has come before.
    """
    last, again = node.report_at, {run.transaction_uuid for run in runs} - {""}
    if (last and report.time <= last) or report.transaction_uuid in again:
        return Decision(taken=False, at=report.time, why="not newer than the last report")
    # Later than the last one, even should the store's own clock have been put back since.
    latest = max(whole_milliseconds(now), last + _INSTANT) if last else whole_milliseconds(now)
    at = min(report.time, latest)
    alive = at >= node.launched_at - _SLACK
    path = _TO_READY.get(node.state, ()) if report.good and alive else ()
    news = report.standing != node.report_status and _switches(runs, at) < _TOLD_AT_MOST
    return Decision(
        taken=True,
        at=at,
        why=_in_words(report),
        status=report.standing,
        path=path,
        told=bool(path) or news,
    )


def _switches(runs: Sequence[Report], at: datetime) -> int:
    """How often the standing changed lately."""
    lately = [run for run in runs if run.time > at - _LATELY]
    return sum(old.standing != new.standing for old, new in pairwise(lately))


def read(body: bytes) -> Report:
    """A report as it was posted. Raises BadReportError."""
    try:
        found = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadReportError("it is not JSON in UTF-8") from None
    return parse(found)


def parse(found: Any) -> Report:
    """A report from what its JSON says. Raises BadReportError."""
    if not isinstance(found, dict):
        raise BadReportError("it is not a map")
    summary = _Fields(found)
    if summary.take("version", _whole) != VERSION:
        raise BadReportError(f"its version is not {VERSION}, the one that this service knows")
    seconds, resources = summary.inner("seconds"), summary.inner("resources")
    named: dict[str, Any] = {name: summary.take(name, _flag) for name in FLAGS}
    named |= {name: summary.take(name, _name) for name in NAMES}
    return Report(
        **named,
        certname=summary.take("certname", _certname),
        time=summary.take("time", _time),
        status=summary.take("status", _status),
        seconds={name: seconds.take(name, _seconds) for name in SPANS},
        resources={name: resources.take(name, _whole) for name in COUNTS},
        errors=summary.take("errors", _errors),
    )


class _Fields:
    """A map, and by which name it is told in an error: ``seconds.`` or nothing."""

    def __init__(self, found: Any, prefix: str = "") -> None:
        if not isinstance(found, dict):
            raise BadReportError("is not a map")
        self._found, self._prefix = found, prefix

    def inner(self, name: str) -> _Fields:
        return self.take(name, lambda value: _Fields(value, f"{name}."))

    def take(self, name: str, check: Callable[[Any], T]) -> T:
        if name not in self._found:
            raise BadReportError(f"it lacks {self._prefix}{name}")
        try:
            return check(self._found[name])
        except BadReportError as error:
            raise BadReportError(f"its {self._prefix}{name} {error}") from None


def _in_words(report: Report) -> str:
    failed, total = report.failures, report.resources["total"]
    of = f", {failed} of {total} resources" if failed else ""
    return f"Puppet's report: {report.standing}{of}"


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _certname(value: Any) -> str:
    if isinstance(value, str) and is_certname(value):
        return value
    raise BadReportError("is none")


def _time(value: Any) -> datetime:
    try:
        return whole_milliseconds(datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError):
        raise BadReportError("is not a time in ISO 8601 with a zone") from None


def _status(value: Any) -> Status:
    # Not by its hash: a list has none.
    for status in Status:
        if value == status.value:
            return status
    raise BadReportError(f"must be one of {', '.join(Status)}")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise BadReportError("is neither true nor false")


def _name(value: Any) -> str:
    if _is_text(value, _LONGEST_NAME):
        return str(value)
    raise BadReportError(f"is not text of at most {_LONGEST_NAME} characters")


def _errors(value: Any) -> tuple[str, ...]:
    few = isinstance(value, list) and len(value) <= _MOST_ERRORS
    if few and all(_is_text(each, _LONGEST_ERROR) for each in value):
        return tuple(value)
    raise BadReportError(f"are not at most {_MOST_ERRORS} texts of {_LONGEST_ERROR} characters")


def _is_text(value: Any, longest: int) -> bool:
    # JSON can spell half of a character, \ud800, which no store takes.
    return isinstance(value, str) and len(value) <= longest and not _SURROGATE.search(value)


def _whole(value: Any) -> int:
    if type(value) is int and 0 <= value <= _MOST:
        return value
    raise BadReportError("is not a whole number")


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) in (int, float) and 0 <= value < _LONGEST and math.isfinite(value):
        return float(value)
    raise BadReportError("is not a number of seconds, nor null")
