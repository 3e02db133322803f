"""Waiting until nodes have drained: each goes on when it is due, in few batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from enc.domain.model import Node, State
from provisioner.context import Context
from provisioner.ending.ledger import some

_STATUS = 5.0


class Draining:
    """``drain`` says how long each node drains, from the time that it began to."""

    def __init__(self, context: Context, drain: Callable[[Node], timedelta]) -> None:
        self._context, self._drain = context, drain
        self._waiting: list[tuple[float, Node]] = []

    def add(self, nodes: Iterable[Node]) -> None:
        self._waiting += [(self._due(node), node) for node in nodes]

    def due(self) -> list[Node]:
        """Wait for the next ones; [] when none is left. They are no longer waited for.

        Many that began together are due within seconds, and share the end of their lives.
        """
        if not self._waiting:
            return []
        first, now = min(due for due, _ in self._waiting), self._context.clock.monotonic()
        gather = self._context.timeouts.gather.total_seconds()
        until = now if first <= now else first + gather
        taken = [(due, node) for due, node in self._waiting if due <= until]
        self._waiting = [(due, node) for due, node in self._waiting if due > until]
        self._wait(max(due for due, _ in taken), [node for _, node in taken])
        return [node for _, node in taken]

    def _due(self, node: Node) -> float:
        """By the monotonic clock. A drain that began on a clock ahead of ours begins now."""
        clock = self._context.clock
        if node.state is not State.DRAINING:
            return clock.monotonic()
        now = clock.now()
        left = min(node.state_since, now) + self._drain(node) - now
        return clock.monotonic() + left.total_seconds()

    def _wait(self, until: float, nodes: Iterable[Node]) -> None:
        clock, names = self._context.clock, some(node.certname for node in nodes)
        while (left := until - clock.monotonic()) > 0:
            self._context.reporter.status(f"draining {names}: {left:.0f} s left")
            clock.sleep(min(left, _STATUS))
