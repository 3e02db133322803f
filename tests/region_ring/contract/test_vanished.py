"""Calls on one thing that is gone, under a policy that is narrowed by the tag of our site.

EC2 cannot see the tags of what is gone, and denies where it would have said NotFound.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enc.domain.model import State
from enc.inventory import Inventory
from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.ending.retire import Retirement, retire
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event, node
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import REGION
from tests.region.handle import Region
from tests.region_ring.contract.stages import (
    TAGS,
    OverHttp,
    launched,
    listed,
    template,
    trouble,
)
from tests.workbench import Workbench

NAME = "rolecall-l-1"


@pytest.fixture
def stage(region: Region, ec2_cloud: Ec2Cloud) -> OverHttp:
    """EC2 forgets a machine when it has ended, and allows what carries our tag."""
    made = OverHttp(ec2_cloud, region, region.seed())
    region.configure(forget_s=0, policy_site="default")
    made.cloud.create_template(template(made))
    return made


def vanished(stage: OverHttp, region: Region, count: int = 1) -> tuple[list[str], list[str]]:
    """So many that are gone, and two that live."""
    machines = sorted(launched(stage, count=count + 2))
    for machine in machines[:count]:
        region.power_off(machine)
    return machines[:count], machines[count:]


def alive(stage: OverHttp) -> list[str]:
    return sorted(machine.id for machine in listed(stage) if machine.alive)


@pytest.mark.parametrize("count", [1, 7])
def test_machines_that_are_gone_do_not_keep_the_others_alive(
    stage: OverHttp, region: Region, count: int
) -> None:
    gone, there = vanished(stage, region, count)

    assert stage.cloud.terminate(REGION, [*gone, *there]) == set(gone)
    assert alive(stage) == []


def test_a_machine_that_is_gone_is_unknown_and_not_denied(stage: OverHttp, region: Region) -> None:
    gone, _ = vanished(stage, region)

    assert stage.cloud.terminate(REGION, gone) == set(gone)


def test_a_machine_that_lives_and_is_denied_is_denied(stage: OverHttp) -> None:
    others = launched(stage, tags={**TAGS, "rolecall:site": "other"})
    with pytest.raises(CloudError) as caught:
        stage.cloud.terminate(REGION, others)

    assert trouble(caught) is Trouble.DENIED
    assert all(one.alive for one in stage.cloud.describe(REGION, others).values())


@pytest.mark.parametrize("code", ["Unavailable", "UnauthorizedOperation"])
def test_a_look_that_fails_proves_nothing_and_the_denial_stands(
    stage: OverHttp, region: Region, code: str
) -> None:
    gone, _ = vanished(stage, region)
    region.fault("DescribeInstances", code, times=-1)
    with pytest.raises(CloudError, match="TerminateInstances") as caught:
        stage.cloud.terminate(REGION, gone)

    assert trouble(caught) is Trouble.DENIED


def test_a_machine_that_is_gone_cannot_be_tagged_and_that_is_no_denial(
    stage: OverHttp, region: Region
) -> None:
    gone, _ = vanished(stage, region)
    with pytest.raises(CloudError, match=f"does not list {gone[0]} as alive") as caught:
        stage.cloud.tag(REGION, gone, {"rolecall:role": "db"})

    assert trouble(caught) is Trouble.GONE


def test_a_machine_that_lives_and_may_not_be_tagged_is_denied(stage: OverHttp) -> None:
    others = launched(stage, tags={**TAGS, "rolecall:site": "other"})
    with pytest.raises(CloudError) as caught:
        stage.cloud.tag(REGION, others, {"rolecall:role": "db"})

    assert trouble(caught) is Trouble.DENIED


def test_a_template_that_is_gone_may_be_deleted_again(stage: OverHttp) -> None:
    stage.cloud.delete_template(REGION, NAME)
    stage.cloud.delete_template(REGION, NAME)

    assert stage.cloud.templates(REGION, "default") == ()


def test_a_template_that_is_there_and_may_not_be_deleted_is_denied(
    stage: OverHttp, region: Region
) -> None:
    region.configure(policy_site="other")
    with pytest.raises(CloudError) as caught:
        stage.cloud.delete_template(REGION, NAME)

    assert trouble(caught) is Trouble.DENIED


def test_a_template_that_is_too_young_to_be_seen_is_not_there_yet(
    stage: OverHttp, region: Region
) -> None:
    stage.cloud.delete_template(REGION, NAME)
    with pytest.raises(CloudError) as caught:
        launched(stage)

    assert trouble(caught) is Trouble.NOT_YET


def test_a_template_that_is_there_and_may_not_be_used_is_denied(
    stage: OverHttp, region: Region
) -> None:
    region.configure(policy_site="other")
    with pytest.raises(CloudError) as caught:
        launched(stage)

    assert trouble(caught) is Trouble.DENIED


# retire, without a loop.


def retired(inventory: Inventory, stage: OverHttp, machines: list[str], ca: FakeCA) -> Retirement:
    nodes = [inventory.nodes.create(node(name, region=REGION), event()) for name in machines]
    cloud: Any = stage.cloud
    bench = Workbench(inventory, FakeClock(), cloud, ca=ca)
    return retire(bench.context, nodes, drain=lambda _: timedelta(0), why="a test")


def test_a_machine_that_is_gone_is_retired_with_the_others(
    stage: OverHttp, region: Region, inventory: Inventory
) -> None:
    ca = FakeCA()
    gone, there = vanished(stage, region, 2)
    result = retired(inventory, stage, [*gone, *there], ca)

    assert sorted(result.archived) == sorted([*gone, *there])
    assert alive(stage) == []


def test_no_certificate_is_cleaned_while_ec2_cannot_be_looked_at(
    stage: OverHttp, region: Region, inventory: Inventory
) -> None:
    ca = FakeCA()
    gone, _ = vanished(stage, region)
    region.fault("DescribeInstances", "Unavailable", times=-1)
    result = retired(inventory, stage, gone, ca)

    assert (result.archived, ca.calls) == ((), [])
    assert "UnauthorizedOperation" in result.remaining[gone[0]]
    assert inventory.nodes.many(gone)[0].state is State.RETIRING
