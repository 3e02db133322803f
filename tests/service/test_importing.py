"""An import against a real store and EC2 in memory: what is looked at, what is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from enc.domain.model import Kind, State
from enc.inventory import Inventory, StoreLostError
from provisioner.commands.assign import make_foreign
from provisioner.importing.apply import apply, planned, roles_text
from provisioner.importing.nodespp.definition import Definition, Manifest
from provisioner.importing.plan import Plan, Verdict
from provisioner.launching.launch import launch
from provisioner.ports.errors import Trouble
from provisioner.rolesfile.loading import load
from tests.builders import event, node, role
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import RecordingReporter, Workbench

EC2 = "ip-10-99-0-7.ec2.internal"


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    inventory.roles.apply([role("web")], event("roles applied"))
    return Workbench(inventory, clock, FakeCloud(clock))


def manifest(*names: str, **classes: dict[str, Any]) -> Manifest:
    declared = classes or {"role::web": {}}
    found = [Definition(name=name, line=n, classes=declared) for n, name in enumerate(names, 1)]
    return Manifest(definitions=tuple(found))


def plan(bench: Workbench, *names: str, ask_ec2: bool = True, **classes: dict[str, Any]) -> Plan:
    return planned(bench.context, manifest(*names, **classes), ask_ec2=ask_ec2)


def verdicts(made: Plan) -> list[str]:
    return [entry.verdict for entry in made.entries]


def test_a_plan_writes_nothing(bench: Workbench) -> None:
    before = bench.inventory.redis.dbsize()
    assert verdicts(plan(bench, "a", "b", EC2)) == ["create", "create", "conflict"]
    assert bench.inventory.redis.dbsize() == before


def test_applied_nodes_are_foreign_ready_and_say_where_they_come_from(bench: Workbench) -> None:
    done = apply(bench.context, plan(bench, "a"), "nodes.pp")

    made = bench.inventory.nodes.get("a")
    assert made is not None
    assert (made.kind, made.state, made.role) == (Kind.FOREIGN, State.READY, "web")
    assert (made.environment, made.instance_id) == ("", "")
    assert (done.created, verdicts(done.plan)) == (1, ["created"])
    [told] = bench.inventory.events.life("a")
    assert (told["who"], told["why"]) == ("alice@ops", "imported from nodes.pp, line 1")


def test_a_second_import_changes_nothing(bench: Workbench) -> None:
    apply(bench.context, plan(bench, "a", "b"), "nodes.pp")
    again = apply(bench.context, plan(bench, "a", "b"), "nodes.pp")

    assert (again.created, verdicts(again.plan)) == (0, ["unchanged", "unchanged"])
    assert len(bench.inventory.events.life("a")) == 1


class Stopper(RecordingReporter):
    """Somebody presses Ctrl-C when two nodes are there."""

    def status(self, text: str) -> None:
        if text.startswith("created 2 of"):
            raise KeyboardInterrupt


def test_an_import_that_was_interrupted_goes_on(bench: Workbench) -> None:
    made = plan(bench, "a", "b", "c")
    with pytest.raises(KeyboardInterrupt):
        apply(replace(bench.context, reporter=Stopper()), made, "nodes.pp")

    again = apply(bench.context, plan(bench, "a", "b", "c"), "nodes.pp")
    assert verdicts(again.plan) == ["unchanged", "unchanged", "created"]


def test_a_node_that_somebody_made_meanwhile_is_theirs(bench: Workbench) -> None:
    made = plan(bench, "a", "b")
    make_foreign(bench.context, "a", "other", None)
    done = apply(bench.context, made, "nodes.pp")

    assert verdicts(done.plan) == ["conflict", "created"]
    assert bench.inventory.nodes.many(["a"])[0].role == "other"


def test_a_node_that_another_import_made_meanwhile_is_unchanged(bench: Workbench) -> None:
    made = plan(bench, "a", "b")
    apply(bench.context, plan(bench, "a"), "nodes.pp")
    done = apply(bench.context, made, "nodes.pp")

    assert verdicts(done.plan) == ["unchanged", "created"]


def test_a_machine_of_ours_keeps_its_name_to_itself(bench: Workbench) -> None:
    [ours] = launch(bench.context, bench.order(1, name="launching")).nodes
    bench.clock.step(60)
    [machine] = bench.cloud.everyone(ours.region)

    [entry] = plan(bench, machine.private_dns).entries
    assert entry.verdict is Verdict.CONFLICT
    assert f"{ours.certname} has that name now" in entry.reason


def test_a_machine_of_ours_keeps_its_name_where_ec2_is_not_asked(bench: Workbench) -> None:
    bench.inventory.nodes.create(node(private_dns=EC2), event())
    [entry] = plan(bench, EC2, ask_ec2=False).entries

    assert entry.verdict is Verdict.CONFLICT
    assert "i-0aaaaaaaaaaaaaaa1 has that name now" in entry.reason


def test_ec2_that_refuses_makes_nobody_dead(bench: Workbench) -> None:
    bench.cloud.fail("everyone", Trouble.DENIED)
    made = plan(bench, "a", EC2)

    assert verdicts(made) == ["create", "conflict"]
    assert "could not be asked" in made.entries[1].reason
    assert "region " in made.trouble


def test_regions_that_cannot_be_told_make_nobody_dead(bench: Workbench) -> None:
    bench.cloud.fail("regions", Trouble.NO_CREDENTIALS)

    assert "could not be asked" in plan(bench, EC2).entries[0].reason


def test_where_regions_are_not_told_those_in_use_are_looked_into(bench: Workbench) -> None:
    [ours] = launch(bench.context, bench.order(1, name="launching")).nodes
    bench.clock.step(60)
    [machine] = bench.cloud.everyone(ours.region)
    bench.inventory.redis.hset("meta", "regions", ours.region)
    bench.cloud.fail("regions", Trouble.DENIED)

    found, gone = plan(bench, machine.private_dns, "ip-10-9-9-9.ec2.internal").entries

    assert f"{ours.certname} has that name now" in found.reason
    assert "could not be asked" in gone.reason


def test_without_ec2_it_is_not_asked(bench: Workbench) -> None:
    assert verdicts(plan(bench, EC2, ask_ec2=False)) == ["create"]
    assert bench.cloud.calls == []


def test_a_lost_store_has_no_unknown_names(bench: Workbench) -> None:
    bench.inventory.redis.flushall()
    with pytest.raises(StoreLostError):
        plan(bench, "a")


def test_the_roles_file_is_what_makes_the_import_possible(bench: Workbench) -> None:
    made = plan(bench, "a", "b", base={"level": 2})
    read = load(roles_text(made.new_roles, "nodes.pp"), source="f", read_file=nothing)
    [spec] = read.roles.values()
    assert spec.description == "From nodes.pp: a, b"

    bench.inventory.roles.apply(
        [replace(role(spec.name), definition=spec.definition())], event("roles applied")
    )
    again = plan(bench, "a", "b", base={"level": 2})
    assert again.new_roles == ()
    assert [entry.role for entry in again.entries] == [spec.name] * 2


def test_roles_of_a_later_apply_without_them_stay(bench: Workbench) -> None:
    apply(bench.context, plan(bench, "a"), "nodes.pp")
    bench.inventory.roles.apply([role("other")], event("roles applied"))

    assert sorted(bench.inventory.roles.names()) == ["other", "web"]


def nothing(path: str) -> str:
    raise FileNotFoundError(path)


def test_names_that_no_certname_can_be_are_no_questions_to_the_store(bench: Workbench) -> None:
    names: Sequence[str] = ("", "a b", "x" * 300, "\x1b[31m", "..", "a:b")

    assert set(verdicts(plan(bench, *names))) == {"conflict", "not importable"}
