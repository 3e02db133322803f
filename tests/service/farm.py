"""A fleet under converge: EC2 in memory, a real Redis, a stepped clock, and Puppet that works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from enc.domain.model import Kind, LaunchState, Node, State
from enc.inventory import Inventory
from provisioner.domain.actions import Plan
from provisioner.domain.world import Rules
from provisioner.launching.launch import launch
from provisioner.loop.converge import Pass, Wish, converge, plan
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.notices import FakeNotices
from tests.workbench import Workbench, role

FLEET = {"size": 3, "surge": 2, "ready_timeout": "15m", "drain": "5m"}


@dataclass
class Farm:
    """``puppet``: whether nodes that run become ready; ``minute`` is the time between passes."""

    bench: Workbench
    puppet: bool = True
    rules: Rules = field(default_factory=Rules)
    minute: float = 61.0

    @classmethod
    def on(
        cls, inventory: Inventory, clock: FakeClock, *, notices: Sequence[FakeNotices] = ()
    ) -> Farm:
        return cls(Workbench(inventory, clock, FakeCloud(clock), notices=tuple(notices)))

    @property
    def cloud(self) -> FakeCloud:
        return self.bench.cloud

    @property
    def clock(self) -> FakeClock:
        return self.bench.clock

    @property
    def store(self) -> Inventory:
        return self.bench.inventory

    def apply(self, name: str = "web", **given: Any) -> None:
        fleet = {**FLEET, **given.pop("fleet", {})}
        ours = role(name, fleet=fleet, **given)
        self.store.roles.apply([ours], event("roles applied", at=self.clock.now()))

    def converge(self, *roles: str) -> Pass:
        return converge(self.bench.context, Wish(roles=frozenset(roles), rules=self.rules))

    def prune(self) -> None:
        self.rules = replace(self.rules, prune=True)

    def force(self) -> None:
        self.rules = replace(self.rules, force=True)

    def plan(self) -> Plan:
        return plan(self.bench.context, Wish(rules=self.rules))[1]

    def passes(self, number: int) -> Pass:
        """So many passes a minute apart, with Puppet's runs in between."""
        for _ in range(number):
            last = self.converge()
            self.clock.step(self.minute)
            if self.puppet:
                self.report()
        return last

    def report(self) -> None:
        """Each node that runs becomes ready, and the ready ones report again."""
        now = self.clock.now()
        for node in self.nodes(State.RUNNING, State.READY):
            if node.kind is not Kind.FOREIGN and node.certname in self.cloud.alive:
                ready = {} if node.state is State.READY else {"state": State.READY, "ready_at": now}
                told = event("report", at=now)
                fields = {"report_at": now, "report_status": "changed", **ready}
                self.store.nodes.change(node, told, **fields)

    def nodes(self, *states: State) -> list[Node]:
        found = self.store.queries.everything().nodes
        return [node for node in found.values() if not states or node.state in states]

    def ready(self) -> list[str]:
        return sorted(node.certname for node in self.nodes(State.READY))

    def grown(self, number: int = 3, **given: Any) -> list[str]:
        """A role whose fleet of this size is ready; the certnames."""
        self.apply(**{**given, "fleet": {"size": number, **given.get("fleet", {})}})
        self.passes(3)
        assert len(self.ready()) == number
        return self.ready()

    def open_launches(self) -> list[str]:
        return [one.id for one in self.store.launches.opened() if one.state is LaunchState.OPEN]

    def settle(self) -> None:
        """Two passes, more than a minute apart: whatever had died is put right by then."""
        self.passes(2)

    def wait(self, span: timedelta) -> None:
        self.clock.step(span.total_seconds())

    def report_of(self, role_name: str) -> None:
        for node in self.nodes(State.READY):
            if node.role == role_name:
                self.store.nodes.change(node, event("report"), report_at=self.clock.now())

    @property
    def launched(self) -> list[tuple[str, str]]:
        """(role, launch) of every launch that converge has opened."""
        found = self.store.launches.latest(1000)
        return [(one.role, one.id) for one in found]

    def launch_extra(self, **order: Any) -> str:
        """One launched by hand."""
        (node,) = launch(self.bench.context, self.bench.order(1, **order)).nodes
        return node.certname

    def dead_launch(self, want: int) -> str:
        """A command that died just before it asked EC2."""
        self.cloud.fail("create_fleet", Died())
        try:
            launch(self.bench.context, self.bench.order(want))
        except Died:
            return self.store.launches.latest(1)[0].id
        raise AssertionError("it did not die")


class Died(BaseException):
    """What a process that was killed does next: nothing."""
