"""A provisioner on a test's bench: EC2 in memory, a real Redis, a clock that is stepped."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from enc.domain.model import Kind, Market, Role
from enc.domain.rolespec import RoleSpec
from enc.domain.timeouts import Timeouts
from enc.inventory import Inventory
from provisioner.context import Context
from provisioner.launching.order import Order
from provisioner.ports.notices import Notices
from provisioner.ports.puppet import CA, PuppetDB
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import GROUP, IMAGE, REGION, FakeCloud

SITE = "default"


@dataclass
class RecordingReporter:
    """Implements Reporter: keeps what was said."""

    said: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def status(self, text: str) -> None:
        self.statuses.append(text)


@dataclass
class Workbench:
    inventory: Inventory
    clock: FakeClock
    cloud: FakeCloud
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    timeouts: Timeouts = field(default_factory=Timeouts)
    tokens: Any = field(default_factory=lambda: count(1))
    ca: CA | None = None
    puppetdb: PuppetDB | None = None
    spared: dict[str, str] = field(default_factory=dict)
    notices: tuple[Notices, ...] = ()
    store_ahead: timedelta = timedelta(0)

    @property
    def context(self) -> Context:
        return Context(
            cloud=self.cloud,
            inventory=self.inventory,
            clock=self.clock,
            reporter=self.reporter,
            site=SITE,
            who="alice@ops",
            jitter=lambda: 0.5,
            token=lambda size: f"{next(self.tokens):0{2 * size}x}",
            timeouts=self.timeouts,
            ca=self.ca,
            puppetdb=self.puppetdb,
            spared=lambda: self.spared,
            notices=self.notices,
            parallel_calls=1,
            store_now=lambda: self.clock.now() + self.store_ahead,
        )

    def apply(self, name: str = "web", **launch: Any) -> Role:
        """Store a role whose launch section is complete, with these keys replaced."""
        self.inventory.roles.apply([role(name, **launch)], event("roles applied"))
        stored = self.inventory.roles.get(name)
        assert stored is not None
        return stored

    def order(self, number: int = 1, *, name: str = "web", **fields: Any) -> Order:
        stored = self.inventory.roles.get(name) or self.apply(name)
        spec = RoleSpec.of(stored)
        assert spec.launch is not None
        defaults: dict[str, Any] = {
            "kind": Kind.EXTRA,
            "market": Market.SPOT,
            "deadline": timedelta(minutes=5),
        }
        return Order(role=stored, spec=spec, count=number, **{**defaults, **fields})


def role(
    name: str = "web",
    fleet: dict[str, Any] | None = None,
    burst: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    spec_hash: str = "0123456789abcdef",
    **launch: Any,
) -> Role:
    definition = {
        "classes": {f"role::{name}": {}},
        "launch": {
            "region": REGION,
            "subnets": ["subnet-a", "subnet-b"],
            "security_groups": [GROUP],
            "image": IMAGE,
            "instance_types": ["c5.large", "c5a.large"],
            "puppet_server": {"host": "puppet", "address": "10.0.0.10"},
            "puppet": {"install": "none"},
            **launch,
        },
        **({"fleet": fleet} if fleet else {}),
        **({"burst": burst} if burst else {}),
        **({"limits": limits} if limits else {}),
    }
    spec = RoleSpec.from_definition(name, definition, spec_hash=spec_hash)
    return Role(name=name, definition=spec.definition(), spec_hash=spec.spec_hash)
