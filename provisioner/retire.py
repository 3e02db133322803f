"""The end of a node's life: drain, terminate, confirm, archive. Every step can be repeated.

Where a node stands is in its state and ``retire_step``, so whoever comes next goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from enc.inventory import ConflictError
from enc.model import Kind, Node, State
from provisioner.context import Context
from provisioner.patience import patiently
from provisioner.ports import CloudError, Instance, InstanceState

TERMINATE, CONFIRM = "terminate", "confirm"
_DRAINS = frozenset({State.RUNNING, State.READY})
_LOOK = 2.0


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """``archived`` are done; ``remaining`` are not: certname -> why, and what to do."""

    archived: tuple[str, ...] = ()
    remaining: Mapping[str, str] = field(default_factory=dict)


def retire(
    context: Context, nodes: Sequence[Node], *, drain: Callable[[Node], timedelta], why: str
) -> Retirement:
    """End these nodes. One that fails does not stop the others. Ctrl-C leaves each resumable."""
    acting = _Retiring(context, why)
    draining = acting.each(nodes, acting.begin)
    acting.wait_for_drain(draining, drain)
    retiring = acting.each(draining, acting.to_retiring)
    foreign = [node for node in retiring if not has_machine(node)]
    acting.each(foreign, acting.archive)
    machines = [node for node in retiring if has_machine(node)]
    for region, ours in _by_region(machines):
        acting.end_machines(region, ours)
    return acting.result()


def has_machine(node: Node) -> bool:
    """Whether there is an EC2 instance of ours behind it: a foreign one is never terminated."""
    return node.kind is not Kind.FOREIGN and bool(node.instance_id)


class _Retiring:
    def __init__(self, context: Context, why: str) -> None:
        self._context, self._why = context, why
        self._archived: list[str] = []
        self._remaining: dict[str, str] = {}

    def result(self) -> Retirement:
        return Retirement(archived=tuple(self._archived), remaining=dict(self._remaining))

    def each(self, nodes: Iterable[Node], act: Callable[[Node], Node | None]) -> list[Node]:
        """Those that came through; a node that somebody else changed meanwhile remains."""
        through = []
        for node in nodes:
            try:
                moved = act(node)
            except ConflictError as error:
                self._remaining[node.certname] = str(error)
                continue
            if moved is not None:
                through.append(moved)
        return through

    def begin(self, node: Node) -> Node:
        """Out of DNS and discovery first, where it was in."""
        if node.state in _DRAINS:
            return self._change(node, "draining", state=State.DRAINING)
        return node

    def wait_for_drain(self, nodes: Sequence[Node], drain: Callable[[Node], timedelta]) -> None:
        waiting = [node for node in nodes if node.state is State.DRAINING]
        until = max((node.state_since + drain(node) for node in waiting), default=None)
        while until and (left := (until - self._context.clock.now()).total_seconds()) > 0:
            names = _some(node.certname for node in waiting)
            self._context.reporter.status(f"draining {names}: {left:.0f} s left")
            self._context.clock.sleep(min(left, 5.0))

    def to_retiring(self, node: Node) -> Node:
        if node.state is State.RETIRING:
            return node
        return self._change(node, "retiring", state=State.RETIRING, retire_step=TERMINATE)

    def archive(self, node: Node) -> Node | None:
        event = self._context.event("archived", node=node.certname, role=node.role, why=self._why)
        self._context.inventory.nodes.archive(node, event)
        self._archived.append(node.certname)
        self._context.reporter.say(f"{node.certname} is archived")
        return None

    def end_machines(self, region: str, nodes: Sequence[Node]) -> None:
        """Terminate and confirm the machines of one region, and archive those that are gone."""
        clock = self._context.clock
        ids = [node.instance_id for node in nodes]
        self._context.reporter.status(f"terminating {_some(ids)} in {region}")
        try:
            until = clock.now() + self._context.spans.patience
            terminate = self._context.cloud.terminate
            unknown = patiently(self._context, lambda: terminate(region, ids), until)
            told = self.each([n for n in nodes if n.instance_id not in unknown], self._to_confirm)
            # Unknown to EC2 is a young machine, or one that is gone: looking tells.
            ending = [*told, *(node for node in nodes if node.instance_id in unknown)]
            self._confirm(region, ending, clock.now() + self._context.spans.terminated)
        except CloudError as error:
            for node in nodes:
                if node.certname not in self._archived:
                    advice = f"; {error.hint}" if error.hint else ""
                    self._remaining.setdefault(node.certname, f"{error}{advice}")

    def _to_confirm(self, node: Node) -> Node:
        if node.retire_step == CONFIRM:
            return node
        return self._change(node, "terminated", retire_step=CONFIRM)

    def _confirm(self, region: str, nodes: Sequence[Node], until: datetime) -> None:
        """Gone is what EC2 lists as terminated, or does not know twice, a suspect's span apart."""
        ending = {node.instance_id: node for node in nodes}
        missing: dict[str, datetime] = {}
        while ending:
            now = self._context.clock.now()
            found = self._described(region, list(ending))
            if found is not None:
                gone = _gone(ending, found, missing, now, self._context.spans.suspect)
                self.each([ending.pop(instance_id) for instance_id in gone], self.archive)
                self._end_again(region, [i for i in ending if i in found and found[i].alive])
            if not ending:
                return
            if now >= until:
                self._still_there(ending, found or {})
                return
            self._context.reporter.status(f"waiting for EC2 to end {_some(ending)}")
            self._context.clock.sleep(_LOOK)

    def _end_again(self, region: str, alive: Sequence[str]) -> None:
        """What lives still was not heard of, or was started again."""
        if not alive:
            return
        with suppress(CloudError):
            # The next look comes back to it, and the last one says that it still lives.
            self._context.cloud.terminate(region, alive)

    def _described(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance] | None:
        try:
            return self._context.cloud.describe(region, ids)
        except CloudError as error:
            if not error.passing:
                raise
            self._context.reporter.status(f"{error}; looking again")
            return None

    def _still_there(self, ending: Mapping[str, Node], found: Mapping[str, Instance]) -> None:
        for instance_id, node in ending.items():
            state = found[instance_id].state.value if instance_id in found else "not listed"
            self._remaining[node.certname] = (
                f"EC2 was told to terminate it and says {state}; retire it again to go on"
            )

    def _change(self, node: Node, what: str, **fields: Any) -> Node:
        event = self._context.event(what, node=node.certname, role=node.role, why=self._why)
        return self._context.inventory.nodes.change(node, event, **fields)


def _gone(
    ending: Mapping[str, Node],
    found: Mapping[str, Instance],
    missing: dict[str, datetime],
    now: datetime,
    suspect: timedelta,
) -> list[str]:
    """Which are surely gone; ``missing`` keeps since when each was not found."""
    gone = []
    for instance_id in ending:
        instance = found.get(instance_id)
        if instance is not None:
            missing.pop(instance_id, None)
            if instance.state is InstanceState.TERMINATED:
                gone.append(instance_id)
        elif now - missing.setdefault(instance_id, now) >= suspect:
            gone.append(instance_id)
    return gone


def _by_region(nodes: Sequence[Node]) -> list[tuple[str, list[Node]]]:
    ordered = sorted(nodes, key=lambda node: node.region)
    return [(region, list(group)) for region, group in groupby(ordered, lambda n: n.region)]


def _some(names: Iterable[str], shown: int = 3) -> str:
    every = list(names)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + more
