"""Taking the lease when Redis did it, and its answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from enc.inventory import Inventory, Lease, LeaseHeldError, StoreUnavailableError
from enc.inventory.leases import Leases
from provisioner.loop.lease import leased
from tests.fakes.clock import FakeClock
from tests.service.farm import Farm


class LostAnswer:
    """The first lease that is taken is taken, and nobody hears of it."""

    def __init__(self, leases: Leases) -> None:
        self.leases, self.asked = leases, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.leases, name)

    def take(self, *arguments: Any) -> Lease:
        self.asked += 1
        taken = self.leases.take(*arguments)
        if self.asked == 1:
            raise StoreUnavailableError("no answer came")
        return taken


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


def test_our_own_lease_is_not_taken_for_anothers(farm: Farm) -> None:
    lost = LostAnswer(farm.store.leases)
    context = replace(
        farm.bench.context, inventory=replace(farm.store, leases=cast("Leases", lost))
    )
    with leased(context):
        assert lost.asked == 2
        assert farm.store.leases.current() is not None
    assert farm.store.leases.current() is None


def test_anothers_lease_is(farm: Farm) -> None:
    farm.store.leases.take("bob@ops", "t", timedelta(minutes=1))
    with pytest.raises(LeaseHeldError), leased(farm.bench.context):
        raise AssertionError("not ours")
