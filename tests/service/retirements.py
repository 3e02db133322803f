"""Nodes with certificates, before Puppet's CA and PuppetDB in memory, to be retired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from enc.domain.model import Node
from enc.inventory import Inventory
from provisioner.ending.retire import Retirement, retire
from provisioner.launching.launch import launch
from tests.builders import event, foreign
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.puppetdb import FakePuppetDB
from tests.workbench import Workbench


@dataclass
class Stage:
    """A workbench with Puppet's CA and PuppetDB, and nodes that have their certificates."""

    bench: Workbench
    ca: FakeCA
    puppetdb: FakePuppetDB

    @classmethod
    def of(cls, inventory: Inventory, clock: FakeClock) -> Stage:
        ca, puppetdb = FakeCA(), FakePuppetDB()
        bench = Workbench(inventory, clock, FakeCloud(clock), ca=ca, puppetdb=puppetdb)
        return cls(bench, ca, puppetdb)

    def launched(self, number: int = 1) -> list[Node]:
        nodes = list(launch(self.bench.context, self.bench.order(number)).nodes)
        for one in nodes:
            self.ca.issue(one.certname)
        return nodes

    def foreign(self, name: str = "db1.example.com") -> Node:
        self.ca.issue(name)
        return self.bench.inventory.nodes.create(foreign(name), event())

    def end(self, nodes: Sequence[Node]) -> Retirement:
        return retire(
            self.bench.context, nodes, drain=lambda _: timedelta(0), why="retired by alice@ops"
        )

    def now(self, certname: str) -> Node:
        found = self.bench.inventory.nodes.get(certname)
        assert found is not None
        return found

    def life(self, certname: str) -> list[str]:
        return [entry["what"] for entry in self.bench.inventory.events.life(certname)]
