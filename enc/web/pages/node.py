"""One machine: who it is, why it is here, what Puppet gets and why, what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from enc.domain.model import ArchivedNode, Node, State
from enc.domain.reports import Report
from enc.inventory import CorruptError, Inventory
from enc.inventory.codec import parse_iso
from enc.inventory.explanation import explained
from enc.web.api import named
from enc.web.documents import UNKNOWN_NODE
from enc.web.pages import words
from enc.web.pages.rendering import Desk
from enc.web.parameters import asked
from enc.web.problems import ProblemError, corrupt


@dataclass(frozen=True, kw_only=True)
class Moment:
    """An event of a life, as the time line shows it; ``at`` is None where it is no time."""

    at: datetime | None
    what: str
    who: str
    why: str
    more: str
    node: str
    role: str
    launch: str

    @property
    def mark(self) -> str:
        """A class for its colour: the state that it led to, where it did."""
        return self.what if self.what in _STATES else ""


_STATES = frozenset(state.value for state in State)


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/nodes/<path:name>")
    def node(name: str) -> Response:
        asked(request.args, ())
        now, inventory = desk.begin(), desk.inventory
        try:
            found = named(inventory, name)
            told = _told(inventory, found, now) if found else {}
        except CorruptError as error:
            raise corrupt(error) from error
        # Again: a store that is lost meanwhile must not be taken for one that never knew the node.
        desk.check()
        if not found:
            raise ProblemError(
                UNKNOWN_NODE,
                f"no node has this certname, name or VPC:ADDRESS: {words.clean(name[:255])}; "
                "'provisioner assign NODE ROLE' makes a machine known that is not of our making",
            )
        return desk.page("node.html", now=now, **told)


def _told(inventory: Inventory, found: Node | ArchivedNode, now: datetime) -> dict[str, Any]:
    ended = found if isinstance(found, ArchivedNode) else None
    node = found.node if isinstance(found, ArchivedNode) else found
    runs = [] if ended else inventory.reports.runs(node.certname)
    until = ended.ended_at if ended else now
    return {
        "node": node,
        "ended": ended,
        "lived": words.age(node.launched_at, until),
        "explanation": explained(inventory, found, now),
        "runs": [_run(report, now) for report in reversed(runs)],
        "life": [moment(entry) for entry in reversed(inventory.events.life(node.certname))],
    }


def _run(report: Report, now: datetime) -> dict[str, Any]:
    """A run with what happened in it; what is nought is not told."""
    counts = {name: count for name, count in report.resources.items() if count}
    total = report.seconds.get("total")
    return {
        "report": report,
        "ago": words.age(report.time, now),
        "counts": counts,
        "seconds": "" if total is None else f"{total:.1f} s",
    }


_SAID = ("at", "what", "who", "why", "node", "role", "launch")


def moment(entry: Mapping[str, str]) -> Moment:
    more = {name: text for name, text in entry.items() if name not in _SAID}
    return Moment(
        at=_time(entry.get("at", "")),
        what=entry.get("what", ""),
        who=entry.get("who", ""),
        why=entry.get("why", ""),
        node=entry.get("node", ""),
        role=entry.get("role", ""),
        launch=entry.get("launch", ""),
        more=", ".join(f"{name} {text}" for name, text in more.items()),
    )


def _time(text: str) -> datetime | None:
    try:
        return parse_iso(text)
    except ValueError:
        return None
