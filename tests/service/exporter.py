"""An exporter to a folder of its own, over a real Redis; its commands write down their runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from enc.domain.model import Node, Role, State
from enc.inventory import Inventory
from enc.outputs.nagios import Style, read_last
from provisioner.adapters.clock import SystemClock
from provisioner.adapters.folder import Folder
from provisioner.adapters.shell import Shell, quoted
from provisioner.exporting.export import Export, ExportResult
from provisioner.ports.exports import Commands
from tests.builders import event, node

DEADLINE = timedelta(seconds=60)
NAME = "rolecall.cfg"


@dataclass
class Exporter:
    inventory: Inventory
    folder: Path
    forget: bool = False
    reload: str = "echo loaded >>{folder}/.reloads"
    verify: str = ""
    deadline: timedelta = DEADLINE
    patience: float = 60.0

    @property
    def file(self) -> Path:
        return self.folder / NAME

    def export(self) -> Export:
        return Export(
            inventory=self.inventory,
            site="default",
            place=Folder(self.folder, NAME, SystemClock(), self.patience),
            commands=Commands(
                run=Shell().run,
                cut=lambda: None,
                quoted=quoted,
                reload=self.reload.replace("{folder}", str(self.folder)),
                verify=self.verify,
                deadline=self.deadline,
            ),
            style=Style(),
            forget=self.forget,
        )

    def once(self) -> ExportResult:
        return self.export().once()

    def reloads(self) -> int:
        written = self.folder / ".reloads"
        return len(written.read_text().splitlines()) if written.exists() else 0

    def hosts(self) -> set[str]:
        return set(read_last(self.file.read_text()).hosts)

    # -- what happens to the fleet

    def apply(self, *checks: Any, name: str = "web") -> None:
        self.inventory.roles.apply([Role(name=name, definition={"checks": checks})], event())

    def create(self, *certnames: str, **fields: Any) -> list[Node]:
        plain = {"state": State.READY, "private_ip": "10.0.0.1", **fields}
        return [self.inventory.nodes.create(node(n, **plain), event()) for n in certnames]

    def move(self, certname: str, *states: State) -> None:
        for state in states:
            found = self.inventory.nodes.get(certname)
            assert found
            self.inventory.nodes.change(found, event(), state=state)

    def other(self, **fields: Any) -> Exporter:
        return replace(self, **fields)
