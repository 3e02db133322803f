"""Ctrl-C, a system that shuts down, a terminal that closes, kill -9: at every point of a launch.

Whatever comes when, the command says what was left, and `retire l-...` finds and ends all of it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator, Running
from tests.region_ring.operators import Operators, in_parallel
from tests.servers import wait_until

INT, TERM, HUP, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL
# EC2's slowness, for as long as the signals take to be sent and seen.
SLOW_S = 2.0
# Between two presses of the same key.
PRESSES_S = 0.3


@dataclass(frozen=True)
class Point:
    """Where a launch of two machines is when it is stopped. ``reached`` returns at that moment."""

    words: str
    prepare: Callable[[Operator], object]
    reached: Callable[[Operator], object]


def slow(action: str) -> Callable[[Operator], object]:
    return lambda operator: operator.fault(action, latency_s=SLOW_S)


def asked(action: str) -> Callable[[Operator], object]:
    return lambda operator: operator.wait_for_call(action)


def no_spot(operator: Operator) -> None:
    operator.spot(0)


def refused_once(operator: Operator) -> None:
    wait_until("an attempt", lambda: events(operator, "asked EC2"))


def running(operator: Operator) -> None:
    wait_until("machines to run", lambda: operator.redis.zcard("nodes:state:running") == 2)


def events(operator: Operator, what: str) -> bool:
    return any(fields["what"] == what for _, fields in operator.inventory.events.after())


SOLID = "launch solid -n 2"
POINTS = {
    "looking": Point(SOLID, slow("DescribeImages"), asked("DescribeImages")),
    "template": Point(SOLID, slow("CreateLaunchTemplate"), asked("CreateLaunchTemplate")),
    "fleet": Point(SOLID, slow("CreateFleet"), asked("CreateFleet")),
    "between": Point("launch batch -n 2 --deadline 1h", no_spot, refused_once),
    "cleaning": Point(SOLID, slow("DeleteLaunchTemplate"), asked("DeleteLaunchTemplate")),
    "following": Point(f"{SOLID} --wait-until ready", lambda _: None, running),
}
ONCE = [(point, (INT,)) for point in POINTS]
TWICE = [(point, (INT, INT)) for point in POINTS if point not in ("looking", "following")]
TWICE.append(("fleet", (INT, INT, INT)))
KILLED = [(point, (KILL,)) for point in POINTS if point != "looking"]
OTHERS = [("fleet", (TERM,)), ("between", (TERM,)), ("fleet", (HUP,)), ("following", (HUP,))]


@dataclass
class Stopped:
    """How the command ended, and what there was right then."""

    operator: Operator
    done: Done
    machines: list[str]
    nodes: list[str]
    templates: list[str]
    states: list[str]

    @property
    def is_open(self) -> bool:
        return self.states == ["open"]


Case = tuple[str, tuple[int, ...]]


def stop(operator: Operator, case: Case) -> Stopped:
    name, numbers = case
    point = POINTS[name]
    point.prepare(operator)
    command = operator.start(*point.words.split())
    point.reached(operator)
    press(command, numbers)
    done = command.end()
    states = [str(operator.redis.hget(key, "state")) for key in launches(operator)]
    return Stopped(
        operator, done, operator.machines(), operator.nodes(), operator.templates(), states
    )


def press(command: Running, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        command.signal(number)
        if len(numbers) > 1:
            time.sleep(PRESSES_S)


def launches(operator: Operator) -> list[str]:
    return [key for key in operator.stored() if key.startswith("launch:")]


@pytest.fixture(scope="module")
def stopped(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Case, Stopped]]:
    cases = [*ONCE, *TWICE, *KILLED, *OTHERS]
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as operators:
        pairs = [(operators.new(), case) for case in cases]
        ended = in_parallel(lambda pair: stop(*pair), pairs)
        yield dict(zip(cases, ended, strict=True))


@pytest.mark.parametrize("case", [*ONCE, *TWICE, *OTHERS], ids=str)
def test_a_stop_exits_130_with_one_message_and_no_traceback(
    stopped: dict[Case, Stopped], case: Case
) -> None:
    done = stopped[case].done

    assert done.code == 130, done
    assert "Traceback" not in done.err
    assert done.err.count("provisioner: interrupted") == 1


@pytest.mark.parametrize(
    "case", [case for case in [*ONCE, *OTHERS] if case[0] != "looking"], ids=str
)
def test_after_one_signal_all_machines_are_recorded_and_the_launch_is_closed(
    stopped: dict[Case, Stopped], case: Case
) -> None:
    found = stopped[case]

    assert found.nodes == found.machines
    assert found.templates == []
    assert found.states in (["interrupted"], ["complete"])


@pytest.mark.parametrize(
    "case", [case for case in [*ONCE, *TWICE, *OTHERS] if case[0] != "looking"], ids=str
)
def test_what_was_left_is_said_with_the_command_that_undoes_it(
    stopped: dict[Case, Stopped], case: Case
) -> None:
    found = stopped[case]
    said = "\n".join(found.done.said)

    if found.machines or found.templates:
        assert f"'provisioner retire {found.done.launch}'" in said
    elif "open" not in found.states:
        assert "nothing is left" in said or found.done.launch in said


def test_before_the_intent_nothing_is_written(stopped: dict[Case, Stopped]) -> None:
    found = stopped["looking", (INT,)]

    assert launches(found.operator) == []
    assert found.done.said == ["provisioner: interrupted; nothing was launched and nothing is left"]


def test_the_first_signal_waits_for_ec2_and_says_so(stopped: dict[Case, Stopped]) -> None:
    found = stopped["fleet", (INT,)]

    assert "stopping as soon as EC2 has answered" in found.done.err
    assert len(found.machines) == 2


def test_machines_that_came_are_printed(stopped: dict[Case, Stopped]) -> None:
    found = stopped["fleet", (INT,)]

    assert sorted(line.split()[0] for line in found.done.out.splitlines()[1:]) == found.machines


def test_a_wait_that_is_cut_off_leaves_a_complete_launch(stopped: dict[Case, Stopped]) -> None:
    found = stopped["following", (INT,)]

    assert found.states == ["complete"]
    assert "interrupted while waiting for ready; 2 of 2 came for solid" in found.done.said[0]


def test_a_second_signal_does_not_wait_for_ec2_and_says_what_may_come_of_it(
    stopped: dict[Case, Stopped],
) -> None:
    found = stopped["fleet", (INT, INT)]

    assert found.states == ["interrupted"]
    said = "\n".join(found.done.said)
    assert "perhaps up to 2 more machine(s): EC2's answer was not waited for" in said
    assert "nothing is left" not in said
    assert f"'provisioner retire {found.done.launch}' ends all of it" in said


@pytest.fixture(scope="module")
def undone(stopped: dict[Case, Stopped]) -> dict[Case, tuple[list[Done], Done]]:
    """The next commands of whoever comes upon it: ls and show if it stands open, and retire."""
    cases = [case for case in stopped if case[0] != "looking"]

    def undo(case: Case) -> tuple[list[Done], Done]:
        found = stopped[case]
        operator, launch = found.operator, found.done.launch
        if case == ("fleet", (KILL,)):
            # Nobody waits for the answer, and EC2 makes the machines all the same.
            wait_until("EC2 to have worked", lambda: len(operator.machines()) == 2)
        # As half a minute later, when a dead command is known by its silence.
        operator.silence(launch)
        shown = [operator.run("ls"), operator.run("show", launch)] if found.is_open else []
        return shown, operator.run("retire", launch, "--yes", "--drain", "0s")

    return dict(zip(cases, in_parallel(undo, cases), strict=True))


EVERY = [case for case in [*ONCE, *TWICE, *KILLED, *OTHERS] if case[0] != "looking"]


@pytest.mark.parametrize("case", KILLED, ids=str)
def test_the_next_command_understands_what_a_dead_one_left(
    stopped: dict[Case, Stopped], undone: dict[Case, tuple[list[Done], Done]], case: Case
) -> None:
    """A launch that was complete when its command died is nothing to speak of."""
    if case[0] == "following":
        assert not stopped[case].is_open
        return
    listed, shown = undone[case][0]
    launch = stopped[case].done.launch

    assert (listed.code, shown.code) == (0, 0)
    assert f"warning: launch {launch} " in listed.err
    assert "cut short: its command was last heard" in shown.out


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_retiring_the_launch_ends_every_machine_and_template(
    stopped: dict[Case, Stopped], undone: dict[Case, tuple[list[Done], Done]], case: Case
) -> None:
    operator, retired = stopped[case].operator, undone[case][1]

    assert retired.code == 0, retired
    assert operator.machines() == []
    assert operator.templates() == []
    assert operator.nodes() == []


def test_a_launch_that_is_alive_cannot_be_retired_away(
    stopped: dict[Case, Stopped],
) -> None:
    """Its next machines would be missed; the message says when it may be tried again."""
    operator = stopped["looking", (INT,)].operator
    operator.spot(0)
    command = operator.start("launch", "batch", "--deadline", "1h")
    refused_once(operator)
    launch = launches(operator)[0].removeprefix("launch:")

    refused = operator.run("retire", launch, "--yes")
    command.signal(INT)
    ended = command.end()

    assert refused.code == 1
    assert f"launch {launch} is under way" in refused.err
    assert "if it was killed, try again in" in refused.err
    assert ended.code == 130
    assert operator.run("retire", launch, "--yes").code == 0
