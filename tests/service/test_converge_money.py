"""What the loop buys: never more than it may, nor dearer, nor what dies again and again."""

from __future__ import annotations

import pytest

from enc.inventory import Inventory
from enc.model import Market
from tests.fakes.clock import FakeClock
from tests.service.farm import Farm


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


def markets(farm: Farm) -> set[Market | None]:
    return {node.market for node in farm.nodes()}


# A cap on the price.


def test_spot_above_the_cap_is_waited_for_and_on_demand_is_not_bought(farm: Farm) -> None:
    for kind in ("c5.large", "c5a.large"):
        farm.cloud.price(kind, 0.06)
    farm.apply(max_price=0.05, spot_deadline="3m")
    farm.passes(6)
    assert farm.nodes() == []
    farm.cloud.price("c5.large", 0.04)
    farm.passes(6)
    assert markets(farm) == {Market.SPOT}


def test_above_the_cap_on_demand_is_bought_where_the_role_says_so_and_late(farm: Farm) -> None:
    for kind in ("c5.large", "c5a.large"):
        farm.cloud.price(kind, 0.06)
    farm.apply(max_price=0.05, fallback="on-demand", spot_deadline="3m")
    farm.passes(2)
    assert farm.nodes() == []
    farm.passes(3)
    assert markets(farm) == {Market.ON_DEMAND}
