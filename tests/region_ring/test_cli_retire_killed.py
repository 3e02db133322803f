"""retire, killed at each step, before a simulated EC2 and a CA and PuppetDB over HTTPS."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter

import pytest

from provisioner.domain.retirement import Step
from tests.builders import event, foreign
from tests.fakes.ca_server import PuppetServer
from tests.region.handle import ROOT
from tests.region_ring.cli import PATIENCE_S, Operator
from tests.servers import wait_until

FOREIGN = "db1.example.com"
# Each call to the outside, in the order of a retirement; what is done is done by then, and only
# the process does not know it any more.
CALLS = [
    *("draining", "retiring", "terminate", "terminated", "describe", "gone"),
    *("clean", "certificate revoked", "deactivate", "deactivated in PuppetDB", "archived"),
]
HANGS = [("clean", False), ("clean", True), ("deactivate", False), ("deactivate", True)]


def living(operator: Operator, puppet: PuppetServer) -> str:
    """A machine in service that has its certificate."""
    done = operator.run("launch", "solid", "--format", "json")
    machine = str(done.json["nodes"][0]["certname"])
    puppet.vault.issue(machine)
    return machine


def killed_after(call: str, operator: Operator, *names: str) -> None:
    """One process that dies right after this call."""
    died = subprocess.run(
        [sys.executable, "-m", "tests.region_ring.mortal", call, *names],
        check=False,
        env=operator.env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert died.returncode == -signal.SIGKILL, (call, died)


def has_ended_well(operator: Operator, puppet: PuppetServer, *names: str) -> None:
    assert (operator.nodes(), operator.machines()) == ([], [])
    assert (puppet.vault.signed, puppet.vault.requests) == ({}, {})
    assert sorted(puppet.vault.revoked) == sorted(names)
    assert sorted(puppet.deactivated) == sorted(names)
    for name in names:
        life = Counter(entry["what"] for entry in operator.inventory.events.life(name))
        assert life["archived"] == 1
        assert set(life.values()) == {1}, life


def test_killed_after_each_call_to_the_outside_it_goes_on(
    operator: Operator, puppet: PuppetServer
) -> None:
    """Eleven deaths of one retirement, and each process goes on where the last one died."""
    machine = living(operator, puppet)
    stood: list[str] = []
    for call in CALLS:
        killed_after(call, operator, machine)
        stood.append(operator.redis.hget(f"node:{machine}", "retire_step") or "")
    assert set(stood) == {"", *Step}, "there are steps at which nobody died"
    assert len(stood) >= len(Step)

    ended = operator.run("retire", "--yes", machine)

    assert (ended.code, ended.out) == (0, "")
    has_ended_well(operator, puppet, machine)


@pytest.mark.parametrize(("action", "after"), HANGS)
def test_the_command_killed_while_puppet_is_silent_goes_on(
    operator: Operator, puppet: PuppetServer, action: str, *, after: bool
) -> None:
    machine = living(operator, puppet)
    puppet.vault.issue(FOREIGN)
    operator.inventory.nodes.create(foreign(FOREIGN), event())
    puppet.fail(action, "hang", after=after)
    words = ("retire", "--yes", "--drain", "0s", machine, FOREIGN)
    command = operator.start(*words)
    wait_until(f"{action} is called", lambda: bool(puppet.count(action)))
    command.signal(signal.SIGKILL)
    assert command.end().code == -signal.SIGKILL

    ended = operator.run(*words)

    assert (ended.code, ended.out) == (0, "2 nodes archived\n")
    has_ended_well(operator, puppet, machine, FOREIGN)
    assert operator.calls().count("TerminateInstances") == 1
