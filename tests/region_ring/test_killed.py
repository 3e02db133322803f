"""A real kill -9 at many calls of each command; two passes of converge later all is well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from time import sleep
from typing import Any

import pytest

from tests.region.handle import Region
from tests.region_ring.cli import PATIENCE_S, Done, Operator, roles_yaml
from tests.region_ring.operators import Operators, in_parallel
from tests.warm import warm

POINTS = 10
FLEET = {"size": 2, "ready_when": "running", "drain": "1s"}
# So that two passes are "more than a minute apart".
SPANS = {
    "ROLECALL_SPAN_SUSPECT": "1s",
    "ROLECALL_SPAN_DEAD": "1s",
    "ROLECALL_SPAN_YOUNG": "1s",
}
LEASE = {"ROLECALL_SPAN_LEASE": "5s"}
COMMANDS = ("launch", "burst", "retire", "converge")


@pytest.fixture
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("killed")) as found:
        yield found


def dying(operator: Operator, *words: str) -> Done:
    env = {**operator.env, **SPANS, **LEASE}
    command = warm().start("tests.region_ring.dying", *words, env=env, cwd=operator.folder)
    return Done(*command.end(PATIENCE_S))


def arranged(operator: Operator, command: str) -> list[str]:
    """What the command is given. The fleet is whole, but where converge is to fill it."""
    text: Any = json.loads(roles_yaml(operator.world))
    text["roles"]["solid"]["fleet"] = FLEET
    operator.apply(json.dumps(text))
    # Nothing is in other regions: to list them all would take most of the time.
    operator.inventory.sweeps.note([operator.place], timedelta(hours=1))
    if command == "converge":
        return []
    for _ in range(3):
        passed(operator)
    return operator.nodes()[:1] if command == "retire" else []


def passed(operator: Operator) -> None:
    done = operator.run("converge", **SPANS)
    assert done.code == 0, done


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_anywhere_is_put_right_by_two_passes(operators: Operators, command: str) -> None:
    operator = operators.new()
    names = arranged(operator, command)
    clean = dying(operator, "0", "before", command, *names)
    assert clean.code == 0, clean
    calls = int(clean.out.split()[-1])
    # A run may make a few calls less than another one: the last are not counted on.
    last = calls * 6 // 7
    points = {round(1 + n * (last - 1) / (POINTS - 1)) for n in range(POINTS)}
    assert len(points) == POINTS, calls
    made = [(operators.new(), number) for number in sorted(points)]
    in_parallel(lambda one: killed(one[0], command, one[1]), made)


def killed(operator: Operator, command: str, number: int) -> None:
    when = "after" if number % 2 else "before"
    names = arranged(operator, command)
    before = set(operator.machines())
    died = dying(operator, str(number), when, command, *names)
    where = f"{command}: {when} call {number}"
    assert died.code == -9, (where, died)
    # The lease of the dead, and then what makes a suspicion, run out in true time.
    for seconds in (5.1, 1.1):
        sleep(seconds)
        passed(operator)
    is_whole(operator, where)
    assert before - set(operator.machines()) <= set(names), where


def test_two_at_once_of_which_one_sleeps_past_its_lease_make_nothing_twice(
    operators: Operators,
) -> None:
    """Stopped just before a request, after it was made sure of that the lease is ours."""
    operator = operators.new()
    arranged(operator, "converge")
    calls = dying(operator, "0", "before", "converge").out.split()[:-1]
    there = [number for number, name in enumerate(calls, 1) if name.startswith("ec2.")]
    work = [n for n in there if calls[n - 1] in ("ec2.create_fleet", "ec2.create_template")]
    assert len(work) >= 2, calls
    made = [(operators.new(), number) for number in sorted({*there[::4], *work})]
    in_parallel(lambda one: slept(*one), made)


def slept(operator: Operator, number: int) -> None:
    arranged(operator, "converge")
    words = ("-m", "tests.region_ring.dying", str(number), "asleep", "converge")
    sleeper = subprocess.Popen(
        [sys.executable, *words],
        env={**operator.env, **SPANS, "ROLECALL_SPAN_LEASE": "2s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _, how = os.waitpid(sleeper.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(how), (number, how)
        sleep(2.1)
        passed(operator)
        sleeper.send_signal(signal.SIGCONT)
        said, _ = sleeper.communicate(timeout=PATIENCE_S)
    finally:
        sleeper.kill()
    assert "LeaseLostError" in said or sleeper.returncode == 0, (number, said)
    for _ in range(2):
        sleep(1.1)
        passed(operator)
    is_whole(operator, f"asleep in call {number}")
    assert len(operator.machines()) == FLEET["size"], number


def is_whole(operator: Operator, where: str) -> None:
    alive, store = set(operator.machines()), operator.inventory
    states = {name: str(store.nodes.get(name).state) for name in operator.nodes()}  # type: ignore[union-attr]
    ending = {n for n, state in states.items() if state in ("retiring", "lost", "draining")}
    assert alive <= set(states), (where, "leaked", alive - set(states))
    assert set(states) - ending <= alive, (where, "no machine", states)
    assert operator.templates() == [], where
    made = Counter(store.nodes.get(name).launch for name in alive)  # type: ignore[union-attr]
    for launch, count in made.items():
        found = store.launches.get(launch)
        assert found is not None, (where, launch)
        assert count <= found.want, (where, launch)
