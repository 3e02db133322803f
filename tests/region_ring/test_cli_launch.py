"""launch, as its users meet it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
import yaml

from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator, roles_yaml
from tests.region_ring.operators import Operators, in_parallel


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


def dry(operator: Operator) -> None:
    operator.spot(0)


def one_spot(operator: Operator) -> None:
    operator.spot(1)


# What is tried, before what world, with what words.
CASES = {
    "spot": (None, "launch web -n 2"),
    "fallback": (dry, "launch web -n 2"),
    "partial": (one_spot, "launch batch -n 3"),
    "none": (dry, "launch batch --fleet --ttl 1h"),
    "on-demand": (None, "launch web --market on-demand --deadline 2s --format json"),
    "accepted": (None, "launch web --wait-until accepted --format yaml"),
    "csv": (None, "launch solid -n 2 --format csv"),
    "rest": (one_spot, "launch batch -n 3 --fleet --ttl 2h --deadline 2s --format json"),
    "ttl": (None, "launch web --ttl 24h --fleet --format json"),
}


@pytest.fixture(scope="module")
def done(operators: Operators) -> dict[str, tuple[Operator, Done]]:
    def carried_out(case: tuple[str, Operator]) -> tuple[str, tuple[Operator, Done]]:
        name, operator = case
        prepare, words = CASES[name]
        if prepare:
            prepare(operator)
        return name, (operator, operator.run(*words.split()))

    return dict(in_parallel(carried_out, [(name, operators.new()) for name in CASES]))


def test_a_machine_that_dies_at_launch_is_told_with_ec2s_own_reason(operators: Operators) -> None:
    operator = operators.new()
    death = {"pool": f"*:*:{operator.world.region}*", "code": "Client.InvalidKMSKey.InvalidState"}
    operator.region.configure(die_at_launch=[death])

    done = operator.run("launch", "web")

    operator.region.configure(die_at_launch=[])
    assert done.code == 1
    assert "is lost (EC2 lists it terminated: Client.InvalidKMSKey.InvalidState" in done.err


@pytest.mark.parametrize("name", CASES)
def test_every_machine_is_in_the_inventory_and_no_template_is_left(
    done: dict[str, tuple[Operator, Done]], name: str
) -> None:
    operator, _ = done[name]

    assert operator.nodes() == operator.machines()
    assert operator.templates() == []


def test_spot_machines_are_shown_when_they_run(done: dict[str, tuple[Operator, Done]]) -> None:
    operator, ended = done["spot"]

    assert ended.code == 0
    header, *rows = [line.split() for line in ended.out.splitlines()]
    assert header[:3] == ["NODE", "STATE", "MARKET"]
    assert sorted(row[0] for row in rows) == operator.machines()
    assert {(row[1], row[2]) for row in rows} == {("running", "spot")}


def test_progress_names_the_launch_and_goes_to_stderr(
    done: dict[str, tuple[Operator, Done]],
) -> None:
    _, ended = done["spot"]

    first, second = ended.err.splitlines()
    assert first.startswith("launch l-")
    assert "2 x web" in first
    assert second.startswith("2 of 2: i-")


@pytest.mark.parametrize(
    ("size", "words", "warned"),
    [(3, "", True), (3, "--fleet", False), (0, "", False), (None, "", False)],
)
def test_a_launch_beside_a_fleet_is_told_that_it_does_not_count(
    operator: Operator, size: int | None, words: str, warned: bool
) -> None:
    fleet = {} if size is None else {"size": size}
    operator.apply(roles_yaml(operator.world, fleet=fleet))

    ended = operator.run("launch", "web", "-n", "2", "--wait-until", "accepted", *words.split())

    assert (ended.code, len(operator.machines())) == (0, 2)
    said = "role web has a fleet of 3 (fleet.size), and machines of this launch do not count"
    assert (said in ended.err) == warned, ended.err


def test_what_spot_does_not_give_comes_on_demand_and_the_reason_is_told(
    done: dict[str, tuple[Operator, Done]],
) -> None:
    _, ended = done["fallback"]

    assert ended.code == 0
    assert ended.out.count("on-demand") == 2
    assert "spot's deadline has passed (UnfulfillableCapacity): asking on-demand" in ended.err


def test_a_part_exits_3_and_says_how_to_get_the_rest_or_undo_it(
    done: dict[str, tuple[Operator, Done]],
) -> None:
    operator, ended = done["partial"]

    assert ended.code == 3
    assert len(operator.machines()) == 1
    first, rest, undo = ended.said
    assert first.startswith(f"provisioner: 1 of 3 came for batch (launch {ended.launch})")
    assert "UnfulfillableCapacity" in first
    assert rest.strip() == "'provisioner launch batch -n 2' asks for the rest"
    assert undo.strip() == f"'provisioner retire {ended.launch}' ends all of it"


def test_the_command_for_the_rest_asks_for_the_same_kind_of_machine(
    done: dict[str, tuple[Operator, Done]],
) -> None:
    _, ended = done["rest"]

    assert "'provisioner launch batch -n 2 --deadline 2s --ttl 2h --fleet'" in ended.said[1]


def test_stdout_of_a_partial_launch_still_parses(done: dict[str, tuple[Operator, Done]]) -> None:
    operator, ended = done["rest"]

    assert ended.json["state"] == "partial"
    assert (ended.json["want"], ended.json["got"]) == (3, 1)
    assert [node["certname"] for node in ended.json["nodes"]] == operator.machines()


def test_no_machine_at_all_exits_1_in_one_line_with_ec2s_word(
    done: dict[str, tuple[Operator, Done]],
) -> None:
    _, ended = done["none"]

    assert (ended.code, ended.out) == (1, "")
    [said] = ended.said
    assert said.startswith("provisioner: 0 of 1 came for batch")
    assert "UnfulfillableCapacity" in said


def test_json_has_the_launch_and_its_nodes(done: dict[str, tuple[Operator, Done]]) -> None:
    operator, ended = done["on-demand"]

    assert ended.code == 0
    assert ended.json["launch"] == ended.launch
    [node] = ended.json["nodes"]
    assert node["certname"] == operator.machines()[0]
    assert (node["market"], node["kind"], node["state"]) == ("on-demand", "extra", "running")
    assert node["expires_at"] is None
    assert "key" not in ended.json


def test_accepted_does_not_wait_for_ec2(done: dict[str, tuple[Operator, Done]]) -> None:
    operator, ended = done["accepted"]

    assert ended.code == 0
    [node] = yaml.safe_load(ended.out)["nodes"]
    assert (node["certname"], node["state"]) == (operator.machines()[0], "pending")


def test_csv_has_a_line_for_each_machine(done: dict[str, tuple[Operator, Done]]) -> None:
    operator, ended = done["csv"]

    assert ended.code == 0
    assert "\r" not in ended.out
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert sorted(row["certname"] for row in rows) == operator.machines()
    assert {row["market"] for row in rows} == {"on-demand"}


def test_a_machine_with_a_life_knows_its_end(done: dict[str, tuple[Operator, Done]]) -> None:
    operator, ended = done["ttl"]

    [node] = ended.json["nodes"]
    assert node["kind"] == "fleet"
    assert node["expires_at"] > node["launched_at"]
    tags = operator.region.instance(node["certname"])["tags"]
    assert tags["rolecall:expires"][:16] == node["expires_at"][:16]


def test_ready_waits_for_puppets_report_and_says_who_is_not_there(operators: Operators) -> None:
    """Nothing reports here: the machine is asked for with a role that cannot wait for long."""
    operator = operators.new(roles=False)
    operator.apply(roles_yaml(operator.world, fleet={"ready_timeout": "2s"}))

    ended = operator.run("launch", "web", "--wait-until", "ready", "--format", "json")

    assert ended.code == 3
    [node] = ended.json["nodes"]
    assert node["state"] == "running"
    assert f"not ready: {node['certname']} is running" in "\n".join(ended.said)
    assert "'provisioner ls --role web' shows how they get on" in "\n".join(ended.said)
    assert "asks for the rest" not in ended.err


def test_ready_is_reached_without_puppet_where_the_role_says_so(operators: Operators) -> None:
    operator = operators.new(roles=False)
    operator.apply(roles_yaml(operator.world, fleet={"ready_when": "running"}))

    ended = operator.run("launch", "web", "--wait-until", "ready", "--format", "json")

    assert ended.code == 0
    assert [node["state"] for node in ended.json["nodes"]] == ["ready"]
