"""Taking a report: what the inventory says of its node, the decision, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from redis import Redis

from enc.domain.model import Node, State
from enc.domain.reports import Decision, Report, decide
from enc.inventory import keys
from enc.inventory.batch import check_begun
from enc.inventory.clock import redis_now
from enc.inventory.errors import ConflictError, CorruptError, StoreUnavailableError, translated
from enc.inventory.events import Event
from enc.inventory.lookup import Found, LookUps
from enc.inventory.meta import OtherSiteError
from enc.inventory.nodes import Nodes
from enc.inventory.runs import run_from_text, run_to_text

# A node may change between the look and the writing: by converge, or by the signing of its key.
_TRIES = 5


class Taken(StrEnum):
    """What became of a report. Only ``TAKEN`` has changed anything."""

    TAKEN = "taken"
    OLD = "old"
    UNKNOWN = "unknown"
    ENDED = "ended"


class Reports:
    """Raises StoreError's kinds: then nothing of the report is kept, and it may be sent again."""

    def __init__(self, redis: Redis, nodes: Nodes, lookups: LookUps) -> None:
        self._redis, self._nodes, self._lookups = redis, nodes, lookups

    def take(self, report: Report, *, site: str, who: str) -> Taken:
        """Safe to repeat: a report that was taken is not newer than itself, or among the last."""
        for _ in range(_TRIES):
            now = redis_now(self._redis)
            node = self._node(report.certname, site)
            if not isinstance(node, Node):
                return node
            decision = decide(node, report, now, self._readable_runs(node))
            if not decision.taken:
                return Taken.OLD
            try:
                self._write(node, replace(report, time=decision.at), decision, now, who)
            except ConflictError:
                continue
            return Taken.TAKEN
        raise StoreUnavailableError(
            f"{report.certname} was changed by someone else each of the {_TRIES} times that it "
            "was read"
        )

    def runs(self, certname: str) -> list[Report]:
        """The last ten that were taken, oldest first."""
        key = keys.runs(certname)
        with translated(key):
            found: Any = self._redis.lrange(key, 0, -1)
        if not found:
            check_begun(self._redis)
        return [run_from_text(certname, text) for text in found]

    def _readable_runs(self, node: Node) -> list[Report]:
        try:
            return self.runs(node.certname) if node.report_at else []
        except CorruptError:
            # Ten more runs wash a spoilt one out, which must not be kept from coming.
            return []

    def _node(self, certname: str, site: str) -> Node | Taken:
        said = self._lookups.look_up(certname)
        if said.site != site:
            raise OtherSiteError(said.site, site)
        if said.node is None:
            return Taken.ENDED if said.found is Found.ARCHIVED else Taken.UNKNOWN
        return said.node

    def _write(
        self, node: Node, report: Report, decision: Decision, now: datetime, who: str
    ) -> None:
        """The report with the last step only: who dies before it has not taken the report."""
        for state in decision.path[:-1]:
            event = Event(what=state.value, who=who, at=now, why=decision.why)
            node = self._nodes.change(node, event, state=state)
        what = decision.path[-1].value if decision.path else "report"
        event = Event(what=what, who=who, at=now, why=decision.why)
        told = event if decision.told else None
        fields = _fields(decision, now)
        self._nodes.report(node, run_to_text(report), now, told, **fields)


def _fields(decision: Decision, now: datetime) -> dict[str, Any]:
    news = {"report_status": decision.status, "report_at": decision.at}
    ready = State.READY in decision.path
    return {**news, "state": State.READY, "ready_at": now} if ready else news
