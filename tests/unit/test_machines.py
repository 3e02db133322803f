"""What EC2's word changes in the inventory, decided from plain values."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.domain.model import Kind, Market, State
from provisioner.domain.machines import NotOursError, adopted, followed, tags_for
from provisioner.ports.ec2 import Instance, InstanceState
from tests.builders import node
from tests.fakes.clock import START

READY_TIMEOUT = timedelta(minutes=15)
TAGS = {
    "rolecall:site": "default",
    "rolecall:role": "web",
    "rolecall:kind": "fleet",
    "rolecall:launch": "l-00000000000000aa",
    "rolecall:environment": "staging",
    "rolecall:expires": "2026-01-02T00:00:00Z",
    "rolecall:spec": "2026-01-01T00:00:00+00:00:0123456789abcdef",
}


def instance(state: InstanceState = InstanceState.RUNNING, **fields: object) -> Instance:
    defaults: dict[str, object] = {
        "id": "i-0aaaaaaaaaaaaaaa1",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "instance_type": "c5.large",
        "market": Market.SPOT,
        "launched_at": START,
        "tags": TAGS,
    }
    return Instance(state=state, **{**defaults, **fields})


def test_an_adopted_machine_is_what_its_tags_say() -> None:
    found = adopted(instance(), START, READY_TIMEOUT)
    assert (found.role, found.kind, found.launch) == ("web", Kind.FLEET, "l-00000000000000aa")
    assert (found.environment, found.spec_hash) == ("staging", "0123456789abcdef")
    assert found.expires_at == START + timedelta(hours=12)


def test_tags_and_adoption_are_each_others_inverse() -> None:
    was = node(launch="l-00000000000000aa", environment="staging", spec_hash="ab", expires_at=START)
    tags = tags_for(was, site="default", spec="2026-01-01T00:00:00+00:00:ab")
    now = adopted(instance(tags=tags), START, READY_TIMEOUT)
    for field in ("role", "kind", "launch", "environment", "spec_hash", "expires_at"):
        assert getattr(now, field) == getattr(was, field)


def test_a_young_machine_is_adopted_as_running() -> None:
    assert adopted(instance(), START, READY_TIMEOUT).state is State.RUNNING


def test_a_pending_machine_is_adopted_as_pending() -> None:
    found = adopted(instance(InstanceState.PENDING), START, READY_TIMEOUT)
    assert found.state is State.PENDING


def test_a_machine_older_than_the_ready_timeout_is_adopted_as_ready() -> None:
    later = START + READY_TIMEOUT + timedelta(seconds=1)
    assert adopted(instance(), later, READY_TIMEOUT).state is State.READY


@pytest.mark.parametrize("state", [InstanceState.STOPPED, InstanceState.STOPPING])
def test_a_stopped_machine_is_adopted_as_lost_however_old_it_is(state: InstanceState) -> None:
    later = START + timedelta(days=1)
    assert adopted(instance(state), later, READY_TIMEOUT).state is State.LOST


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"rolecall:launch": "l-00000000000000aa"}, "no rolecall:role"),
        ({"rolecall:role": "web"}, "no rolecall:launch"),
        (
            {"rolecall:role": "web", "rolecall:launch": "mine"},
            "rolecall:launch is not the id of a launch",
        ),
    ],
)
def test_a_machine_that_does_not_say_its_launch_and_its_role_is_not_adopted(
    tags: dict[str, str], why: str
) -> None:
    with pytest.raises(NotOursError, match=rf"i-0aaaaaaaaaaaaaaa1 carries .* {why}"):
        adopted(instance(tags={"rolecall:site": "default", **tags}), START, READY_TIMEOUT)


def test_a_kind_that_is_none_is_the_one_that_converge_leaves_alone() -> None:
    tags = {**TAGS, "rolecall:kind": "nonsense"}
    assert adopted(instance(tags=tags), START, READY_TIMEOUT).kind is Kind.EXTRA


def test_a_pending_node_runs_when_ec2_says_so() -> None:
    change = followed(node(state=State.PENDING), instance(private_ip="10.0.0.5"))
    assert change.fields["state"] is State.RUNNING
    assert change.fields["private_ip"] == "10.0.0.5"


def test_a_running_node_is_not_ready_by_ec2s_word() -> None:
    assert followed(node(state=State.RUNNING), instance(vpc="vpc-1")) is None


def test_a_running_node_of_a_role_without_puppet_is_ready() -> None:
    change = followed(node(), instance(vpc="vpc-1"), ready_when_running=True)
    assert change.fields["state"] is State.READY


def test_late_names_are_taken_over() -> None:
    change = followed(node(), instance(vpc="vpc-1", private_dns="ip-10-0-0-5.ec2.internal"))
    assert (change.what, change.fields) == (
        "addressed",
        {"private_dns": "ip-10-0-0-5.ec2.internal"},
    )


def test_names_that_ec2_does_not_give_are_kept() -> None:
    known = node(private_dns="ip-10-0-0-5.ec2.internal")
    assert followed(known, instance(vpc="vpc-1")) is None


@pytest.mark.parametrize("state", [InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED])
def test_a_machine_that_ec2_ended_is_lost_and_the_reason_kept(state: InstanceState) -> None:
    change = followed(node(), instance(state, state_reason="Server.SpotInstanceTermination"))
    assert change.fields["state"] is State.LOST
    assert "Server.SpotInstanceTermination" in change.why


@pytest.mark.parametrize("state", [State.LOST, State.RETIRING, State.FAILED])
def test_a_machine_that_ended_changes_nothing_where_its_end_is_known(state: State) -> None:
    assert followed(node(state=state), instance(InstanceState.TERMINATED)) is None


def test_a_stopped_machine_is_not_lost() -> None:
    assert followed(node(), instance(InstanceState.STOPPED, vpc="vpc-1")) is None
