"""A lease is ours by the clock, also where nobody asks Redis."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from enc.inventory import Inventory, Lease, LeaseLostError
from provisioner.loop.lease import Holding, LeasedCA, LeasedCloud, LeasedPuppetDB, between_renewals
from tests.fakes.ca import FakeCA
from tests.fakes.clock import START, FakeClock
from tests.fakes.cloud import REGION, FakeCloud
from tests.fakes.puppetdb import FakePuppetDB

SPAN = timedelta(seconds=60)
OURS = cast("Lease", "1 us")


@dataclass
class Leases:
    """What Redis says of the lease."""

    held: Any = OURS
    renewed: list[timedelta] = field(default_factory=list)

    def current(self) -> Any:
        return self.held

    def renew(self, _lease: Lease, span: timedelta) -> None:
        self.renewed.append(span)


@dataclass
class Store:
    leases: Leases = field(default_factory=Leases)


def holding(clock: FakeClock, store: Store | None = None) -> Holding:
    inventory = cast("Inventory", store or Store())
    return Holding(inventory, OURS, clock, SPAN, clock.monotonic() + SPAN.total_seconds())


READS = {
    "instances": lambda cloud: cloud.instances(REGION, "site"),
    "everyone": lambda cloud: cloud.everyone(REGION),
    "describe": lambda cloud: cloud.describe(REGION, []),
    "regions": lambda cloud: cloud.regions(),
    "templates": lambda cloud: cloud.templates(REGION, "site"),
    "account": lambda cloud: cloud.account(),
}


@pytest.mark.parametrize("name", READS)
def test_a_look_is_not_begun_when_the_lease_is_over(name: str, clock: FakeClock) -> None:
    cloud = LeasedCloud(FakeCloud(clock), holding(clock))
    clock.step(SPAN.total_seconds() - 1)
    READS[name](cloud)

    clock.step(1)
    with pytest.raises(LeaseLostError):
        READS[name](cloud)


def test_a_look_at_the_ca_is_not_begun_either(clock: FakeClock) -> None:
    ca, db = LeasedCA(FakeCA(), holding(clock)), LeasedPuppetDB(FakePuppetDB(), holding(clock))
    ca.pending()
    db.deactivate("i-1", START)

    clock.step(SPAN.total_seconds())
    for call in (ca.pending, lambda: ca.state("i-1"), lambda: ca.clean(["i-1"])):
        with pytest.raises(LeaseLostError):
            call()
    with pytest.raises(LeaseLostError):
        db.deactivate("i-1", START)


def test_an_act_asks_redis_and_a_look_does_not(clock: FakeClock) -> None:
    taken = Store(Leases(held="2 others"))
    cloud = LeasedCloud(FakeCloud(clock), holding(clock, taken))

    cloud.instances(REGION, "site")
    with pytest.raises(LeaseLostError):
        cloud.terminate(REGION, [])


def test_a_renewal_counts_from_before_redis_was_asked(clock: FakeClock) -> None:
    store = Store()
    ours = holding(clock, store)
    clock.step(40)
    ours.renew()
    clock.step(SPAN.total_seconds() - 1)

    ours.check_time()
    clock.step(1)
    with pytest.raises(LeaseLostError):
        ours.check_time()
    assert store.leases.renewed == [SPAN]


def test_two_renewals_may_be_lost() -> None:
    assert 2 * between_renewals(SPAN) < SPAN.total_seconds()
    assert between_renewals(SPAN) == 20
