"""What a pass decides about nodes, beyond the common course: sentences in pairs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enc.domain.limits import Limits
from enc.domain.model import State
from provisioner.domain import actions as do
from provisioner.domain.actions import Action
from provisioner.domain.deciding import decide
from provisioner.domain.retirement import Step
from provisioner.domain.suspicions import absent
from provisioner.domain.world import World
from provisioner.ports.ec2 import InstanceState
from tests.builders import foreign
from tests.fakes.clock import START
from tests.worlds import known, machine, of_fleet, world

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = START + HOUR


def found(seen: World, kind: type[Action]) -> list[Any]:
    return [one for one in decide(seen).actions if isinstance(one, kind)]


def test_a_machine_that_died_is_lost_even_when_its_life_is_over() -> None:
    """An end of its life would ask EC2 to terminate it, and tell nobody why it died."""
    node = of_fleet(1, expires_at=NOW - MINUTE)
    reason = "Server.SpotInstanceTermination"
    dead = machine(node, InstanceState.TERMINATED, state_reason=reason)
    [write] = found(world([node], instances=[dead]), do.Write)

    assert (write.fields, write.reason) == (
        {"state": State.LOST},
        f"EC2 lists it terminated: {reason}",
    )
    assert found(world([node], instances=[dead]), do.End) == []


@pytest.mark.parametrize(("when", "ready"), [("running", True), ("report", False)])
def test_a_node_is_ready_when_it_runs_where_its_role_says_so_and_nowhere_else(
    when: str, ready: bool
) -> None:
    node = of_fleet(1, State.RUNNING, state_since=NOW)
    seen = world([node], roles=[known(ready_when=when)])
    assert [one.what for one in found(seen, do.Write)] == ["ready"] * ready


def test_a_foreign_nodes_end_goes_on_where_ec2_cannot_be_asked_and_no_others_does() -> None:
    ends = {"state": State.RETIRING, "retire_step": Step.CLEAN.value}
    nodes = [foreign("db1.example.com", **ends), of_fleet(1, **ends)]
    seen = world(nodes, error="no answer")
    assert [one.node.certname for one in found(seen, do.End)] == ["db1.example.com"]


def test_a_plan_counts_the_ended_nodes_that_wait_for_the_ca() -> None:
    cleaning = [of_fleet(number, State.RETIRING, retire_step=Step.CLEAN.value) for number in (1, 2)]
    nodes = [*cleaning, of_fleet(3, State.RETIRING), of_fleet(4)]

    def waiting(**fields: Any) -> list[str]:
        return [note for note in decide(world(nodes, **fields)).notes if "wait for the CA" in note]

    assert waiting(ca_error="no answer") == ["2 ended node(s) wait for the CA"]
    assert waiting() == []


def test_a_retiring_machine_counts_against_limits_until_ec2_was_told_to_end_it() -> None:
    steps = (Step.CONFIRM, Step.TERMINATE, Step.TERMINATE)
    ending = [
        of_fleet(number, State.RETIRING, retire_step=step.value)
        for number, step in enumerate(steps, start=1)
    ]
    seen = world([*ending, of_fleet(4)], limits=Limits(machines=4), unordered={})
    assert [one.count for one in found(seen, do.Open)] == [1]


# An end that has begun.


def ending(**fields: Any) -> World:
    """EC2 does not list the machine of a node whose end has begun."""
    node = of_fleet(1, State.RETIRING, retire_step=Step.CONFIRM.value)
    return world([node], instances=[], now=NOW, **fields)


def test_an_ending_machine_that_ec2_does_not_list_is_suspected_first() -> None:
    [suspect] = found(ending(), do.Suspect)
    assert suspect.what == absent(of_fleet(1).certname)
    assert found(ending(), do.End) == []


@pytest.mark.parametrize(("seconds", "twice"), [(59, False), (60, True)])
def test_a_suspected_one_ends_as_absent_only_a_minute_later(seconds: int, twice: bool) -> None:
    since = NOW - timedelta(seconds=seconds)
    seen = ending(suspects={absent(of_fleet(1).certname): since})
    assert [one.absent for one in found(seen, do.End)] == [twice]


def test_nothing_is_suspected_while_the_clocks_differ() -> None:
    assert found(ending(untimed="the clocks differ"), do.Suspect) == []


# Requests at the CA.


def test_a_waiting_request_of_a_node_of_ours_is_signed_and_no_others() -> None:
    ready, gone = of_fleet(1), of_fleet(2, State.RETIRING, retire_step=Step.TERMINATE.value)
    seen = world([ready, gone], requests=(ready.certname, gone.certname, "stranger.example.com"))
    assert [one.node.certname for one in found(seen, do.Sign)] == [ready.certname]


# Surplus.


def test_no_more_are_too_many_than_stand_ready_above_the_size() -> None:
    """Two of the five that are wanted are not ready yet."""
    coming = [of_fleet(number, State.RUNNING, state_since=NOW) for number in (4, 5)]
    seen = world([*(of_fleet(number) for number in (1, 2, 3)), *coming], now=NOW)
    assert found(seen, do.Drain) == []
    one_more = world([of_fleet(number) for number in (1, 2, 3, 4)], roles=[known(max_age=None)])
    assert len(found(one_more, do.Drain)) == 1
