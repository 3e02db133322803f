"""What comes next for a node at its end, from what the store and EC2 say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from enc.domain.damage import damaged
from enc.domain.model import Kind, Market, Node, State
from provisioner.domain.retirement import (
    BEFORE_GONE,
    Finding,
    Step,
    changed_because,
    found,
    only_news,
    spared_because,
    step_of,
)
from provisioner.ports.ec2 import Instance, InstanceState
from tests.builders import foreign, node
from tests.fakes.clock import START

SUSPECT = timedelta(seconds=60)
NEVER = timedelta(0)
LATER_STEPS = [step for step in Step if step not in BEFORE_GONE]
LIVING = [
    InstanceState.PENDING,
    InstanceState.RUNNING,
    InstanceState.STOPPING,
    InstanceState.STOPPED,
]


def instance(state: InstanceState) -> Instance:
    return Instance(
        id="i-0aaaaaaaaaaaaaaa1",
        state=state,
        region="us-east-1",
        zone="us-east-1a",
        instance_type="c5.large",
        market=Market.SPOT,
        launched_at=START,
    )


def look(step: Step, state: InstanceState | None, absent: timedelta = NEVER) -> Finding:
    return found(step, instance(state) if state else None, absent, SUSPECT)


def retiring(step: str, **fields: Any) -> Node:
    return node(state=State.RETIRING, retire_step=step, **fields)


@pytest.mark.parametrize("step", sorted(BEFORE_GONE))
def test_a_machine_that_ec2_lists_terminated_is_gone(step: Step) -> None:
    finding = look(step, InstanceState.TERMINATED)
    assert (finding.step, finding.what) == (Step.CLEAN, "gone")
    assert "terminated" in finding.why


@pytest.mark.parametrize("step", sorted(BEFORE_GONE))
@pytest.mark.parametrize("state", [*LIVING, InstanceState.SHUTTING_DOWN])
def test_a_machine_that_ec2_lists_otherwise_is_not_gone(step: Step, state: InstanceState) -> None:
    finding = look(step, state, timedelta(days=1))
    assert (finding.step, finding.what) == (step, "")


@pytest.mark.parametrize("step", sorted(BEFORE_GONE))
def test_a_machine_absent_for_a_suspects_span_is_gone_and_not_before(step: Step) -> None:
    assert look(step, None, SUSPECT).step is Step.CLEAN
    assert look(step, None, SUSPECT - timedelta(milliseconds=1)) == Finding(step=step)
    assert look(step, None) == Finding(step=step)


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("state", LIVING)
def test_a_machine_that_lives_is_ended_at_every_step(step: Step, state: InstanceState) -> None:
    finding = look(step, state)
    assert finding.end
    assert finding.step in BEFORE_GONE


@pytest.mark.parametrize("step", Step)
def test_a_machine_that_is_dying_or_dead_is_not_ended_again(step: Step) -> None:
    for state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, None):
        assert not look(step, state).end


@pytest.mark.parametrize("step", LATER_STEPS)
def test_one_that_was_gone_and_lives_again_goes_back_and_says_so(step: Step) -> None:
    finding = look(step, InstanceState.RUNNING)
    assert (finding.step, finding.what) == (Step.TERMINATE, "alive again")
    assert "running" in finding.why


@pytest.mark.parametrize("step", LATER_STEPS)
def test_one_that_was_gone_and_is_going_down_is_waited_for(step: Step) -> None:
    assert look(step, InstanceState.SHUTTING_DOWN).step is Step.CONFIRM


@pytest.mark.parametrize("step", LATER_STEPS)
@pytest.mark.parametrize("state", [InstanceState.TERMINATED, None])
def test_one_that_was_gone_and_still_is_goes_on(step: Step, state: InstanceState | None) -> None:
    assert look(step, state) == Finding(step=step)


@pytest.mark.parametrize("step", Step)
def test_a_retiring_node_stands_where_the_store_says(step: Step) -> None:
    assert step_of(retiring(step)) is step


@pytest.mark.parametrize("said", ["", "no such step"])
def test_where_the_store_does_not_say_it_begins_at_the_beginning(said: str) -> None:
    assert step_of(retiring(said)) is Step.TERMINATE
    assert step_of(foreign(state=State.RETIRING, retire_step=said)) is Step.CLEAN


@pytest.mark.parametrize("step", sorted(BEFORE_GONE))
def test_a_node_without_a_machine_of_ours_has_nothing_to_terminate(step: Step) -> None:
    assert step_of(retiring(step, kind=Kind.FOREIGN)) is Step.CLEAN


@pytest.mark.parametrize("step", sorted(BEFORE_GONE))
def test_a_record_that_lost_its_machine_is_no_node_without_one(step: Step) -> None:
    assert step_of(retiring(step, instance_id="")) is step
    assert step_of(retiring("", region="")) is Step.TERMINATE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"region": ""}, "no region"),
        ({"instance_id": ""}, "no instance_id"),
        ({"instance_id": "i-0bbbbbbbbbbbbbbb2"}, "its instance_id is i-0bbbbbbbbbbbbbbb2"),
    ],
    ids=["no region", "no instance", "another instance"],
)
def test_a_record_that_does_not_lead_to_its_machine_is_damaged(
    fields: dict[str, Any], said: str
) -> None:
    assert damaged(node(**fields)) == (
        f"its record is damaged ({said}): look at it in EC2 and repair node:i-0aaaaaaaaaaaaaaa1, "
        "see docs/redis.md"
    )


def test_a_record_that_leads_there_is_not_and_a_foreign_one_needs_no_machine() -> None:
    assert damaged(node()) == ""
    assert damaged(foreign()) == ""


@pytest.mark.parametrize(
    "told",
    [
        {"report_status": "changed", "report_at": START},
        {"private_ip": "10.0.0.9", "private_dns": "ip-10-0-0-9.ec2.internal"},
        {"csr_key": "00"},
        {"state": State.READY, "state_since": START + SUSPECT, "ready_at": START},
        {"state": State.LOST},
    ],
    ids=["a report", "names", "a key", "ready", "lost"],
)
def test_what_is_told_of_a_node_meanwhile_is_only_news(told: dict[str, Any]) -> None:
    read = node()
    assert only_news(read, replace(read, rev=7, **told))


@pytest.mark.parametrize(
    "changed",
    [
        {"held": "by hand"},
        {"role": "db"},
        {"instance_id": "i-0bbbbbbbbbbbbbbb2"},
        {"launched_at": START + SUSPECT},
        {"state": State.DRAINING},
        {"state": State.RETIRING},
    ],
    ids=["held", "role", "machine", "born", "draining", "retiring"],
)
def test_what_somebody_changed_meanwhile_is_not(changed: dict[str, Any]) -> None:
    read = node()
    assert not only_news(read, replace(read, rev=7, **changed))


def test_a_step_that_somebody_else_made_is_not_only_news() -> None:
    assert not only_news(retiring("confirm"), retiring("clean"))


@pytest.mark.parametrize(
    ("read", "fresh"),
    [
        (retiring("confirm"), retiring("clean")),
        (node(), node(state=State.DRAINING, state_since=START + SUSPECT)),
        (node(state=State.READY), retiring("terminate", report_status="changed")),
    ],
    ids=["a step", "draining", "retiring"],
)
def test_the_step_of_another_retirement_is_told_as_that(read: Node, fresh: Node) -> None:
    assert changed_because(read, replace(fresh, rev=7)).startswith("another retire is at it;")


@pytest.mark.parametrize(
    ("read", "fresh"),
    [
        (node(), node(held="by hand")),
        (node(), node(state=State.DRAINING, held="by hand")),
        (node(state=State.DRAINING), node(state=State.LOST)),
        (retiring("clean"), retiring("clean", launched_at=START + SUSPECT)),
    ],
    ids=["held", "held and draining", "lost", "born again"],
)
def test_what_somebody_else_changed_is_not(read: Node, fresh: Node) -> None:
    said = changed_because(read, replace(fresh, rev=7))
    assert said.startswith("it was changed by someone else meanwhile;")


def test_a_node_that_is_no_more_is_told_as_that() -> None:
    assert "no longer in the inventory" in changed_because(node(), None)


SPARED = {"puppet": "the CA", "i-0aaaaaaaaaaaaaaa1": "ours"}


@pytest.mark.parametrize("name", ["puppet", "puppet.example.com", "i-0aaaaaaaaaaaaaaa1"])
def test_the_cas_name_and_our_own_are_spared(name: str) -> None:
    assert spared_because(name, SPARED)


@pytest.mark.parametrize("name", ["puppetdb", "web.puppet", "i-0aaaaaaaaaaaaaaa2", "db1.a.com"])
def test_other_names_are_not_spared(name: str) -> None:
    assert spared_because(name, SPARED) == ""
    assert spared_because(name, {"puppet.a.com": "the CA", "10.0.0.1": "the CA"}) == ""
