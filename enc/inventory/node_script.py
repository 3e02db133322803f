"""What node.lua is told, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import Node, State
from enc.domain.retention import KEPT
from enc.inventory import keys
from enc.inventory.codec import iso, node_to_hash, score
from enc.inventory.errors import (
    AlreadyThereError,
    ArchivedError,
    ConflictError,
    CorruptError,
    StoreError,
    StoreLostError,
    as_ours,
)
from enc.inventory.events import LIFE_LENGTH, MAX_LENGTH, Event, dumps, flat


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of the past is kept: entries of the log, a life and its runs, and for how long."""

    events: int = MAX_LENGTH
    life: int = LIFE_LENGTH
    runs: int = 10
    archive: timedelta = KEPT
    # Who had a name before is told when EC2 gives it again: mostly within days.
    formerly: timedelta = timedelta(days=30)

    def as_text(self) -> dict[str, str]:
        return {
            "events": str(self.events),
            "life": str(self.life),
            "runs": str(self.runs),
            "archive": str(int(self.archive.total_seconds())),
            "formerly": str(int(self.formerly.total_seconds())),
        }


def born(node: Node, event: Event, limits: Limits, *, init: bool) -> str:
    command = _command(node, event.at, limits) | _told(event, node, node) | _set(node)
    return dumps(command | {"born": True} | ({"init": True} if init else {}))


def changed(old: Node, new: Node, event: Event, limits: Limits) -> str:
    command = _command(old, event.at, limits) | _told(event, old, new) | _set(new)
    signed = new.csr_key and new.csr_key != old.csr_key
    return dumps(command | ({"signed": new.csr_key} if signed else {}))


def reported(
    old: Node, new: Node, *, run: str, at: datetime, event: Event | None, limits: Limits
) -> str:
    """``run`` joins the node's last runs; without an event the change is not worth one."""
    command = _command(old, at, limits) | _set(new) | {"run": run}
    return dumps(command | (_told(event, old, new) if event else {}))


def ended(node: Node, event: Event, limits: Limits) -> str:
    ending = {
        "ended_at": iso(event.at),
        "epoch": score(event.at),
        "reason": event.why,
        "oldest": score(event.at - limits.archive),
    }
    new = replace(node, state=State.ARCHIVED)
    command = _command(node, event.at, limits) | _told(event, node, new)
    return dumps(command | {"ending": ending})


def _command(old: Node, at: datetime, limits: Limits) -> dict[str, Any]:
    return {
        "certname": old.certname,
        "expect": str(old.rev),
        "at": iso(at),
        "limits": limits.as_text(),
    }


def _set(new: Node) -> dict[str, Any]:
    return {"set": node_to_hash(new), "score": score(new.launched_at)}


def _told(event: Event, old: Node, new: Node) -> dict[str, Any]:
    """Every event of a node says which, of what role and launch, and how its state moved."""
    moved = {"was": old.state.value, "state": new.state.value} if new.state != old.state else {}
    whole = replace(
        event,
        node=new.certname,
        role=event.role or new.role,
        launch=event.launch or new.launch,
        more={**moved, **event.more},
    )
    return {"event": flat(whole)}


def rev_of(node: Node, answer: Any) -> int:
    """The rev that node.lua gave the node, or the error that it answered."""
    match answer:
        case ["ok", rev]:
            return int(rev)
        case ["lost"]:
            raise StoreLostError
        case ["wrong", key, what]:
            raise CorruptError(key, what)
        case ["archived"]:
            raise ArchivedError(f"{node.certname} has ended and is archived; it never comes back")
        case ["there"]:
            raise AlreadyThereError(f"{node.certname} is already in the inventory")
        case ["conflict", rev]:
            raise ConflictError(_stale(node, rev))
        case Exception():
            raise as_ours(answer, keys.node(node.certname)) from answer
    raise StoreError(f"node.lua answered {answer!r} for {node.certname}; is another version there?")


def _stale(node: Node, rev: str) -> str:
    if rev == "none":
        return f"{node.certname} has left the inventory since it was read"
    return (
        f"{node.certname} was changed by someone else since it was read "
        f"(rev {node.rev}, now {rev}); try again"
    )
