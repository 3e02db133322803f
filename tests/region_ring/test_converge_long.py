"""What shows only after many passes: waiting that is told, launches that are cut short."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import Kind, LaunchState, State
from enc.inventory import Inventory
from provisioner.commands import holds
from provisioner.domain import actions as do
from provisioner.ports.errors import Trouble
from provisioner.ports.tags import LAUNCH_TAG
from tests.builders import event
from tests.builders import node as a_node
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, IMAGE, PARAMETER, PLAIN
from tests.service.farm import Farm

FAR = "eu-west-1"


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


# A launch that got some of what it wanted, and then EC2 or the role changes.


def begun(farm: Farm, **given: object) -> str:
    """One of three has come, and there is no more for now; the launch."""
    farm.cloud.capacity("*:*:*", 1)
    farm.apply(**given)
    farm.passes(1)
    assert len(farm.cloud.alive) == 1
    farm.cloud.capacity("*:*:*", None)
    [name] = farm.open_launches()
    return name


def test_an_image_that_is_gone_closes_the_launch_and_counts_as_no_failure(farm: Farm) -> None:
    name = begun(farm)
    del farm.cloud.images[IMAGE]
    farm.passes(1)
    launch = farm.store.launches.get(name)
    assert launch is not None
    assert launch.state is LaunchState.PARTIAL
    assert farm.store.backoffs.all(["web"]) == {}


def test_an_image_parameter_that_moves_changes_only_the_next_launch(farm: Farm) -> None:
    begun(farm, image=f"resolve:ssm:{PARAMETER}")
    farm.cloud.images["ami-0feedfeedfeedfeed"] = PLAIN
    farm.cloud.parameters[f"resolve:ssm:{PARAMETER}"] = "ami-0feedfeedfeedfeed"
    farm.passes(3)
    assert len(farm.ready()) == 3
    assert {node.image for node in farm.nodes()} == {IMAGE}


def test_a_parameter_that_moves_does_not_lend_the_launch_another_images_root(farm: Farm) -> None:
    farm.cloud.fail("create_template", Trouble.THROTTLED, times=1000)
    farm.apply(image=f"resolve:ssm:{PARAMETER}", volumes={"/dev/xvda": {"size": 20}})
    farm.passes(1)
    farm.cloud.images["ami-0feedfeedfeedfeed"] = ("/dev/sda1", ())
    farm.cloud.parameters[f"resolve:ssm:{PARAMETER}"] = "ami-0feedfeedfeedfeed"
    farm.cloud.heal()
    farm.passes(2)
    first = farm.cloud.requests("create_template")[-1]
    assert (first.image, [disk.device for disk in first.volumes]) == (IMAGE, ["/dev/xvda"])
    assert len(farm.ready()) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"volumes": {"/dev/sda1": {"size": 20}}},
        {"extra_user_data": "#!/bin/sh\n" + "x" * 10_000},
    ],
    ids=["another image's root device", "user-data that is too large"],
)
def test_what_cannot_be_launched_is_not_tried_in_every_pass(
    farm: Farm, given: dict[str, object]
) -> None:
    farm.apply(**given)
    farm.passes(10)
    assert farm.cloud.count("create_template") == 0
    assert farm.store.launches.opened() == []
    assert 1 <= farm.cloud.count("ground") <= 5
    assert farm.store.backoffs.all(["web"])["web"].launches


def test_user_data_that_would_be_another_one_by_now_changes_nothing(farm: Farm) -> None:
    begun(farm)
    farm.apply(fleet={"ready_when": "running"})
    farm.passes(3)
    assert len(farm.ready()) == 3


# Where to look.


def test_what_a_lost_answer_made_is_found_though_its_role_has_moved(farm: Farm) -> None:
    farm.cloud.region_names.add(FAR)
    farm.apply(region=FAR)
    farm.cloud.manners.hidden_s = 90
    farm.cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True, times=1)
    farm.converge()
    farm.apply()
    farm.passes(8)
    recorded = {node.certname for node in farm.nodes()}
    assert set(farm.cloud.alive) <= recorded


def test_a_region_that_fails_in_the_sweep_is_looked_at_again_soon(farm: Farm, redis: Redis) -> None:
    redis.hset("meta", "account", ACCOUNT)
    farm.grown()
    assert redis.ttl("swept") > 600
    redis.delete("swept")
    farm.cloud.fail("instances", Trouble.UNAVAILABLE, times=1)
    farm.converge()
    assert 0 < redis.ttl("swept") <= 300


# Holds and pauses.


def test_a_pause_ends_no_orphan_and_resume_does(farm: Farm) -> None:
    first, *_ = farm.grown()
    machine = farm.cloud.machines.by_id[first]
    extra = farm.cloud.copy(machine, {LAUNCH_TAG: machine.tags[LAUNCH_TAG]})
    holds.pause(farm.bench.context, "", "hands off")
    farm.passes(4)
    assert extra in farm.cloud.alive
    [hold] = farm.store.holds.all([]).values()
    holds.resume(farm.bench.context, hold)
    farm.passes(4)
    assert extra not in farm.cloud.alive


def test_the_hold_of_a_role_that_is_gone_is_heeded_by_prune_and_told(farm: Farm) -> None:
    farm.grown()
    holds.pause(farm.bench.context, "web", "hands off")
    farm.store.redis.srem("roles", "web")
    farm.store.redis.delete("role:web")
    farm.prune()
    assert [one for one in farm.plan().actions if isinstance(one, do.End)] == []
    assert any("hands off" in note for note in farm.plan().notes)
    farm.passes(3)
    assert len(farm.cloud.alive) == 3


# Nodes that are never ready.


def test_nodes_that_are_late_while_nobody_reports_are_told(farm: Farm) -> None:
    farm.apply("db", fleet={"size": 1})
    farm.passes(3)
    farm.puppet = False
    farm.apply()
    farm.passes(20)
    assert {node.state for node in farm.nodes() if node.role == "web"} == {State.RUNNING}
    assert any(note.startswith("3 node(s) of web are not ready") for note in farm.plan().notes)


def test_a_report_of_long_ago_says_nothing_of_the_puppetserver(farm: Farm) -> None:
    old = farm.clock.now() - timedelta(days=30)
    other = a_node(
        "old.example.com",
        role="other",
        kind=Kind.FOREIGN,
        state=State.READY,
        instance_id="",
        region="",
        report_at=old,
    )
    farm.store.nodes.create(other, event("imported"))
    farm.puppet = False
    farm.apply()
    farm.minute = 600
    farm.passes(20)
    assert State.FAILED in {node.state for node in farm.nodes()}


def test_a_launch_of_which_others_are_ready_has_not_failed(farm: Farm) -> None:
    """As adopted ones are: nobody saw when they became ready."""
    first, *_ = farm.grown()
    for node in farm.nodes():
        farm.store.nodes.change(node, event("adopted"), ready_at=None)
    farm.cloud.stop(first)
    farm.passes(1)
    farm.cloud.stop(first, stopped=False)
    farm.puppet = False
    for _ in range(18):
        farm.passes(1)
        farm.report_of("web")
    ours = {node.launch for node in farm.nodes(State.READY)}
    failed = farm.store.backoffs.all(["web"]).get("web")
    assert not failed or not ours & set(failed.launches)
