"""A launch against EC2 in memory and a real Redis: every way in which it can end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import Kind, LaunchState, Market, State
from enc.inventory import Inventory
from provisioner.bootstrap import UserDataTooLarge
from provisioner.calls import WrongAccountError
from provisioner.domain.ground import UnsuitableError
from provisioner.launching.launch import Outcome, launch
from provisioner.ports.ec2 import Volume
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event
from tests.fakes.clock import START, FakeClock
from tests.fakes.cloud import IMAGE, FakeCloud
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def run(bench: Workbench, number: int = 1, **fields: object) -> Outcome:
    return launch(bench.context, bench.order(number, **fields))


# The good path.


def test_machines_come_from_spot_and_are_in_the_inventory(bench: Workbench) -> None:
    outcome = run(bench, 3)
    assert outcome.launch.state is LaunchState.COMPLETE
    assert bench.cloud.alive == [node.certname for node in outcome.nodes]
    assert {n.market for n in outcome.nodes} == {Market.SPOT}
    for node in outcome.nodes:
        assert bench.inventory.nodes.get(node.certname) == node


def test_a_recorded_machine_says_where_it_came_from(bench: Workbench) -> None:
    (node,) = run(bench, ttl=timedelta(hours=2), kind=Kind.FLEET).nodes
    assert (node.role, node.kind, node.state) == ("web", Kind.FLEET, State.PENDING)
    assert (node.zone, node.vpc, node.instance_type) == ("us-east-1a", "vpc-1", "c5.large")
    assert node.spec_hash == "0123456789abcdef"
    assert node.expires_at == START + timedelta(hours=2)


def test_each_machine_carries_the_tags_that_rebuild_a_lost_store(bench: Workbench) -> None:
    (node,) = run(bench).nodes
    tags = bench.cloud.machines.by_id[node.certname].tags
    assert tags["rolecall:site"] == "default"
    assert tags["rolecall:launch"] == node.launch
    assert tags["rolecall:role"] == tags["Name"] == "web"
    assert tags["rolecall:kind"] == "extra"
    assert tags["rolecall:spec"].endswith(":0123456789abcdef")
    assert "rolecall:expires" not in tags


def test_a_full_answer_takes_one_fleet_call_and_no_waiting(bench: Workbench) -> None:
    run(bench, 500, name="big") if bench.apply("big", max=500) else None
    assert bench.cloud.count("create_fleet") == 1
    assert bench.clock.slept == []


def test_the_template_is_gone_at_the_end(bench: Workbench) -> None:
    run(bench)
    assert bench.cloud.count("create_template") == 1
    assert bench.cloud.template_names == []


def test_the_key_is_in_the_user_data_and_in_no_event(bench: Workbench) -> None:
    outcome = run(bench)
    key = outcome.launch.key
    (template,) = bench.cloud.requests("create_template")
    assert key in template.user_data
    assert key not in repr(outcome)
    assert key not in repr(bench.inventory.events.after(count=1000))
    assert key not in repr(bench.reporter)


def test_the_launch_is_written_down_with_its_attempts(bench: Workbench) -> None:
    outcome = run(bench, 2)
    stored = bench.inventory.launches.get(outcome.launch.id)
    assert stored is not None
    assert (stored.state, stored.want, stored.got) == (LaunchState.COMPLETE, 2, 2)
    assert [attempt.got for attempt in stored.attempts] == [tuple(bench.cloud.alive)]
    assert stored.key_expires == stored.deadline + timedelta(minutes=45)


# Nothing is written before everything was checked.


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"image": "ami-0000000000000dead"}, "InvalidAMIID.NotFound"),
        ({"subnets": ["subnet-dead"]}, "InvalidSubnetID.NotFound"),
        ({"security_groups": ["sg-dead"]}, "InvalidGroup.NotFound"),
        ({"key_name": "nobody"}, "InvalidKeyPair.NotFound"),
    ],
)
def test_what_ec2_does_not_know_ends_it_before_anything_is_written(
    bench: Workbench, broken: dict[str, object], named: str
) -> None:
    bench.apply(**broken)
    with pytest.raises(CloudError, match=named):
        run(bench)
    assert bench.inventory.launches.latest(1) == []
    assert bench.cloud.count("create_template") == 0


def test_user_data_over_ec2s_limit_ends_it_before_anything_is_written(bench: Workbench) -> None:
    bench.apply(extra_user_data="#cloud-config\npackages: [" + "x, " * 3300 + "y]\n")
    with pytest.raises(UserDataTooLarge):
        run(bench)
    assert bench.inventory.launches.latest(1) == []
    assert bench.cloud.count("create_template") == 0


def test_a_root_device_of_another_image_ends_it_before_anything_is_written(
    bench: Workbench,
) -> None:
    bench.apply(volumes={"/dev/sda1": {"size": 20}})
    with pytest.raises(CloudError, match="/dev/sda1 is not the root device of "):
        run(bench)
    assert bench.inventory.launches.opened() == []
    assert bench.cloud.count("create_template") == 0


def test_root_changes_the_images_own_disk_and_adds_none(bench: Workbench) -> None:
    bench.apply(volumes={"root": {"size": 20}})
    (node,) = run(bench).nodes
    (disk,) = bench.cloud.machines.by_id[node.certname].disks
    assert (disk.device, disk.size, disk.delete_on_termination) == ("/dev/xvda", 20, True)


def test_an_image_that_would_leave_its_disks_behind_does_not(bench: Workbench) -> None:
    stays = Volume(device="/dev/sda1", delete_on_termination=False)
    bench.cloud.images["ami-0baked"] = ("/dev/sda1", (stays,))
    bench.apply(image="ami-0baked")
    (node,) = run(bench).nodes
    (disk,) = bench.cloud.machines.by_id[node.certname].disks
    assert disk.delete_on_termination is True


def test_its_disks_and_interfaces_can_be_told_from_others(bench: Workbench) -> None:
    bench.apply(tags={"team": "web"})
    (node,) = run(bench).nodes
    assert bench.cloud.machines.by_id[node.certname].disk_tags == {
        "Name": "web",
        "team": "web",
        "rolecall:site": "default",
        "rolecall:launch": node.launch,
        "rolecall:role": "web",
    }


def test_credentials_of_another_account_end_it_before_anything_is_written(
    new_store: Inventory, clock: FakeClock
) -> None:
    new_store.meta.begin(site="default", account="999999999999", event=event("init"))
    bench = Workbench(new_store, clock, FakeCloud(clock))
    with pytest.raises(WrongAccountError, match=r"123456789012.*999999999999"):
        run(bench)
    assert bench.cloud.count("create_template") == 0


# Instance types that cannot be.


@pytest.mark.parametrize(
    ("kind", "zones", "why"),
    [
        ("c6g.large", "", f"this type runs arm64 images, and {IMAGE} is x86_64"),
        ("c5.large", "abc", "us-east-1 does not offer this type"),
        ("c5.large", "ab", "it is offered in us-east-1c alone"),
    ],
)
def test_a_type_that_cannot_be_launched_ends_it_before_anything_is_written(
    bench: Workbench, kind: str, zones: str, why: str
) -> None:
    bench.apply(instance_types=["c5a.large", kind])
    for letter in zones:
        bench.cloud.withdraw(kind, f"us-east-1{letter}")
    with pytest.raises(UnsuitableError, match=f"role web: {kind}: {why}"):
        run(bench)
    assert bench.inventory.launches.latest(1) == []
    assert bench.cloud.count("create_template") == 0


def test_a_type_is_asked_for_only_in_the_zones_that_offer_it(bench: Workbench) -> None:
    bench.apply(instance_types=["c5.large", "c5a.large"])
    bench.cloud.withdraw("c5.large", "us-east-1a")
    run(bench)
    (request,) = bench.cloud.requests("create_fleet")
    assert ("c5.large", "subnet-a") not in request.overrides
    assert len(request.overrides) == 3


def test_types_that_cannot_be_read_prove_nothing(bench: Workbench) -> None:
    bench.cloud.types_error = "DescribeInstanceTypes: UnauthorizedOperation: no"
    assert run(bench).launch.state is LaunchState.COMPLETE


@pytest.mark.parametrize("trouble", [Trouble.MALFORMED, Trouble.DENIED, Trouble.UNSUPPORTED])
def test_a_type_that_ec2_refuses_does_not_take_the_fallback_away(
    bench: Workbench, trouble: Trouble
) -> None:
    bench.cloud.capacity("spot:c5.large:*", 0)
    bench.cloud.refuse("*:c5a.large:*", trouble)
    outcome = run(bench)
    assert [(n.market, n.instance_type) for n in outcome.nodes] == [
        (Market.ON_DEMAND, "c5.large"),
    ]
    assert bench.clock.now() >= START + timedelta(minutes=5)


def test_a_type_that_ec2_refuses_is_named_and_asked_for_once(bench: Workbench) -> None:
    bench.cloud.capacity("spot:c5.large:*", 0)
    bench.cloud.refuse("spot:c5a.large:*", Trouble.MALFORMED)
    run(bench)
    spot = [r for r in bench.cloud.requests("create_fleet") if r.market is Market.SPOT]
    asked = [any(kind == "c5a.large" for kind, _ in one.overrides) for one in spot]
    assert asked[0]
    assert not any(asked[1:])
    assert any(
        "spot:c5a.large:us-east-1a" in line and "InvalidParameterValue" in line
        for line in bench.reporter.said
    )


@pytest.mark.parametrize("trouble", [Trouble.MALFORMED, Trouble.DENIED])
def test_what_every_pool_refuses_for_good_ends_it_at_once(
    bench: Workbench, trouble: Trouble
) -> None:
    bench.cloud.refuse("spot:*:*", trouble)
    outcome = run(bench)
    assert outcome.launch.state is LaunchState.FAILED
    assert outcome.error is not None
    assert outcome.error.trouble is trouble
    assert bench.clock.slept == []


# Capacity that comes late, in part, or never.


def test_a_partial_answer_is_kept_and_the_rest_asked_again(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 2)
    bench.cloud.capacity("spot:*:*", 9, after_s=20)
    outcome = run(bench, 3)
    assert outcome.launch.state is LaunchState.COMPLETE
    assert [request.count for request in bench.cloud.requests("create_fleet")][:2] == [3, 1]


def test_falls_back_to_on_demand_when_the_deadline_passes(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 1)
    outcome = run(bench, 3)
    assert [node.market for node in outcome.nodes] == [
        Market.SPOT,
        Market.ON_DEMAND,
        Market.ON_DEMAND,
    ]
    assert START + timedelta(minutes=5) <= bench.clock.now() < START + timedelta(minutes=6)


def test_does_not_fall_back_before_the_deadline(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 0)
    bench.cloud.capacity("spot:*:*", 1, after_s=200)
    (node,) = run(bench).nodes
    assert node.market is Market.SPOT


def test_falls_back_at_once_when_every_pool_refuses_for_good(bench: Workbench) -> None:
    bench.cloud.refuse("spot:*:*", Trouble.QUOTA)
    (node,) = run(bench).nodes
    assert node.market is Market.ON_DEMAND
    assert bench.clock.slept == []


def capped(bench: Workbench, **launch: object) -> None:
    """Spot costs 0.06, the role gives 0.05."""
    for kind in ("c5.large", "c5a.large"):
        bench.cloud.price(kind, 0.06)
    bench.apply(max_price=0.05, **launch)


def test_a_cap_on_the_price_never_makes_a_machine_dearer(bench: Workbench) -> None:
    capped(bench)
    outcome = run(bench)
    assert outcome.launch.state is LaunchState.FAILED
    assert "SpotMaxPriceTooLow" in outcome.launch.why
    assert {r.market for r in bench.cloud.requests("create_fleet")} == {Market.SPOT}
    assert bench.clock.now() >= START + timedelta(minutes=5)


def test_a_price_that_falls_before_the_deadline_gives_spot(bench: Workbench) -> None:
    capped(bench)
    bench.cloud.on("create_fleet", lambda: bench.cloud.price("c5.large", 0.04))
    (node,) = run(bench).nodes
    assert node.market is Market.SPOT


def test_above_the_cap_on_demand_is_bought_where_the_role_says_so_and_late(
    bench: Workbench,
) -> None:
    capped(bench, fallback="on-demand")
    (node,) = run(bench).nodes
    assert node.market is Market.ON_DEMAND
    assert bench.clock.now() >= START + timedelta(minutes=5)


def test_does_not_fall_back_where_the_role_forbids_it(bench: Workbench) -> None:
    bench.apply(fallback="none")
    bench.cloud.capacity("spot:*:*", 1)
    outcome = run(bench, 2)
    assert outcome.launch.state is LaunchState.PARTIAL
    assert "UnfulfillableCapacity" in outcome.launch.why or "Insufficient" in outcome.launch.why
    assert all(r.market is Market.SPOT for r in bench.cloud.requests("create_fleet"))


def test_nothing_anywhere_ends_soon_after_the_deadline(bench: Workbench) -> None:
    bench.cloud.capacity("*:*:*", 0)
    outcome = run(bench, 2)
    assert (outcome.launch.state, outcome.nodes) == (LaunchState.FAILED, ())
    assert bench.clock.now() <= START + timedelta(minutes=5, seconds=31)
    assert bench.cloud.template_names == []


def test_a_dry_ec2_makes_no_storm(bench: Workbench) -> None:
    bench.cloud.capacity("*:*:*", 0)
    run(bench, 2)
    assert bench.cloud.count("create_fleet") <= 40


def test_dry_pools_are_asked_last_by_the_next_launch(bench: Workbench) -> None:
    bench.cloud.capacity("spot:c5.large:*", 0)
    run(bench)
    run(bench)
    asked = bench.cloud.requests("create_fleet")[-1].overrides
    assert {kind for kind, _ in asked} == {"c5a.large"}


def test_dry_pools_are_not_dropped(bench: Workbench) -> None:
    bench.cloud.capacity("spot:c5.large:*", 0)
    run(bench)
    bench.cloud.capacity("spot:c5.large:*", None)
    bench.cloud.capacity("spot:c5a.large:*", 0)
    (node,) = run(bench).nodes
    assert (node.market, node.instance_type) == (Market.SPOT, "c5.large")


def test_each_attempt_has_its_own_token(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 0)
    run(bench)
    tokens = [request.token for request in bench.cloud.requests("create_fleet")]
    assert len(set(tokens)) == len(tokens)
