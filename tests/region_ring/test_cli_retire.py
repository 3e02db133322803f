"""assign and retire, as their users meet them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from enc.domain.model import LaunchState, State
from enc.inventory.codec import launch_to_hash
from provisioner.ending.puppet import NO_CA, NO_PUPPETDB
from tests.builders import event, foreign, launch, node
from tests.region.handle import Region
from tests.region_ring.cli import Operator
from tests.region_ring.operators import Operators
from tests.servers import wait_until

FOREIGN = "db1.example.com"
CTRL_C = "\x03"


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture
def operator(operators: Operators) -> Operator:
    return operators.new()


@pytest.fixture(scope="module")
def asked(operators: Operators) -> Operator:
    """Whose answers change little."""
    return operators.new()


def launched(operator: Operator, count: int = 1) -> list[str]:
    done = operator.run("launch", "solid", "-n", str(count), "--format", "json")
    return [one["certname"] for one in done.json["nodes"]]


def with_foreign(operator: Operator, *names: str) -> None:
    for name in names:
        operator.inventory.nodes.create(foreign(name), event())


def test_several_are_ended_in_one_command_and_each_is_named(operator: Operator) -> None:
    machines = launched(operator, 2)
    with_foreign(operator, FOREIGN)

    ended = operator.run("retire", "--yes", "--drain", "0s", FOREIGN, *machines, machines[0])

    assert (ended.code, ended.out) == (0, "3 nodes archived\n")
    archived = [f"{name} is archived" for name in (FOREIGN, *machines)]
    assert sorted(ended.err.splitlines()) == sorted([*archived, NO_CA, NO_PUPPETDB])
    assert (operator.machines(), operator.nodes()) == ([], [])


def test_one_that_has_ended_already_is_nothing_to_do(operator: Operator) -> None:
    """So the same command goes on, however far the first one came."""
    with_foreign(operator, FOREIGN, "db2")
    assert operator.run("retire", "--yes", FOREIGN).code == 0

    ended = operator.run("retire", "--yes", FOREIGN, "db2")
    again = operator.run("retire", FOREIGN)

    assert (ended.code, ended.out) == (0, "1 node archived\n")
    assert f"nothing to do for {FOREIGN} ended on 2" in ended.err
    assert (again.code, again.out) == (0, "")
    assert operator.calls() == []


def test_a_foreign_nodes_machine_is_none_of_ours(operator: Operator) -> None:
    """Even one that is named like an instance."""
    [machine] = launched(operator)
    operator.redis.flushdb()
    operator.begin().apply()
    with_foreign(operator, machine)

    assert operator.run("retire", "--yes", machine).code == 0
    assert operator.machines() == [machine]


def test_a_drain_takes_its_time_and_can_be_stopped_and_gone_on_with(operator: Operator) -> None:
    [machine] = launched(operator)
    command = operator.start("retire", "--yes", "--drain", "1h", machine)
    wait_until("draining", lambda: bool(operator.redis.zcard("nodes:state:draining")))

    command.signal(signal.SIGINT)
    stopped = command.end()
    assert stopped.code == 130
    [said] = stopped.said
    assert (
        f"interrupted; 0 of 1 archived; {machine} is draining; run the same command again" in said
    )
    assert operator.machines() == [machine]

    done = operator.run("retire", "--yes", "--drain", "0s", machine)
    assert (done.code, done.out) == (0, "1 node archived\n")


def test_a_termination_that_is_stopped_goes_on(operator: Operator) -> None:
    [machine] = launched(operator)
    operator.fault("TerminateInstances", latency_s=1.5)
    command = operator.start("retire", "--yes", "--drain", "0s", machine)
    operator.wait_for_call("TerminateInstances")

    command.signal(signal.SIGTERM)
    stopped = command.end()

    assert stopped.code == 130
    assert f"{machine} is retiring (next: terminate); run the same command again" in stopped.said[0]
    assert operator.run("retire", "--yes", machine).code == 0
    assert (operator.machines(), operator.nodes()) == ([], [])


def test_a_retirement_that_is_killed_goes_on(operator: Operator) -> None:
    [machine] = launched(operator)
    operator.fault("TerminateInstances", latency_s=1.0)
    command = operator.start("retire", "--yes", "--drain", "0s", machine)
    operator.wait_for_call("TerminateInstances")
    command.signal(signal.SIGKILL)
    command.end()

    assert ["state", "retiring"] in [
        line.split() for line in operator.run("show", machine).out.splitlines()
    ]
    assert operator.run("retire", "--yes", machine).out == "1 node archived\n"
    assert operator.machines() == []


def test_a_launch_is_ended_with_what_was_never_recorded_and_what_has_another_role(
    operator: Operator,
) -> None:
    done = operator.run("launch", "solid", "-n", "3", "--format", "json")
    first, second, _ = (one["certname"] for one in done.json["nodes"])
    assert operator.run("assign", first, "web").code == 0
    operator.redis.delete(f"node:{second}")
    for index in ("nodes", "nodes:role:solid", "nodes:state:running", "nodes:market:on-demand"):
        operator.redis.zrem(index, second)

    ended = operator.run("retire", "--yes", "--drain", "0s", done.launch)

    assert (ended.code, ended.out) == (0, "3 nodes archived\n")
    assert f"launch {done.launch} is closed and has 3 machines" in ended.err
    assert operator.machines() == []


def test_a_machine_without_our_tags_is_left_alone_and_named(operator: Operator) -> None:
    done = operator.run("launch", "solid", "--format", "json")
    [machine] = operator.machines()
    operator.redis.flushdb()
    operator.begin().apply()
    operator.redis.hset(f"launch:{done.launch}", mapping=closed_launch(operator))
    client = operator.region.client("ec2", operator.place)
    client.delete_tags(Resources=[machine], Tags=[{"Key": "rolecall:role"}])

    ended = operator.run("retire", "--yes", done.launch)

    assert ended.code == 0
    assert f"left alone: {machine} carries rolecall:site but no rolecall:role" in ended.err
    assert operator.machines() == [machine]


def closed_launch(operator: Operator) -> dict[str, str]:
    return launch_to_hash(launch(region=operator.place, state=LaunchState.INTERRUPTED))


def test_a_held_node_is_retired_by_hand_with_a_warning(operator: Operator) -> None:
    operator.inventory.nodes.create(foreign(FOREIGN, held="is being debugged"), event())

    ended = operator.run("retire", "--yes", FOREIGN)

    assert ended.code == 0
    assert f"warning: {FOREIGN} is held: is being debugged" in ended.err


@pytest.mark.parametrize(
    ("typed", "code", "there", "expected"),
    [
        ("y\n", 0, [], "1 node archived"),
        ("n\n", 1, [FOREIGN], "provisioner: nothing was changed"),
        ("\n", 1, [FOREIGN], "provisioner: nothing was changed"),
        ("\x04", 130, [FOREIGN], "provisioner: interrupted; nothing was changed"),
        (CTRL_C, 130, [FOREIGN], "provisioner: interrupted; nothing was changed"),
    ],
    ids=["yes", "no", "nothing", "end of file", "Ctrl-C"],
)
def test_on_a_terminal_it_asks(
    asked: Operator, typed: str, code: int, there: list[str], expected: str
) -> None:
    if FOREIGN not in asked.nodes():
        with_foreign(asked, FOREIGN)

    with asked.terminal("retire", FOREIGN) as terminal:
        named = "End db1.example.com (web, foreign, ready) for good"
        terminal.expect(f"{named} (no PUPPET_CA_URL: certificates stay valid)? [y/N]:")
        terminal.press_ctrl_c() if typed == CTRL_C else terminal.type(typed)
        ended = terminal.end()

    assert ended == code, terminal.plain
    assert expected in terminal.plain
    assert "Traceback" not in terminal.plain
    assert asked.nodes() == there


def test_a_terminal_that_is_closed_stops_a_launch_in_good_order(operator: Operator) -> None:
    operator.spot(0)
    with operator.terminal("launch", "batch", "--deadline", "1h") as terminal:
        terminal.expect("asking again in")
        terminal.hang_up()
        assert terminal.process.wait(30) == 130

    [key] = [key for key in operator.stored() if key.startswith("launch:")]
    assert operator.redis.hget(key, "state") == "interrupted"
    assert operator.templates() == []


def test_progress_is_shown_on_a_terminal(operator: Operator) -> None:
    """A line names what is waited for, and is gone at the end; the terminal wraps again."""
    with operator.terminal("launch", "batch", "--deadline", "3s") as terminal:
        operator.spot(0)
        terminal.expect("asking again in")
        terminal.end()

    _, _, behind = terminal.shown.rpartition("asking again in")
    assert "\x1b[?7h\r\x1b[K" in behind


def test_assigning_changes_the_tag_and_the_store(operator: Operator) -> None:
    [machine] = launched(operator)

    done = operator.run("assign", machine, "web", "--environment", "staging")

    assert done.code == 0
    assert done.out == (
        f"{machine} has role web in environment staging; its next Puppet run sees it\n"
    )
    tags = operator.region.instance(machine)["tags"]
    assert (tags["rolecall:role"], tags["rolecall:environment"]) == ("web", "staging")
    assert operator.redis.hget(f"node:{machine}", "role") == "web"
    back = operator.run("assign", machine, "web", "--environment", "")
    assert back.out == f"{machine} has role web; its next Puppet run sees it\n"


def test_a_node_is_assigned_by_its_name_too(operator: Operator) -> None:
    [machine] = launched(operator)
    name = str(operator.redis.hget(f"node:{machine}", "private_dns"))

    assert operator.run("assign", name, "web").out.startswith(f"{machine} has role web")


def test_an_unknown_node_is_made_a_foreign_one(operator: Operator) -> None:
    done = operator.run("assign", FOREIGN, "plain")

    assert (done.code, done.out) == (
        0,
        f"{FOREIGN} is new: a foreign node with role plain\n",
    )
    assert operator.redis.hget(f"node:{FOREIGN}", "kind") == "foreign"
    assert operator.calls() == []


def test_a_machine_that_has_ended_never_comes_back(operator: Operator) -> None:
    [machine] = launched(operator)
    assert operator.run("retire", "--yes", "--drain", "0s", machine).code == 0

    done = operator.run("assign", machine, "web")

    assert done.code == 1
    assert f"{machine} ended on 2" in done.said[0]
    assert "it never comes back" in done.said[0]
    assert operator.nodes() == []


def test_a_foreign_node_that_has_ended_may_come_back(operator: Operator) -> None:
    """Its name is a host's, not one machine's."""
    with_foreign(operator, FOREIGN)
    assert operator.run("retire", "--yes", FOREIGN).code == 0

    assert operator.run("assign", FOREIGN, "web").code == 0
    assert operator.nodes() == [FOREIGN]


def test_an_instance_that_nobody_recorded_is_foreign_only_when_it_is_said(
    operator: Operator,
) -> None:
    unknown = "i-0bbbbbbbbbbbbbbb1"

    refused = operator.run("assign", unknown, "web")
    said = operator.run("assign", "--foreign", unknown, "web")

    assert refused.code == 2
    assert "give --foreign: Puppet gets answers, and rolecall never ends it" in refused.said[0]
    assert (said.code, operator.nodes()) == (0, [unknown])


def test_a_node_at_its_end_and_a_launch_are_no_nodes_to_assign(operator: Operator) -> None:
    dying = "i-0aaaaaaaaaaaaaaa1"
    operator.inventory.nodes.create(node(dying, state=State.RETIRING), event())
    made = operator.run("launch", "solid").launch

    ended = operator.run("assign", dying, "web")
    named = operator.run("assign", made, "web")

    assert (ended.code, named.code) == (1, 2)
    assert f"{dying} is being retired" in ended.said[0]
    assert f"{made} is a launch: 'provisioner show {made}'" in named.said[0]
