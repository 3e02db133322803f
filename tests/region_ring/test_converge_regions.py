"""Roles in two regions: what befalls one of them does not concern the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import State
from enc.inventory import Inventory
from provisioner.domain import actions as do
from tests.fakes.clock import FakeClock
from tests.service.farm import Farm

FAR = "eu-west-1"


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    """Three of web here, and three of db there."""
    made = Farm.on(inventory, clock)
    made.cloud.region_names.add(FAR)
    made.apply()
    made.apply("db", region=FAR)
    made.passes(3)
    assert len(made.ready()) == 6
    return made


def of(farm: Farm, role: str) -> list[str]:
    return sorted(node.certname for node in farm.nodes(State.READY) if node.role == role)


def test_each_machine_is_where_its_role_is(farm: Farm) -> None:
    where = {(node.role, node.region) for node in farm.nodes()}
    assert where == {("web", "us-east-1"), ("db", FAR)}


def test_losses_in_both_are_replaced_where_they_were(farm: Farm) -> None:
    for role in ("web", "db"):
        farm.cloud.kill(of(farm, role)[0])
    farm.passes(5)
    assert (len(of(farm, "web")), len(of(farm, "db"))) == (3, 3)
    assert {(n.role, n.region) for n in farm.nodes()} == {("web", "us-east-1"), ("db", FAR)}


def test_a_region_that_cannot_be_read_keeps_its_nodes_and_the_other_goes_on(farm: Farm) -> None:
    there = of(farm, "db")
    farm.cloud.kill(of(farm, "web")[0])
    farm.wait(timedelta(minutes=30))
    farm.cloud.region_names.discard(FAR)
    farm.passes(5)
    assert (len(of(farm, "web")), of(farm, "db")) == (3, there)
    farm.cloud.region_names.add(FAR)
    farm.passes(2)
    assert of(farm, "db") == there


def test_a_machine_that_is_unknown_in_one_region_is_not_looked_for_in_the_other(farm: Farm) -> None:
    [first, *_] = of(farm, "db")
    farm.wait(timedelta(minutes=30))
    farm.cloud.forget(first)
    farm.passes(5)
    assert farm.store.nodes.archived(first) is not None
    assert len(of(farm, "db")) == 3


def test_a_role_that_moves_is_replaced_over_there_under_its_budgets(farm: Farm) -> None:
    farm.apply(region=FAR, spec_hash="fedcba9876543210", fleet={"surge": 1})
    for _ in range(40):
        farm.passes(1)
        assert len(of(farm, "web")) >= 3
    assert {node.region for node in farm.nodes()} == {FAR}
    assert len(of(farm, "web")) == 3


# What a person may add to a pass.


def test_a_role_that_is_gone_is_pruned_only_when_asked_for(farm: Farm) -> None:
    farm.store.redis.srem("roles", "db")
    farm.store.redis.delete("role:db")
    farm.passes(3)
    assert len(of(farm, "db")) == 3
    farm.prune()
    farm.passes(8)
    assert (of(farm, "db"), len(of(farm, "web"))) == ([], 3)
    assert len(farm.cloud.alive) == 3


def test_force_does_what_the_breaker_would_stop_and_nothing_below_the_size(farm: Farm) -> None:
    farm.apply(fleet={"size": 1})
    assert [type(one) for one in farm.plan().actions] == [do.Stop]
    farm.force()
    farm.passes(8)
    assert (len(of(farm, "web")), len(of(farm, "db"))) == (1, 3)
