"""Beginning a store from EC2's tags, and giving nodes their roles."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import Kind, State
from enc.inventory import ArchivedError, Inventory, StoreLostError
from provisioner.commands.adopt import adopt_all
from provisioner.commands.assign import assign, make_foreign
from provisioner.commands.regions import RegionsError
from provisioner.ending.retire import retire
from provisioner.launching.launch import launch
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event
from tests.conftest import begin
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def lose_the_store(bench: Workbench) -> None:
    bench.inventory.redis.flushall()


def test_a_lost_store_is_filled_from_the_tags(bench: Workbench) -> None:
    was = launch(bench.context, bench.order(3, kind=Kind.FLEET, ttl=timedelta(hours=2))).nodes
    lose_the_store(bench)
    found = adopt_all(bench.context).adopted
    begin(bench.inventory)
    assert sorted(n.certname for n in found) == sorted(n.certname for n in was)
    for node in bench.inventory.nodes.many([n.certname for n in was]):
        assert (node.role, node.kind, node.spec_hash) == ("web", Kind.FLEET, "0123456789abcdef")
        assert node.expires_at == was[0].expires_at


def test_adopting_terminates_nothing(bench: Workbench) -> None:
    launch(bench.context, bench.order(2))
    lose_the_store(bench)
    adopt_all(bench.context)
    assert (len(bench.cloud.alive), bench.cloud.count("terminate")) == (2, 0)


def test_adopting_again_after_dying_half_way_changes_nothing(bench: Workbench) -> None:
    launch(bench.context, bench.order(2))
    lose_the_store(bench)
    adopt_all(bench.context)
    before = bench.inventory.nodes.of_role("web")
    adopt_all(bench.context)
    assert bench.inventory.nodes.of_role("web") == before


def test_until_everything_is_adopted_the_store_stays_lost(bench: Workbench) -> None:
    launch(bench.context, bench.order(1))
    lose_the_store(bench)
    adopt_all(bench.context)
    with pytest.raises(StoreLostError):
        bench.inventory.meta.require()


def test_a_region_that_cannot_be_listed_adopts_nothing(bench: Workbench) -> None:
    launch(bench.context, bench.order(2))
    lose_the_store(bench)
    bench.cloud.region_names |= {"us-west-2"}
    bench.cloud.on("instances", lambda: bench.cloud.fail("instances", Trouble.UNAVAILABLE))
    with pytest.raises(RegionsError, match=r"us-west-2 \(EndpointConnectionError\)") as caught:
        adopt_all(bench.context)
    assert "Try again in a minute" in str(caught.value)
    assert "--regions" not in str(caught.value), "what passes may hide machines of ours"
    assert bench.inventory.redis.keys() == []


def test_dead_machines_are_not_adopted(bench: Workbench) -> None:
    (first, second) = launch(bench.context, bench.order(2)).nodes
    bench.cloud.kill(first.certname)
    lose_the_store(bench)
    assert [n.certname for n in adopt_all(bench.context).adopted] == [second.certname]


def test_a_machine_without_a_role_tag_is_left_alone_and_named(bench: Workbench) -> None:
    (node,) = launch(bench.context, bench.order(1)).nodes
    del bench.cloud.machines.by_id[node.certname].tags["rolecall:role"]
    lose_the_store(bench)
    found = adopt_all(bench.context)
    assert found.adopted == ()
    assert node.certname in found.strange[0]


def test_old_machines_enter_ready_so_that_no_fleet_looks_unfinished(bench: Workbench) -> None:
    launch(bench.context, bench.order(1))
    lose_the_store(bench)
    bench.clock.step(3600)
    assert adopt_all(bench.context).adopted[0].state is State.READY


def test_assigning_changes_the_tag_and_the_record(bench: Workbench) -> None:
    (node,) = launch(bench.context, bench.order(1)).nodes
    bench.apply("db")
    now = assign(bench.context, node, "db", "staging")
    assert bench.inventory.nodes.get(node.certname) == now
    assert (now.role, now.environment) == ("db", "staging")
    tags = bench.cloud.machines.by_id[node.certname].tags
    assert (tags["rolecall:role"], tags["rolecall:environment"]) == ("db", "staging")


def test_a_tag_that_cannot_be_written_leaves_the_record(bench: Workbench) -> None:
    (node,) = launch(bench.context, bench.order(1)).nodes
    bench.cloud.fail("tag", Trouble.DENIED)
    with pytest.raises(CloudError):
        assign(bench.context, node, "db", None)
    assert bench.inventory.nodes.get(node.certname) == node


def test_an_environment_that_is_not_named_stays(bench: Workbench) -> None:
    made = make_foreign(bench.context, "db1.example.com", "web", "staging")
    assert assign(bench.context, made, "web", None).environment == "staging"


def test_an_empty_environment_is_taken_away(bench: Workbench) -> None:
    made = make_foreign(bench.context, "db1.example.com", "web", "staging")
    assert assign(bench.context, made, "web", "").environment == ""


def test_a_foreign_node_is_ready_and_never_asked_of_ec2(bench: Workbench) -> None:
    made = make_foreign(bench.context, "db1.example.com", "web", None)
    assert (made.kind, made.state, made.market) == (Kind.FOREIGN, State.READY, None)
    assign(bench.context, made, "web", "staging")
    assert bench.cloud.calls == []


def test_the_instance_id_of_an_archived_machine_is_no_foreign_node(bench: Workbench) -> None:
    nodes = launch(bench.context, bench.order(1)).nodes
    retire(bench.context, nodes, drain=lambda _: timedelta(0), why="test")
    with pytest.raises(ArchivedError):
        make_foreign(bench.context, nodes[0].certname, "web", None)


def test_a_foreign_node_that_ended_may_come_back(bench: Workbench) -> None:
    made = make_foreign(bench.context, "db1.example.com", "web", None)
    retire(bench.context, [made], drain=lambda _: timedelta(0), why="test")
    again = make_foreign(bench.context, "db1.example.com", "web", None)
    assert again.rev == 1
    assert event().who == "alice@ops"
