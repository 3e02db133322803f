"""What is wrong with a node, each with what to do about it."""

from __future__ import annotations

from datetime import datetime

from enc.domain.damage import Unreadable, damaged
from enc.domain.explain.words import at, moment, stop
from enc.domain.model import Kind, Launch, Node, Role, State
from enc.domain.retention import KEPT
from enc.domain.silence import silent_since
from enc.domain.stored_fleet import fleet_of

_RUNS = {
    "failed": "failed: its errors stand with its runs ('provisioner show')",
    "cached": "used a cached catalogue: it proves nothing",
    "noop": "was a noop run: it changed nothing and proves nothing",
}


def trouble(
    node: Node,
    role: Role | Unreadable | None,
    launch: Launch | Unreadable | None,
    unclassifiable: str,
    now: datetime,
) -> tuple[str, ...]:
    """Sentences; none where all is well. ``unclassifiable`` is ``classify``'s message, or ""."""
    return (
        *_record(node),
        *_refused(node, role, unclassifiable),
        *_state(node, now),
        *_last_run(node),
        *_silence(node, role, now),
        *_launch(node, launch, now),
    )


def _record(node: Node) -> tuple[str, ...]:
    why = damaged(node)
    return (stop(why[:1].upper() + why[1:]),) if why else ()


def _refused(node: Node, role: Role | Unreadable | None, unclassifiable: str) -> tuple[str, ...]:
    if not unclassifiable:
        return ()
    if role is None:
        another = f"or 'provisioner assign {node.certname} ROLE' gives it another"
        mended = f"'provisioner roles apply' brings it back, {another}"
        return (f"Role {node.role} is gone, so Puppet is refused this node (422); {mended}.",)
    if isinstance(role, Unreadable):
        mended = "'provisioner roles apply' writes it anew"
        refused = f"Role {node.role} cannot be read, so Puppet is refused this node (422)"
        return (f"{refused}: {role.why}; {mended}.",)
    mended = "mend roles.yaml, and 'provisioner roles apply' it"
    return (f"Puppet is refused this node (422): {unclassifiable}; {mended}.",)


def _state(node: Node, now: datetime) -> tuple[str, ...]:
    if node.state is State.LOST:
        since = moment(node.state_since, now)
        return (f"EC2 has not had it running since {since}: it is lost.",)
    if node.state is State.FAILED:
        return (f"It was not ready in time, and failed on {moment(node.state_since, now)}.",)
    return ()


def _last_run(node: Node) -> tuple[str, ...]:
    said = _RUNS.get(node.report_status)
    if said is None:
        return ()
    when = f" of {at(node.report_at)}" if node.report_at else ""
    return (f"Puppet's last run{when} {said}.",)


def _silence(node: Node, role: Role | Unreadable | None, now: datetime) -> tuple[str, ...]:
    reports = isinstance(role, Role) and fleet_of(role.definition).ready_when == "report"
    since = silent_since(node, now, reports=reports)
    if since is None:
        return ()
    last = "its last report is of" if node.report_at else "no report has come since"
    look = "see whether its agent runs, and ship-reports on the puppetserver"
    return (f"Its Puppet is silent: {last} {moment(since, now)}; {look}.",)


def _launch(node: Node, launch: Launch | Unreadable | None, now: datetime) -> tuple[str, ...]:
    if isinstance(launch, Unreadable):
        return (f"The record of launch {node.launch} cannot be read: {launch.why}.",)
    if node.kind is Kind.FOREIGN or not node.launch or launch is not None:
        return ()
    if now - node.launched_at > KEPT:
        # It has been forgotten in good order.
        return ()
    kept = f"launches are kept for {KEPT.days} days, and a store that was lost forgets them all"
    return (f"The record of launch {node.launch} is gone: {kept}.",)
