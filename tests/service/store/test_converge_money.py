"""What the loop buys: never more than it may, nor dearer, nor what dies again and again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.limits import Limits
from enc.domain.model import Kind, Market, State
from enc.inventory import Inventory, LimitReachedError
from provisioner.ending.retire import retire
from provisioner.launching.follow import follow_to_running
from provisioner.launching.launch import launch
from provisioner.ports.errors import Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.service.farm import Farm


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


def markets(farm: Farm) -> set[Market | None]:
    return {node.market for node in farm.nodes()}


def requests(farm: Farm, kind: str) -> list[Market]:
    """The market of each request that named this type."""
    asked = farm.cloud.requests("create_fleet")
    return [one.market for one in asked if any(named == kind for named, _ in one.overrides)]


# Machines that die at launch.

KEY = "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state"


def test_machines_that_die_at_launch_stop_the_role_with_ec2s_own_reason(farm: Farm) -> None:
    farm.cloud.die_at_launch("*:*:*", KEY)
    farm.apply(fleet={"size": 2})
    farm.passes(20)
    assert len(farm.cloud.machines.by_id) == 4
    hold = farm.store.holds.all(["web"])["web"]
    assert hold.why.startswith("2 launches in a row never became ready")
    assert f"EC2 says {KEY}" in hold.why
    assert farm.plan().actions == ()


def test_a_changed_launch_section_goes_on_after_machines_that_died(farm: Farm) -> None:
    farm.cloud.die_at_launch("*:c5.large:*", KEY)
    farm.apply(instance_types=["c5.large"])
    farm.passes(8)
    farm.apply(instance_types=["c5a.large"], spec_hash="fedcba9876543210")
    farm.passes(3)
    assert len(farm.ready()) == 3


def test_machines_that_came_by_hand_and_died_count_though_another_wrote_it_down(
    farm: Farm,
) -> None:
    """`launch --fleet` follows its machines, and finds them lost before the loop does."""
    farm.cloud.die_at_launch("*:*:*", KEY)
    farm.apply(fleet={"size": 1})
    for _ in range(2):
        nodes = launch(farm.bench.context, farm.bench.order(1, kind=Kind.FLEET)).nodes
        follow_to_running(farm.bench.context, nodes, ready_when_running=False)
        farm.converge()
        farm.wait(timedelta(seconds=61))
    assert "web" in farm.store.holds.all(["web"])


def test_one_machine_of_a_launch_that_becomes_ready_is_enough(farm: Farm) -> None:
    farm.cloud.die_at_launch("spot:c5.large:*", KEY)
    farm.cloud.capacity("spot:c5.large:*", 1)
    farm.apply(fleet={"size": 2})
    farm.passes(12)
    assert len(farm.ready()) == 2
    assert farm.store.holds.all(["web"]) == {}


def passes_with_deaths(farm: Farm, number: int, reason: str) -> int:
    """Each machine dies after the pass that found it ready; how many there were in all."""
    for _ in range(number):
        for name in farm.ready():
            farm.cloud.kill(name, reason)
        farm.passes(1)
    return len(farm.cloud.machines.by_id)


def test_machines_that_die_as_soon_as_they_run_stop_the_role_that_asks_for_no_more(
    farm: Farm,
) -> None:
    """ready_when: running calls each of them ready: 40 were made in 40 passes."""
    farm.apply(fleet={"size": 1, "ready_when": "running"})
    made = passes_with_deaths(farm, 40, "Client.InstanceInitiatedShutdown")

    assert made == 2
    hold = farm.store.holds.all(["web"])["web"]
    assert hold.why.startswith("2 launches in a row never became ready")


def test_machines_that_ec2_takes_back_soon_do_not_stop_the_role(farm: Farm) -> None:
    farm.apply(fleet={"size": 1, "ready_when": "running"})
    made = passes_with_deaths(farm, 12, "Server.SpotInstanceTermination")

    assert made > 3
    assert farm.store.holds.all(["web"]) == {}


def test_a_machine_that_ran_for_its_ready_timeout_and_died_does_not_count(farm: Farm) -> None:
    farm.apply(fleet={"size": 1, "ready_when": "running", "ready_timeout": "5m"})
    for _ in range(3):
        farm.passes(8)
        [name] = farm.ready()
        farm.clock.step(300)
        farm.cloud.kill(name)
    farm.passes(4)

    assert len(farm.ready()) == 1
    assert farm.store.holds.all(["web"]) == {}


def test_machines_that_a_person_ends_before_they_are_ready_do_not_count(farm: Farm) -> None:
    farm.puppet = False
    farm.apply(fleet={"size": 1})
    for _ in range(3):
        farm.passes(1)
        young = farm.nodes(State.PENDING, State.RUNNING)
        retire(farm.bench.context, young, drain=lambda _: timedelta(0), why="a person")
    farm.passes(1)
    assert farm.store.holds.all(["web"]) == {}


# Limits.


def launches(farm: Farm) -> int:
    return len(farm.store.launches.latest(1000))


def test_a_fleet_grows_up_to_its_limit_and_the_plan_says_what_stands_against_it(
    farm: Farm,
) -> None:
    farm.apply(fleet={"size": 5}, limits={"machines": 3})
    last = farm.passes(4)
    assert len(farm.ready()) == 3
    assert farm.store.launches.opened() == []
    note = "web: 2 missing and not launched: limits.machines of role web is 3: 3 live"
    assert any(one.startswith(note) for one in last.plan.notes)
    assert last.failures == ()


def test_machines_that_ec2_does_not_end_stand_against_the_limit(farm: Farm) -> None:
    """Each replacement would leave one more machine running."""
    farm.cloud.fail("terminate", Trouble.DENIED, times=1_000_000)
    farm.apply(fleet={"size": 2, "max_age": "20m", "drain": "1m"}, limits={"machines": 4})
    last = farm.passes(90)
    assert len(farm.cloud.alive) <= 4
    assert any("limits.machines of role web is 4: 4 live" in one for one in last.plan.notes)
    assert last.failures


def test_roles_share_the_sites_limit_within_one_pass(farm: Farm) -> None:
    farm.store.limits.put(Limits(machines=4), event("roles applied"))
    farm.apply("db")
    farm.apply("web")
    last = farm.converge()
    assert len(farm.nodes()) == 4
    assert last.failures == ()


def test_launches_of_an_hour_are_bounded(farm: Farm) -> None:
    farm.apply(limits={"launches_per_hour": 2})
    for _ in range(10):
        farm.passes(1)
        for name in farm.cloud.alive[:1]:
            farm.cloud.kill(name)
    assert launches(farm) == 2
    farm.wait(timedelta(minutes=61))
    farm.passes(1)
    assert launches(farm) == 3


def test_without_limits_nothing_is_bounded(farm: Farm) -> None:
    farm.grown(5)
    assert farm.plan().notes == ()


def test_limits_that_cannot_be_read_keep_from_launching_and_from_nothing_else(
    farm: Farm, redis: Redis
) -> None:
    first, *_ = farm.grown()
    redis.hset("meta", "limits", "garbled")
    farm.cloud.kill(first)
    last = farm.passes(3)
    assert len(farm.cloud.alive) == 2
    assert farm.store.nodes.get(first) is None
    assert any("launched: meta in Redis holds text that is not" in n for n in last.plan.notes)


def test_a_launch_by_hand_is_bound_too_and_nothing_is_written(farm: Farm) -> None:
    farm.apply(fleet={"size": None}, limits={"machines": 1})
    farm.launch_extra()
    with pytest.raises(LimitReachedError, match=r"limits\.machines of role web is 1: 1 live"):
        farm.launch_extra()
    assert (launches(farm), len(farm.cloud.alive)) == (1, 1)
    assert farm.cloud.template_names == []


def test_a_limit_that_is_reached_between_plan_and_act_holds(farm: Farm) -> None:
    """Somebody launches by hand just before the loop does."""
    farm.apply(fleet={"size": 2}, limits={"machines": 2})
    farm.cloud.on("ground", farm.launch_extra)
    last = farm.converge()
    assert len(farm.cloud.alive) == 1
    assert any("limits.machines of role web is 2" in one.said for one in last.failures)


# Quotas.


def test_a_quota_that_one_family_has_used_up_leaves_spot_to_the_others(farm: Farm) -> None:
    farm.cloud.refuse("spot:g5.xlarge:*", Trouble.QUOTA)
    farm.apply("ai", instance_types=["g5.xlarge"], fleet={"size": 1})
    farm.passes(1)
    farm.apply("web", instance_types=["c5.large"])
    farm.passes(3)
    assert {node.market for node in farm.nodes() if node.role == "web"} == {Market.SPOT}
    assert {node.market for node in farm.nodes() if node.role == "ai"} == {Market.ON_DEMAND}


@pytest.mark.parametrize("code", ["MaxIOPSLimitExceeded", "PendingVerification"])
def test_a_limit_that_is_no_familys_makes_no_other_role_dearer(farm: Farm, code: str) -> None:
    """A role's volumes have used up their quota: c5 and r5 share that of vCPUs alone."""
    farm.cloud.refuse("spot:c5.large:*", Trouble.QUOTA, code)
    farm.apply("db", instance_types=["c5.large"], fleet={"size": 1})
    farm.passes(1)
    farm.apply("web", instance_types=["r5.large"])
    farm.passes(3)
    assert {node.market for node in farm.nodes() if node.role == "web"} == {Market.SPOT}
    assert {node.market for node in farm.nodes() if node.role == "db"} == {Market.ON_DEMAND}


def test_quotas_that_one_family_has_used_up_in_both_markets_leave_the_others_alone(
    farm: Farm,
) -> None:
    farm.cloud.refuse("*:g5.xlarge:*", Trouble.QUOTA)
    farm.apply("ai", instance_types=["g5.xlarge"], fleet={"size": 1})
    farm.passes(1)
    farm.converge()
    farm.apply("web", instance_types=["c5.large"])
    farm.converge()
    assert [node.role for node in farm.nodes()] == ["web"] * 3


def test_a_quota_of_the_family_is_known_to_other_types_of_it(farm: Farm) -> None:
    farm.cloud.refuse("spot:c5.large:*", Trouble.QUOTA)
    farm.apply("web", instance_types=["c5.large"])
    farm.passes(1)
    farm.apply("db", instance_types=["r5.large"])
    farm.passes(3)
    assert requests(farm, "r5.large") == [Market.ON_DEMAND]


def test_a_role_of_two_families_asks_the_one_that_has_quota_first(farm: Farm) -> None:
    farm.cloud.refuse("spot:g5.xlarge:*", Trouble.QUOTA)
    farm.apply("ai", instance_types=["g5.xlarge"], fleet={"size": 1})
    farm.passes(1)
    farm.apply("web", instance_types=["g5.xlarge", "c5.large"])
    farm.passes(3)
    web = [node for node in farm.nodes() if node.role == "web"]
    assert {(node.market, node.instance_type) for node in web} == {(Market.SPOT, "c5.large")}


# Types that cannot be.


def test_a_type_that_was_withdrawn_is_left_out_and_told(farm: Farm) -> None:
    for letter in "abc":
        farm.cloud.withdraw("c5.large", f"us-east-1{letter}")
    farm.apply()
    farm.passes(3)
    assert {node.instance_type for node in farm.nodes()} == {"c5a.large"}
    assert requests(farm, "c5.large") == []
    told = "c5.large: us-east-1 does not offer this type"
    assert sum(told in line for line in farm.bench.reporter.said) == 1


def test_a_role_of_which_no_type_is_left_is_held_until_its_launch_section_changes(
    farm: Farm,
) -> None:
    farm.apply(instance_types=["c6g.large"])
    farm.passes(3)
    hold = farm.store.holds.all(["web"])["web"]
    assert "this type runs arm64 images" in hold.why
    assert "'provisioner resume web'" in hold.why
    assert (farm.open_launches(), farm.cloud.count("create_fleet")) == ([], 0)
    farm.apply(instance_types=["c5.large"], spec_hash="fedcba9876543210")
    farm.passes(3)
    assert len(farm.ready()) == 3


def test_types_that_cannot_be_read_hold_nothing(farm: Farm) -> None:
    farm.cloud.types_error = "DescribeInstanceTypes: UnauthorizedOperation: no"
    farm.grown()
    assert farm.store.holds.all(["web"]) == {}


def test_a_type_that_is_withdrawn_while_a_launch_is_open_leaves_the_fallback(farm: Farm) -> None:
    farm.cloud.capacity("spot:*:*", 0)
    farm.apply(spot_deadline="3m")
    farm.passes(1)
    for letter in "abc":
        farm.cloud.withdraw("c5.large", f"us-east-1{letter}")
    farm.passes(4)
    assert {node.instance_type for node in farm.nodes()} == {"c5a.large"}
    assert markets(farm) == {Market.ON_DEMAND}


def test_a_type_that_ec2_refuses_is_asked_for_once_a_launch(farm: Farm) -> None:
    farm.cloud.capacity("spot:c5a.large:*", 0)
    farm.cloud.refuse("*:c5.large:*", Trouble.MALFORMED)
    farm.apply(spot_deadline="4m")
    farm.passes(7)
    assert {node.instance_type for node in farm.nodes()} == {"c5a.large"}
    assert markets(farm) == {Market.ON_DEMAND}
    assert requests(farm, "c5.large") == [Market.SPOT, Market.ON_DEMAND]


def test_what_every_pool_refuses_for_good_closes_the_launch_and_counts(farm: Farm) -> None:
    farm.cloud.refuse("spot:*:*", Trouble.DENIED)
    farm.apply()
    farm.passes(1)
    assert farm.open_launches() == []
    assert farm.store.backoffs.all(["web"])["web"].launches


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
