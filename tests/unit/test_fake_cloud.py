"""The in-memory EC2 behaves as EC2.md and its own docs say; tests of the launch stand on it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from enc.domain.model import Market
from provisioner.ports.ec2 import FleetRequest, InstanceState, TemplateRequest
from provisioner.ports.errors import CloudError, Trouble
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import GROUP, IMAGE, REGION, FakeCloud
from tests.fakes.machines import Manners

TAGS = {"rolecall:site": "default", "rolecall:launch": "l-1"}
TEMPLATE = TemplateRequest(
    region=REGION,
    name="rolecall-l-1",
    token="l-1-t",
    image=IMAGE,
    security_groups=(GROUP,),
    user_data="#cloud-config\n",
    tags=TAGS,
)
FLEET = FleetRequest(
    region=REGION,
    token="l-1-0",
    template=TEMPLATE.name,
    market=Market.SPOT,
    count=3,
    overrides=(("c5.large", "subnet-a"), ("c5.large", "subnet-b")),
    tags=TAGS,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cloud(clock: FakeClock) -> FakeCloud:
    made = FakeCloud(clock)
    made.create_template(TEMPLATE)
    return made


def test_a_pool_without_a_limit_gives_all(cloud: FakeCloud) -> None:
    answer = cloud.create_fleet(FLEET)

    assert (len(answer.instances), answer.refusals) == (3, ())


def test_a_machine_takes_from_every_pattern_of_its_pool(cloud: FakeCloud) -> None:
    cloud.capacity("spot:*:us-east-1a", 0)
    cloud.capacity("spot:*:*", 2)

    answer = cloud.create_fleet(FLEET)

    assert {i.subnet for i in answer.instances} == {"subnet-b"}
    assert [(r.subnet, r.trouble) for r in answer.refusals] == [
        ("subnet-a", Trouble.CAPACITY),
        ("subnet-b", Trouble.CAPACITY),
    ]


def test_pools_that_share_a_pattern_share_what_is_left(cloud: FakeCloud) -> None:
    cloud.capacity("spot:*:*", 2)

    assert len(cloud.create_fleet(FLEET).instances) == 2


def test_late_capacity_does_not_come_before_its_time(cloud: FakeCloud, clock: FakeClock) -> None:
    cloud.capacity("spot:*:*", 0)
    cloud.capacity("spot:*:*", 5, after_s=60)
    clock.step(59)

    assert cloud.create_fleet(FLEET).instances == ()


def test_late_capacity_comes_at_its_time(cloud: FakeCloud, clock: FakeClock) -> None:
    cloud.capacity("spot:*:*", 0)
    cloud.capacity("spot:*:*", 5, after_s=60)
    clock.step(60)

    assert len(cloud.create_fleet(FLEET).instances) == 3


def test_a_pool_refuses_until_it_accepts(cloud: FakeCloud) -> None:
    cloud.refuse("spot:c5.large:*", Trouble.PRICE)
    refused = cloud.create_fleet(FLEET)
    cloud.accept("spot:c5.large:*")
    accepted = cloud.create_fleet(replace(FLEET, token="l-1-1"))

    assert {r.code for r in refused.refusals} == {"SpotMaxPriceTooLow"}
    assert len(accepted.instances) == 3


def test_a_fault_strikes_as_often_as_planned(cloud: FakeCloud) -> None:
    cloud.fail("create_fleet", Trouble.THROTTLED, times=2)
    for _ in range(2):
        with pytest.raises(CloudError, match="RequestLimitExceeded"):
            cloud.create_fleet(FLEET)

    assert len(cloud.create_fleet(FLEET).instances) == 3
    assert cloud.count("create_fleet") == 3


def test_a_lost_answer_has_done_the_work(cloud: FakeCloud) -> None:
    cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)
    with pytest.raises(CloudError) as lost:
        cloud.create_fleet(FLEET)

    assert lost.value.trouble is Trouble.UNKNOWN_OUTCOME
    assert len(cloud.alive) == 3
    assert len(cloud.create_fleet(FLEET).instances) == 3
    assert len(cloud.alive) == 3


def test_any_exception_can_be_planned(cloud: FakeCloud) -> None:
    cloud.fail("create_fleet", KeyboardInterrupt(), after=True)
    with pytest.raises(KeyboardInterrupt):
        cloud.create_fleet(FLEET)

    assert len(cloud.alive) == 3


def test_states_and_names_follow_the_clock(cloud: FakeCloud, clock: FakeClock) -> None:
    cloud.manners.pending_s, cloud.manners.dns_s, cloud.manners.shutdown_s = 5, 8, 30
    machine = cloud.create_fleet(replace(FLEET, count=1)).instances[0].id
    seen = []
    for step in (0, 5, 3):
        clock.step(step)
        now = cloud.describe(REGION, [machine])[machine]
        seen.append((now.state, bool(now.private_dns)))
    cloud.terminate(REGION, [machine])
    for step in (0, 30):
        clock.step(step)
        now = cloud.describe(REGION, [machine])[machine]
        seen.append((now.state, bool(now.private_dns)))

    assert seen == [
        (InstanceState.PENDING, False),
        (InstanceState.RUNNING, False),
        (InstanceState.RUNNING, True),
        (InstanceState.SHUTTING_DOWN, True),
        (InstanceState.TERMINATED, False),
    ]


def test_a_new_machine_gets_a_dead_ones_name(cloud: FakeCloud) -> None:
    old = cloud.create_fleet(replace(FLEET, count=1)).instances[0].id
    name = cloud.describe(REGION, [old])[old].private_dns
    cloud.kill(old)
    new = cloud.create_fleet(replace(FLEET, count=1, token="l-1-1")).instances[0].id

    assert cloud.describe(REGION, [new])[new].private_dns == name


def test_a_living_machines_name_is_never_given_away(cloud: FakeCloud) -> None:
    cloud.create_fleet(FLEET)

    assert len({i.private_dns for i in cloud.instances(REGION, "default")}) == 3


def test_a_dead_machine_is_forgotten_after_an_hour(cloud: FakeCloud, clock: FakeClock) -> None:
    cloud.create_fleet(replace(FLEET, count=1))
    cloud.kill(cloud.alive[0])
    clock.step(3600)
    listed = cloud.instances(REGION, "default")
    clock.step(1)

    assert [i.alive for i in listed] == [False]
    assert cloud.instances(REGION, "default") == ()


def test_an_interruption_says_why(cloud: FakeCloud) -> None:
    machine = cloud.create_fleet(replace(FLEET, count=1)).instances[0].id
    cloud.interrupt(machine)

    reason = cloud.describe(REGION, [machine])[machine].state_reason
    assert reason.startswith("Server.SpotInstanceTermination")


def test_a_new_machine_is_hidden_as_long_as_told(cloud: FakeCloud, clock: FakeClock) -> None:
    cloud.manners.hidden_s, cloud.manners.unknown_s = 10, 5
    machine = cloud.create_fleet(replace(FLEET, count=1)).instances[0].id
    clock.step(5)

    assert cloud.instances(REGION, "default") == ()
    assert set(cloud.describe(REGION, [machine])) == {machine}


def test_a_replay_may_list_nothing(clock: FakeClock) -> None:
    cloud = FakeCloud(clock, Manners(replay_lists=False))
    cloud.create_template(TEMPLATE)
    cloud.create_fleet(FLEET)

    assert cloud.create_fleet(FLEET).instances == ()
    assert len(cloud.alive) == 3


def test_twenty_thousand_machines_are_listed_in_a_moment(cloud: FakeCloud) -> None:
    cloud.create_fleet(replace(FLEET, count=20_000))
    began = time.process_time()

    assert len(cloud.instances(REGION, "default")) == 20_000
    assert time.process_time() - began < 5.0  # 0.2 s on an idle core
