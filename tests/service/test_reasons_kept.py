"""The archive keeps why a machine ended: what began its end, not how far it had come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import ArchivedNode
from enc.domain.summary import interrupted
from enc.inventory import Inventory
from provisioner.commands import holds
from tests.fakes.clock import FakeClock
from tests.fakes.notices import FakeNotices
from tests.service.farm import Farm


@pytest.fixture
def queue(clock: FakeClock) -> FakeNotices:
    return FakeNotices(clock)


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock, queue: FakeNotices) -> Farm:
    return Farm.on(inventory, clock, notices=[queue])


def ended(farm: Farm, name: str) -> ArchivedNode:
    farm.passes(20)
    found = farm.store.nodes.archived(name)
    assert found is not None
    return found


def test_what_was_too_old_is_kept_as_that(farm: Farm) -> None:
    first, *_ = farm.grown(fleet={"max_age": "2h"})
    farm.wait(timedelta(hours=2))

    one = ended(farm, first)

    assert "(max_age 2h)" in one.reason
    assert "drained" not in one.reason
    assert not interrupted(one)


def test_what_ec2_took_back_is_kept_as_that_though_it_has_drained(
    farm: Farm, queue: FakeNotices
) -> None:
    first, *_ = farm.grown()
    queue.interrupt(first)

    one = ended(farm, first)

    assert one.reason == "EC2 takes it back within two minutes"
    assert interrupted(one)


def test_what_a_person_asked_for_is_kept_as_that(farm: Farm) -> None:
    first, *_ = farm.grown()
    node = farm.store.nodes.get(first)
    assert node is not None
    holds.rotate(farm.bench.context, [node])

    assert "asked for by" in ended(farm, first).reason


def test_what_was_killed_while_nobody_wanted_its_end_is_ec2s_word(farm: Farm) -> None:
    first, *_ = farm.grown()
    farm.cloud.kill(first)

    assert ended(farm, first).reason.startswith("EC2 lists it terminated")
