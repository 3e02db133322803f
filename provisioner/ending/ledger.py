"""What one retirement has done so far: who is archived, and who remains and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from enc.domain.model import Node
from enc.inventory import ConflictError, CorruptError
from provisioner.context import Context
from provisioner.domain.retirement import Step, changed_because
from provisioner.ending.news import despite_news


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """``archived`` are done; ``remaining`` are not: certname -> why, and what to do."""

    archived: tuple[str, ...] = ()
    remaining: Mapping[str, str] = field(default_factory=dict)


class Ledger:
    """``why`` each node ends: the archive keeps it."""

    def __init__(self, context: Context, why: str | Callable[[Node], str]) -> None:
        self.context = context
        self._why = why if callable(why) else lambda _node: why
        self._archived: list[str] = []
        self._remaining: dict[str, str] = {}
        self._told: set[str] = set()

    def result(self) -> Retirement:
        return Retirement(archived=tuple(self._archived), remaining=dict(self._remaining))

    def each(self, nodes: Iterable[Node], act: Callable[[Node], Node | None]) -> list[Node]:
        """Those that came through, as ``act`` left them; None is one that needs no more.

        A node that somebody else changed meanwhile, or that cannot be read, remains.
        """
        through = []
        for node in nodes:
            try:
                moved = self._as_it_is_now(node, act)
            except (ConflictError, CorruptError) as error:
                self.remain([node], str(error))
                continue
            if moved is not None:
                through.append(moved)
        return through

    def change(self, node: Node, what: str, *, why: str = "", **fields: Any) -> Node:
        event = self.context.event(
            what, node=node.certname, role=node.role, launch=node.launch, why=why or self._why(node)
        )
        return self.context.inventory.nodes.change(node, event, **fields)

    def move(self, node: Node, step: Step, what: str, *, why: str = "") -> Node:
        return self.change(node, what, why=why, retire_step=step.value)

    def archive(self, node: Node) -> None:
        event = self.context.event(
            "archived", node=node.certname, role=node.role, launch=node.launch, why=self._why(node)
        )
        self.context.inventory.nodes.archive(node, event)
        self._archived.append(node.certname)
        self.context.reporter.say(f"{node.certname} is archived")

    def remain(self, nodes: Iterable[Node], why: str) -> None:
        for node in nodes:
            self._remaining[node.certname] = why

    def say_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.context.reporter.say(text)

    def _as_it_is_now(self, node: Node, act: Callable[[Node], Node | None]) -> Node | None:
        """The service writes reports down while we act: that is no reason to stop.

        Raises ConflictError with a reason that does not name the node: several may share it.
        """
        try:
            return despite_news(self.context.inventory, node, act)
        except ConflictError as error:
            fresh = self.context.inventory.nodes.get(node.certname)
            if fresh is None and self._ended_by_another(node):
                return None
            raise ConflictError(changed_because(node, fresh)) from error

    def _ended_by_another(self, node: Node) -> bool:
        ended = self.context.inventory.nodes.archived(node.certname)
        if ended is None or ended.node.launched_at != node.launched_at:
            return False
        self._archived.append(node.certname)
        self.context.reporter.say(f"{node.certname} was archived by somebody else")
        return True


def some(names: Iterable[str], shown: int = 3) -> str:
    every = list(names)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + more
