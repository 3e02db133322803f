"""EC2 will not end some of the machines: those remain, each with its own reason, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from enc.domain.model import Node, State
from enc.domain.timeouts import Timeouts
from enc.inventory import Inventory
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.service.retirements import Stage


class ProtectiveCloud(FakeCloud):
    """Refuses a request with a protected machine in it; ``batch`` are ended of one at a time.

    The real adapter sends batches, too, and raises one error when all were sent.
    """

    protected: frozenset[str] = frozenset()
    batch = 200
    trouble = Trouble.DENIED

    def terminate(self, region: str, ids: Sequence[str]) -> frozenset[str]:
        failed, unknown = None, frozenset[str]()
        for start in range(0, len(ids), self.batch):
            part = ids[start : start + self.batch]
            if bad := sorted(self.protected & set(part)):
                message = f"The instance '{bad[0]}' may not be terminated"
                failed = CloudError(
                    self.trouble, "OperationNotPermitted", message, hint="switch it off"
                )
                self.calls.append(("terminate", (region, tuple(part))))
            else:
                unknown |= super().terminate(region, part)
        if failed:
            raise failed
        return unknown


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    found = Stage.of(inventory, clock)
    found.bench.cloud = ProtectiveCloud(clock)
    return found


def protect(stage: Stage, *nodes: Node) -> None:
    cloud = stage.bench.cloud
    assert isinstance(cloud, ProtectiveCloud)
    cloud.protected = frozenset(node.certname for node in nodes)


def names(nodes: Sequence[Node]) -> list[str]:
    return [node.certname for node in nodes]


@pytest.mark.parametrize("which", [[0], [8], [3, 4], [0, 2, 4, 6, 8], list(range(8))])
def test_a_protected_machine_remains_and_keeps_no_other_alive(
    stage: Stage, which: list[int]
) -> None:
    nodes = stage.launched(9)
    protected = [nodes[i] for i in which]
    protect(stage, *protected)
    result = stage.end(nodes)
    assert sorted(result.remaining) == names(protected)
    assert stage.bench.cloud.alive == names(protected)
    assert sorted(stage.ca.signed) == names(protected)
    for name, why in result.remaining.items():
        assert f"The instance '{name}' may not be terminated; switch it off" in why


def test_where_none_is_protected_there_is_one_request(stage: Stage) -> None:
    stage.end(stage.launched(9))
    assert stage.bench.cloud.count("terminate") == 1


def test_one_of_many_costs_few_requests(stage: Stage) -> None:
    nodes = stage.launched(64)
    protect(stage, nodes[41])
    assert len(stage.end(nodes).archived) == 63
    assert stage.bench.cloud.count("terminate") <= 13


def test_where_every_one_is_refused_it_is_not_asked_for_ever(stage: Stage) -> None:
    nodes = stage.launched(150)
    protect(stage, *nodes)
    assert len(stage.end(nodes).remaining) == 150
    assert stage.bench.cloud.count("terminate") <= 200


def test_without_credentials_the_halves_are_not_asked(stage: Stage) -> None:
    nodes = stage.launched(9)
    stage.bench.cloud.fail("terminate", Trouble.NO_CREDENTIALS, times=100)
    assert len(stage.end(nodes).remaining) == 9
    assert stage.bench.cloud.count("terminate") == 1


def test_those_of_a_batch_that_was_taken_are_not_blamed_for_another(stage: Stage) -> None:
    cloud = stage.bench.cloud
    assert isinstance(cloud, ProtectiveCloud)
    cloud.batch = 3
    cloud.trouble = Trouble.UNAVAILABLE
    nodes = stage.launched(6)
    protect(stage, nodes[4])
    result = stage.end(nodes)
    assert list(result.archived) == names(nodes[:3])
    assert sorted(result.remaining) == names(nodes[3:])


def test_a_request_whose_answers_are_all_lost_has_ended_them(stage: Stage) -> None:
    stage.bench.cloud.fail("terminate", Trouble.UNKNOWN_OUTCOME, times=1000, after=True)
    assert len(stage.end(stage.launched(2)).archived) == 2


def test_one_that_was_not_heard_has_not_and_they_remain(stage: Stage) -> None:
    stage.bench.cloud.fail("terminate", Trouble.UNKNOWN_OUTCOME, times=1000)
    nodes = stage.launched(2)
    assert sorted(stage.end(nodes).remaining) == names(nodes)
    assert stage.ca.calls == []


def test_a_protected_one_that_lives_after_all_keeps_no_other_alive(stage: Stage) -> None:
    """EC2 was told, and lists them running all the same."""
    nodes = [
        stage.bench.inventory.nodes.change(
            one, event(), state=State.RETIRING, retire_step="confirm"
        )
        for one in stage.launched(5)
    ]
    protect(stage, nodes[2])
    result = stage.end(nodes)
    assert list(result.remaining) == [nodes[2].certname]
    assert stage.bench.cloud.alive == [nodes[2].certname]


# What is said of those that are still there when the time is over.


def test_what_ec2_has_taken_and_not_done_is_told_as_that(stage: Stage) -> None:
    stage.bench.cloud.manners.shutdown_s = 10**5
    [machine] = stage.launched()
    why = stage.end([machine]).remaining[machine.certname]
    assert why.startswith("EC2 was told to terminate it and says shutting-down; retire it again")


def test_what_ec2_was_not_told_is_not_said_to_be(stage: Stage) -> None:
    """By id it is unknown when it is to be terminated, and there when it is looked at."""
    stage.bench.timeouts = Timeouts(terminated=timedelta(seconds=20))
    stage.bench.cloud.manners.unknown_s = 1
    [machine] = stage.launched()
    stage.bench.cloud.on("terminate", lambda: stage.bench.clock.step(2))
    stage.bench.cloud.on(
        "describe", lambda: stage.bench.cloud.fail("terminate", Trouble.THROTTLED, times=1000)
    )
    why = stage.end([machine]).remaining[machine.certname]
    assert why.startswith("EC2 was not told to terminate it (")
    assert "RequestLimitExceeded" in why
    assert "and says running; retire it again to continue" in why


def test_one_that_is_going_down_by_itself_is_not_said_to_be_told(stage: Stage) -> None:
    [machine] = stage.launched()
    cloud = stage.bench.cloud
    cloud.manners.unknown_s = 1
    cloud.on("terminate", lambda: (stage.bench.clock.step(2), cloud.kill(machine.certname)))
    cloud.manners.shutdown_s = 10**5
    why = stage.end([machine]).remaining[machine.certname]
    assert why.startswith("EC2 was not told to terminate it and says shutting-down")


def test_what_ec2_does_not_answer_of_a_later_step_is_told_without_an_order(stage: Stage) -> None:
    [machine] = stage.launched()
    left = stage.bench.inventory.nodes.change(
        machine, event(), state=State.RETIRING, retire_step="clean"
    )
    stage.bench.cloud.fail("describe", Trouble.UNAVAILABLE, times=10_000)
    why = stage.end([left]).remaining[machine.certname]
    assert why.startswith("EC2 does not say how it is: describe: EndpointConnectionError")
