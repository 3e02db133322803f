"""All that a region server remembers, and its clock."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.region import world
from tests.region.addresses import PUBLIC, Addresses
from tests.region.config import Config
from tests.region.machines import Machine
from tests.region.wire import ApiError, Reply


@dataclass
class Clock:
    """``advance`` moves the lives of machines on; launch times keep to the wall clock."""

    skipped: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.skipped

    def wall(self, skew_s: float = 0.0) -> datetime:
        """Whole seconds, as EC2 gives them."""
        return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=skew_s)


@dataclass
class Store:
    """One region's machines and addresses."""

    region: str
    machines: dict[str, Machine] = field(default_factory=dict)
    private: dict[str, Addresses] = field(default_factory=dict)
    public: Addresses = field(default_factory=lambda: Addresses(PUBLIC))
    fleets: dict[str, list[str]] = field(default_factory=dict)
    profiles: set[str] = field(default_factory=set)
    templates_seen: dict[str, int] = field(default_factory=dict)  # id -> launches refused
    templates_born: dict[str, float] = field(default_factory=dict)
    made: int = 0

    def new_id(self, prefix: str, digits: int = 17) -> str:
        """The same ids in the same order after every reset, and no id twice over all regions."""
        self.made += 1
        digest = hashlib.sha256(f"{self.region}:{self.made}".encode()).hexdigest()
        return f"{prefix}-0{digest[: digits - 1]}"

    def addresses(self, subnet: Any) -> Addresses:
        return self.private.setdefault(subnet.id, Addresses(str(subnet.cidr)))

    def settle(self, now: float) -> None:
        """Every machine takes the steps that are due; the dead give their addresses back."""
        for machine in self.machines.values():
            if machine.due and machine.settle(now):
                self._release(machine)

    def _release(self, machine: Machine) -> None:
        self.private[machine.spec.subnet].give_back(machine.private_ip or machine.ipv6)
        if machine.public_ip:
            self.public.give_back(machine.public_ip)

    def known(self, now: float) -> Iterator[Machine]:
        return (each for each in self.machines.values() if not each.forgotten(now))

    def find(self, ids: Iterable[str], now: float) -> list[Machine]:
        """All of them, once each, or InvalidInstanceID for those that are not there."""
        wanted = list(dict.fromkeys(ids))
        for each in wanted:
            if not each.startswith("i-"):
                raise ApiError("InvalidInstanceID.Malformed", f'Invalid id: "{each}"')
        found = {each: self.machines.get(each) for each in wanted}
        missing = [key for key, each in found.items() if each is None or each.forgotten(now)]
        if missing:
            raise not_found(missing)
        return [each for each in found.values() if each is not None]


def not_found(ids: list[str]) -> ApiError:
    many = len(ids) > 1
    text = f"The instance ID{'s' * many} '{', '.join(ids)}' do{'es' * (not many)} not exist"
    return ApiError("InvalidInstanceID.NotFound", text)


@dataclass
class State:
    """Handlers run one at a time under the lock; latency is spent outside it."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    clock: Clock = field(default_factory=Clock)
    config: Config = field(default_factory=Config)
    stores: dict[str, Store] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[tuple[str, str, str], tuple[str, Reply]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)

    def store(self, region: str) -> Store:
        if region not in self.stores:
            self.stores[region] = Store(region)
        return self.stores[region]

    def reset(self) -> None:
        """As new. The next configuration is taken from the defaults."""
        for each in (self.stores, self.faults, self.tokens, self.calls, self.crashes):
            each.clear()
        self.config, self.clock = Config(), Clock()
        world.reset()

    def free_addresses(self, region: str, subnet: Any) -> int:
        return (
            self.store(region).addresses(subnet).left(self.config.subnet_addresses.get(subnet.id))
        )
