"""AWS's troubles that pass by themselves, and those that come when machines are there already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, in_parallel

DENIED = "UnauthorizedOperation"

# What may pass by itself, and what is lost on the way.
PASSES: dict[str, dict[str, Any]] = {
    "throttled": {"action": "*", "code": "RequestLimitExceeded", "times": 3},
    "throttled fleet": {"action": "CreateFleet", "code": "RequestLimitExceeded", "times": 2},
    "ill": {"action": "CreateFleet", "code": "InternalError", "status": 500},
    "template's answer lost": {"action": "CreateLaunchTemplate", "cut": "after"},
    "fleet's answer lost": {"action": "CreateFleet", "cut": "after"},
    "half an answer": {"action": "CreateFleet", "cut": "half"},
    "an error after the work": {
        "action": "CreateFleet", "code": "InternalError", "status": 500, "after": True
    },
    "cut before": {"action": "CreateFleet", "cut": "before", "times": 2},
    "looking is cut": {"action": "DescribeInstances", "cut": "half", "times": 2},
    "deletion is cut": {"action": "DeleteLaunchTemplate", "cut": "after"},
    "a proxy's page": {"action": "DescribeInstances", "page": "<html><body/></html>", "times": 2},
    "a proxy's page after the work": {
        "action": "CreateFleet", "page": "<html><body/></html>", "after": True
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture(scope="module")
def passed(operators: Operators) -> dict[str, tuple[Operator, Done]]:
    def tried(pair: tuple[str, Operator]) -> tuple[Operator, Done]:
        name, operator = pair
        operator.fault(**PASSES[name])
        return operator, operator.run("launch", "solid", "-n", "2", "--format", "json")

    ended = in_parallel(tried, [(name, operators.new()) for name in PASSES])
    return dict(zip(PASSES, ended, strict=True))


@pytest.mark.parametrize("name", PASSES)
def test_what_passes_by_itself_is_waited_for(
    passed: dict[str, tuple[Operator, Done]], name: str
) -> None:
    _, ended = passed[name]

    assert ended.code == 0, ended
    assert ended.json["got"] == 2


@pytest.mark.parametrize("name", PASSES)
def test_nothing_is_launched_twice_and_no_template_is_left(
    passed: dict[str, tuple[Operator, Done]], name: str
) -> None:
    operator, ended = passed[name]

    assert len(operator.machines()) == 2
    assert operator.nodes() == operator.machines()
    assert sorted(node["certname"] for node in ended.json["nodes"]) == operator.machines()
    assert operator.templates() == []


def test_machines_that_cannot_be_followed_are_recorded_and_told(operators: Operators) -> None:
    operator = operators.new()
    operator.fault("DescribeInstances", DENIED, times=-1)

    ended = operator.run("launch", "solid", "--format", "json")

    assert ended.code == 3
    assert [node["certname"] for node in ended.json["nodes"]] == operator.machines()
    first, *steps = ended.said
    assert "1 of 1 came for solid" in first
    assert "allow ec2:DescribeInstances" in first
    assert f"'provisioner retire {ended.launch}' ends all of it" in steps[-1]
    assert operator.templates() == []


def test_a_template_that_cannot_be_deleted_is_named_and_retire_deletes_it(
    operators: Operators,
) -> None:
    operator = operators.new()
    operator.fault("DeleteLaunchTemplate", DENIED, times=1)

    ended = operator.run("launch", "solid")
    assert ended.code == 3
    assert f"left behind: launch template rolecall-{ended.launch}" in ended.said[1]

    assert operator.run("retire", "--yes", "--drain", "0s", ended.launch).code == 0
    assert (operator.templates(), operator.machines()) == ([], [])


def test_a_machine_that_cannot_be_terminated_remains_and_the_same_command_goes_on(
    operators: Operators,
) -> None:
    operator = operators.new()
    node = operator.run("launch", "solid", "--format", "json").json["nodes"][0]["certname"]
    operator.fault("TerminateInstances", DENIED, times=1)
    retire = ("retire", "--yes", "--drain", "0s", node)

    ended = operator.run(*retire)
    assert (ended.code, ended.out) == (1, "")
    assert "0 of 1 archived; run the same command again to continue" in ended.said[0]
    assert DENIED in ended.said[1]
    assert "allow ec2:TerminateInstances" in ended.said[1]

    again = operator.run(*retire)
    assert (again.code, again.out) == (0, "1 node archived\n")
    assert operator.machines() == []


def test_an_assignment_that_ec2_refuses_changes_nothing(operators: Operators) -> None:
    operator = operators.new()
    node = operator.run("launch", "solid", "--format", "json").json["nodes"][0]["certname"]
    operator.fault("CreateTags", DENIED, times=1)
    before = operator.stored()

    ended = operator.run("assign", node, "web")

    assert ended.code == 1
    assert "allow ec2:CreateTags" in ended.said[0]
    assert operator.stored() == before
    assert operator.run("assign", node, "web").code == 0
    assert operator.region.instance(node)["tags"]["rolecall:role"] == "web"
