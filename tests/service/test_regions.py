"""Which regions are in use: named where an organisation denies some, and never left out unseen."""

from __future__ import annotations

import pytest

from enc.domain.model import LaunchState
from enc.inventory import ConflictError, Inventory
from provisioner.commands import regions
from provisioner.commands.adopt import adopt_all
from provisioner.commands.regions import RegionsError
from provisioner.launching.launch import launch as launch_now
from provisioner.loop.observe import observe
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event, launch, node, role
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, REGION, FakeCloud
from tests.workbench import Workbench

FAR, DENIED = "eu-west-1", "ap-east-1"


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    """Three regions are enabled, and the organisation denies one of them."""
    made = Workbench(inventory, clock, FakeCloud(clock))
    made.cloud.region_names |= {FAR, DENIED}
    made.cloud.denied.add(DENIED)
    return made


def lost(bench: Workbench) -> Workbench:
    bench.inventory.redis.flushall()
    return bench


def begun(bench: Workbench, *named: str) -> Workbench:
    lost(bench).inventory.meta.begin(
        site="default", account=ACCOUNT, event=event("init"), regions=named
    )
    return bench


def said_of(error: pytest.ExceptionInfo[RegionsError]) -> str:
    return str(error.value)


# Beginning.


def test_a_region_that_is_denied_is_named_with_the_regions_that_can_be(bench: Workbench) -> None:
    with pytest.raises(RegionsError, match=rf"^1 of 3 region\(s\) .*: {DENIED} \(Unauth") as caught:
        adopt_all(lost(bench).context)
    assert f"'provisioner init --regions {FAR},{REGION}'" in said_of(caught)
    assert bench.inventory.redis.keys() == []


def test_what_only_passes_is_never_advised_to_be_left_out(bench: Workbench) -> None:
    bench.cloud.fail("instances", Trouble.UNAVAILABLE, times=2)  # in the order of names
    with pytest.raises(RegionsError) as caught:
        adopt_all(lost(bench).context)
    assert "Try again in a minute" in said_of(caught)
    assert "--regions" not in said_of(caught)


def test_what_ec2s_error_advises_is_not_lost(bench: Workbench) -> None:
    odd = CloudError(Trouble.NO_CREDENTIALS, "ExpiredToken", "old", hint="sign in again")
    bench.cloud.fail("instances", odd)
    with pytest.raises(RegionsError, match="sign in again"):
        adopt_all(lost(bench).context)


def test_with_the_others_named_it_adopts_and_tells_what_was_not_looked_into(
    bench: Workbench,
) -> None:
    was = launch_now(bench.context, bench.order(2)).nodes
    found = adopt_all(lost(bench).context, [REGION])
    assert sorted(one.certname for one in found.adopted) == sorted(one.certname for one in was)
    assert found.regions == (REGION,)
    assert found.notes == (
        "1 region(s) are not in use; none has a machine of this site",
        f"not in use, and not looked into: {DENIED} (UnauthorizedOperation)",
    )


def test_a_region_with_machines_of_the_site_is_not_left_out_unseen(bench: Workbench) -> None:
    launch_now(bench.context, bench.order(2))
    with pytest.raises(RegionsError, match=f"2 in {REGION}") as caught:
        adopt_all(lost(bench).context, [FAR])
    assert f"--regions {FAR},{REGION}" in said_of(caught)
    assert bench.inventory.redis.keys() == []


def test_where_ec2_does_not_tell_the_regions_they_must_be_named(bench: Workbench) -> None:
    bench.cloud.fail("regions", Trouble.DENIED, times=2)
    with pytest.raises(RegionsError, match="--regions us-east-1,eu-west-1"):
        adopt_all(lost(bench).context)
    found = adopt_all(bench.context, [REGION])
    assert found.notes == (
        "EC2 does not tell which other regions there are: UnauthorizedOperation",
    )


def test_where_ec2_is_only_ill_nobody_is_told_to_name_regions(bench: Workbench) -> None:
    bench.cloud.fail("regions", Trouble.UNAVAILABLE)
    with pytest.raises(CloudError):
        adopt_all(lost(bench).context)


def test_a_name_that_is_no_enabled_region_is_refused(bench: Workbench) -> None:
    with pytest.raises(RegionsError, match="us-esat-1: no such region is enabled"):
        adopt_all(lost(bench).context, [REGION, "us-esat-1"])


def test_a_region_in_use_that_is_denied_is_refused(bench: Workbench) -> None:
    with pytest.raises(RegionsError, match=f"{DENIED} \\(UnauthorizedOperation"):
        adopt_all(lost(bench).context, [REGION, DENIED])


# What is remembered.


def test_the_inventory_remembers_them_and_says_so_in_the_log(bench: Workbench) -> None:
    store = begun(bench, FAR, REGION).inventory
    assert store.meta.require().regions == (FAR, REGION)
    store.meta.use([REGION], event("regions"), read=store.meta.require())
    assert store.meta.require().regions == (REGION,)
    store.meta.use([], event("regions"), read=store.meta.require())
    assert store.meta.require().regions == ()
    assert [one["what"] for _, one in store.events.after()] == ["init", "regions", "regions"]


def test_regions_are_not_changed_on_roles_that_were_read_before_an_apply(bench: Workbench) -> None:
    store = begun(bench).inventory
    read = store.meta.require()
    store.roles.apply([role()], event())
    with pytest.raises(ConflictError, match="try again"):
        store.meta.use([REGION], event("regions"), read=read)
    assert store.meta.require().regions == ()


def test_a_pass_looks_into_the_regions_in_use_alone(bench: Workbench) -> None:
    assert set(observe(begun(bench, REGION).context).world.regions) == {REGION}
    assert bench.cloud.count("regions") == 0
    assert bench.reporter.said == []


def test_a_pass_looks_wherever_the_inventory_has_something(bench: Workbench) -> None:
    begun(bench, REGION).inventory.nodes.create(node(region=FAR), event())
    assert set(observe(bench.context).world.regions) == {FAR, REGION}


def test_where_none_is_named_a_pass_looks_into_all_and_says_how_to_leave_one_out(
    bench: Workbench,
) -> None:
    found = observe(begun(bench).context).world.regions
    assert set(found) == {REGION, FAR, DENIED}
    assert found[DENIED].error.endswith("'provisioner init --regions LIST'")


def test_a_region_with_something_in_it_is_not_advised_to_be_left_out(bench: Workbench) -> None:
    begun(bench).inventory.nodes.create(node(region=DENIED), event())
    assert "--regions" not in observe(bench.context).world.regions[DENIED].error


def test_a_pass_that_is_not_told_the_regions_says_how_to_name_them(bench: Workbench) -> None:
    bench.cloud.fail("regions", Trouble.DENIED)
    assert set(observe(begun(bench).context).world.regions) == set()
    [line] = bench.reporter.said
    assert line.endswith("name the regions in use: 'provisioner init --regions LIST'")


# What cannot be taken out.


def test_where_the_inventory_has_something_is_taken(bench: Workbench) -> None:
    store = begun(bench).inventory
    bench.apply("web")
    store.nodes.create(node(region=FAR), event())
    store.launches.open(launch(region=DENIED), event())
    assert set(regions.taken(bench.context)) == {REGION, FAR, DENIED}


def test_what_is_over_takes_no_region(bench: Workbench) -> None:
    store = begun(bench).inventory
    closed = launch(region=DENIED)
    store.launches.open(closed, event())
    store.launches.close(closed.id, LaunchState.FAILED, event())
    assert regions.taken(bench.context) == {}


@pytest.mark.parametrize("key", ["node:x1", "role:web", "launch:l-00000000000000aa"])
def test_what_cannot_be_read_may_be_anywhere(bench: Workbench, key: str) -> None:
    store = begun(bench).inventory
    bench.apply("web")
    store.nodes.create(node("x1"), event())
    store.launches.open(launch(), event())
    store.redis.delete(key)
    store.redis.hset(key, "rev", "damaged")
    with pytest.raises(RegionsError, match=key.partition(":")[2]):
        regions.taken(bench.context)


def test_a_region_that_is_taken_cannot_be_left_out() -> None:
    taken = {REGION: "node i-1", FAR: "role web"}
    with pytest.raises(RegionsError, match=rf"{FAR} \(role web\)"):
        regions.kept([REGION], taken)


def test_others_can_be_and_all_regions_leave_none_out() -> None:
    regions.kept([REGION, FAR], {REGION: "node i-1"})
    regions.kept([], {REGION: "node i-1"})


def test_a_role_that_launches_elsewhere_is_refused_with_what_to_say_first() -> None:
    with pytest.raises(RegionsError, match=f"--regions {FAR},{REGION}") as caught:
        regions.outside({"web": FAR, "db": REGION}, [REGION])
    assert said_of(caught).startswith(f"web launches in {FAR}; ")


def test_a_role_that_launches_in_one_in_use_is_not() -> None:
    regions.outside({"web": FAR}, [FAR, REGION])
    regions.outside({"web": FAR}, [])
