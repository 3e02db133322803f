"""plan, converge, burst, rotate and what steers them, as their users meet them."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from typing import Any

import pytest

from tests.region_ring.cli import Operator, roles_yaml
from tests.servers import wait_until

FLEET = {"size": 3, "ready_when": "running", "drain": "1s"}


def fleet(operator: Operator, **changed: Any) -> Operator:
    """The operator's roles, with a fleet for one of them."""
    return with_section(operator, "fleet", {**FLEET, **changed})


def with_section(operator: Operator, name: str, section: dict[str, Any]) -> Operator:
    text = json.loads(roles_yaml(operator.world))
    text["roles"]["solid"][name] = section
    return operator.apply(json.dumps(text))


def states(operator: Operator) -> list[str]:
    found = [operator.inventory.nodes.get(name) for name in operator.nodes()]
    return sorted(node.state.value for node in found if node)


def passes(operator: Operator, number: int) -> None:
    for _ in range(number):
        done = operator.run("converge")
        assert done.code == 0, done


def test_plan_says_what_converge_then_does(operator: Operator) -> None:
    fleet(operator)
    planned = operator.run("plan")
    assert planned.code == 0
    assert planned.out.splitlines()[0].split() == ["ACTION", "TARGET", "ROLE", "REASON"]
    assert "3 x solid" in planned.out
    assert "3 of 3 missing" in planned.out
    assert operator.machines() == []

    done = operator.run("converge")
    assert (done.code, done.out) == (0, "1 of 1 actions done\n")
    assert "launch 3 x solid: 3 of 3 missing (3 of 3)" in done.err
    assert len(operator.machines()) == 3
    assert operator.templates() == []


def test_a_fleet_comes_to_rest(operator: Operator) -> None:
    fleet(operator)
    passes(operator, 4)
    assert states(operator) == ["ready"] * 3
    again = operator.run("converge")
    assert (again.code, again.out) == (0, "nothing to do\n")
    rest = operator.run("plan")
    assert (rest.code, rest.out) == (0, "")
    assert "the fleet is as roles.yaml says" in rest.err


def test_plan_for_programs(operator: Operator) -> None:
    fleet(operator)
    planned: Any = operator.run("plan", "--format", "json").json
    [action] = planned["actions"]
    assert (action["action"], action["role"]) == ("launch", "solid")
    assert planned["notes"] == []


def test_a_role_that_there_is_not(operator: Operator) -> None:
    for command in ("plan", "converge"):
        done = operator.run(command, "sollid")
        assert (done.code, done.said) == (
            2,
            ["provisioner: there is no role 'sollid'; did you mean solid?"],
        )


def test_another_converge_is_named(operator: Operator) -> None:
    fleet(operator)
    operator.inventory.leases.take("bob@ops", "1", timedelta(seconds=60))
    done = operator.run("converge")
    assert done.code == 1
    assert "bob@ops holds the lease" in done.err
    assert operator.machines() == []


def test_a_launch_that_waits_for_capacity_is_told_as_under_way(operator: Operator) -> None:
    fleet(operator)
    operator.on_demand(1)
    passes(operator, 1)
    [launch] = [one.id for one in operator.inventory.launches.opened()]
    assert "1 of 3, asked for 1 time(s)" in operator.run("show", launch).out
    assert operator.run("ls").err == ""


def test_ec2_that_denies_is_partly_or_not_done(operator: Operator) -> None:
    fleet(operator)
    operator.fault("CreateFleet", "UnauthorizedOperation")
    done = operator.run("converge")
    assert done.code == 1
    assert "UnauthorizedOperation" in done.err
    assert operator.templates() == []


@pytest.mark.parametrize("what", ["", "solid"])
def test_a_pause_stops_it_and_resume_goes_on(operator: Operator, what: str) -> None:
    fleet(operator)
    words = [what] if what else []
    paused = operator.run("pause", *words, "--why", "a load test")
    assert paused.code == 0
    assert f"'provisioner resume{' ' + what if what else ''}' ends the pause" in paused.out
    done = operator.run("converge")
    assert (done.code, done.out) == (0, "nothing to do\n")
    assert "a load test" in done.err
    resumed = operator.run("resume", *words)
    assert resumed.code == 0
    assert "a load test" in resumed.out
    assert operator.run("resume", *words).out.startswith("nothing to do")
    passes(operator, 1)
    assert len(operator.machines()) == 3


def test_a_fleet_of_five_rotates_and_never_fewer_than_five_are_ready(operator: Operator) -> None:
    fleet(operator, size=5, surge=5)
    passes(operator, 3)
    old = set(operator.nodes())
    marked = operator.run("rotate", "solid")
    assert marked.out.startswith("5 node(s) will be replaced")

    def rotated() -> bool:
        done = operator.run("converge")
        assert done.code == 0, done
        assert states(operator).count("ready") >= 5
        return not old & set(operator.nodes())

    wait_until("all are replaced", rotated, timeout=180)
    assert states(operator).count("ready") == 5
    assert not old & set(operator.machines())


def test_an_interruption_notice_replaces_a_machine_before_it_dies(operator: Operator) -> None:
    queue = operator.region.queue(operator.place)
    text = json.loads(roles_yaml(operator.world))
    text["roles"]["web"]["fleet"] = FLEET
    operator.apply(json.dumps(text))
    passes(operator, 3)
    doomed = operator.nodes()[0]
    operator.region.interrupt(doomed, notice_s=120)

    lost = queue.replace("/spot", "/lost")

    def heard() -> bool:
        done = operator.run("converge", SPOT_QUEUE_URL=f"{lost} {queue}")
        assert done.code == 0, done
        assert f"EC2's notices cannot be read from {lost}" in done.err
        return f"drain {doomed}: EC2 takes it back" in done.err

    wait_until("the notice is heard", heard, timeout=30)
    assert len(operator.machines()) == 4
    assert doomed in operator.machines("running")


def test_rotate_of_one_that_is_of_no_fleet(operator: Operator) -> None:
    launched = operator.run("launch", "solid", "--format", "json").json["nodes"]
    done = operator.run("rotate", launched[0]["certname"])
    assert done.code == 2
    assert "only fleet nodes are replaced" in done.err
    assert operator.run("rotate", "nothing").code == 2


def test_hold_and_unhold(operator: Operator) -> None:
    fleet(operator)
    passes(operator, 3)
    one = operator.nodes()[0]
    held = operator.run("hold", one, "--why", "core dump")
    assert (held.code, held.out) == (0, f"{one} is held\n"), held
    operator.run("rotate", "solid")
    found = operator.inventory.nodes.get(one)
    assert found is not None
    assert found.held == "core dump"
    assert found.replace_because == ""
    assert "core dump" in operator.run("unhold", one).out
    assert operator.run("unhold", one).out == f"nothing to do: {one} is not held\n"


def test_a_cut_to_nothing_waits_for_resume(operator: Operator) -> None:
    fleet(operator)
    passes(operator, 3)
    fleet(operator, size=0)
    passes(operator, 2)
    assert states(operator) == ["ready"] * 3
    assert "'provisioner resume solid' approves it" in operator.run("plan").err
    assert "3 node(s) may be ended" in operator.run("resume", "solid").out

    def gone() -> bool:
        passes(operator, 1)
        return operator.nodes() == []

    wait_until("all are gone", gone, timeout=60)
    assert operator.machines() == []


def test_run_passes_until_it_is_told_to_stop(operator: Operator) -> None:
    fleet(operator)
    running = operator.start("run", "--interval", "1s")
    wait_until("three are ready", lambda: states(operator) == ["ready"] * 3, timeout=60)
    running.signal(signal.SIGTERM)
    done = running.end()
    assert done.code == 0, done
    assert done.said == ["provisioner: stopped"]
    assert operator.inventory.leases.current() is None


def test_a_metrics_address_that_is_none(operator: Operator) -> None:
    done = operator.run("run", "--metrics", "nowhere")
    assert (done.code, done.said) == (
        2,
        ["provisioner: --metrics nowhere: write HOST:PORT, as in 127.0.0.1:9310"],
    )


def test_a_burst_has_a_life_and_is_of_no_fleet(operator: Operator) -> None:
    with_section(operator, "burst", {"ttl": "2h", "max": 3})
    done = operator.run("burst", "solid", "-n", "2", "--format", "json")
    assert done.code == 0, done
    nodes = done.json["nodes"]
    assert {one["kind"] for one in nodes} == {"burst"}
    assert all(one["expires_at"] for one in nodes)
    more = operator.run("burst", "solid", "-n", "2")
    assert more.code == 2
    assert "2 burst machines of role solid live or are asked for" in more.err


def test_a_role_without_a_burst_section(operator: Operator) -> None:
    done = operator.run("burst", "solid")
    assert done.code == 2
    assert "has no burst section" in done.err
