"""One body of tests for anything that calls itself Notices: in memory, and SQS over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from provisioner.adapters.aws import client_factory
from provisioner.adapters.sqs import SqsNotices
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.notices import Notice, Warned
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import REGION
from tests.fakes.events import interruption, rebalance, state_change
from tests.region.handle import Region
from tests.region_ring.contract.queues import InMemory, OverHttp, Queue


@pytest.fixture(scope="module")
def clients(region_server: Region) -> Iterator[dict[str, Any]]:
    made = {service: region_server.client(service) for service in ("ec2", "sqs", "sns")}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture(scope="module")
def sqs_notices(region_server: Region) -> Iterator[SqsNotices]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in region_server.env().items():
            environment.setenv(name, value)
        yield SqsNotices(client_factory(), FakeClock(), region_server.queue(), print)


@pytest.fixture(params=["in memory", "over HTTP"])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param == "in memory":
        return InMemory()
    notices: SqsNotices = request.getfixturevalue("sqs_notices")
    region: Region = request.getfixturevalue("region")
    return OverHttp(notices, region, region.seed(), request.getfixturevalue("clients"))


def kinds(notices: tuple[Notice, ...]) -> set[tuple[str, Warned]]:
    return {(notice.instance_id, notice.kind) for notice in notices}


def test_an_empty_queue_has_nothing_to_say(queue: Queue) -> None:
    assert queue.notices.take() == ()


def test_an_interruption_says_which_machine_where_and_what(queue: Queue) -> None:
    first, _ = queue.machines
    queue.interrupt(first)
    (notice,) = queue.notices.take()

    assert (notice.instance_id, notice.region, notice.kind) == (first, REGION, Warned.INTERRUPTION)
    assert notice.action == "terminate"
    assert notice.at.utcoffset() is not None


def test_a_rebalance_recommendation_is_another_kind(queue: Queue) -> None:
    first, second = queue.machines
    queue.interrupt(first)
    queue.rebalance(first)
    queue.rebalance(second)
    expected = {(first, Warned.INTERRUPTION), (first, Warned.REBALANCE), (second, Warned.REBALANCE)}

    assert kinds(queue.notices.take()) == expected


def test_what_was_taken_is_hidden_and_comes_again(queue: Queue) -> None:
    queue.rebalance(queue.machines[0])
    taken = queue.notices.take()

    assert queue.notices.take() == ()
    queue.reappear(taken)
    assert kinds(queue.notices.take()) == kinds(taken)


def test_what_is_done_does_not(queue: Queue) -> None:
    first, second = queue.machines
    queue.rebalance(first)
    queue.rebalance(second)
    taken = queue.notices.take()
    queue.notices.done(taken[:1])
    queue.reappear(taken[1:])

    assert kinds(queue.notices.take()) == kinds(taken[1:])
    assert queue.waiting() == 1


def test_done_twice_is_done(queue: Queue) -> None:
    queue.rebalance(queue.machines[0])
    taken = queue.notices.take()
    queue.notices.done(taken)
    queue.notices.done(taken)

    assert queue.waiting() == 0


def test_copies_are_one_notice_and_all_deleted_by_it(queue: Queue) -> None:
    for _ in range(25):
        queue.rebalance(queue.machines[0])
    (notice,) = queue.notices.take()

    assert len(set(notice.handles)) == 25
    queue.notices.done([notice])
    assert queue.waiting() == 0


def test_no_more_messages_are_taken_than_are_wanted(queue: Queue) -> None:
    for instance_id in queue.machines:
        queue.rebalance(instance_id)

    assert len(queue.notices.take(1)) == 1
    assert len(queue.notices.take()) == 1


def test_what_is_no_notice_is_deleted_and_keeps_none_back(queue: Queue) -> None:
    others = interruption(account="210987654321")
    for body in ("broken", "{}", others, state_change(), '"' + "x" * 5000):
        queue.post(body)
    queue.rebalance(queue.machines[0])
    taken = queue.notices.take()

    assert kinds(taken) == {(queue.machines[0], Warned.REBALANCE)}
    assert queue.waiting() == 1


def test_a_notice_that_sns_has_wrapped_is_taken_and_not_deleted(queue: Queue) -> None:
    queue.by_sns(interruption(queue.machines[0]))
    taken = queue.notices.take()

    assert kinds(taken) == {(queue.machines[0], Warned.INTERRUPTION)}
    assert queue.waiting() == 1
    queue.notices.done(taken)
    assert queue.waiting() == 0


def test_machines_of_others_are_not_judged_here(queue: Queue) -> None:
    queue.post(rebalance("i-0bad0bad0bad0bad0"))
    (notice,) = queue.notices.take()

    assert notice.instance_id == "i-0bad0bad0bad0bad0"
    assert queue.waiting() == 1


@pytest.mark.parametrize("kind", [Trouble.DENIED, Trouble.THROTTLED, Trouble.UNAVAILABLE])
def test_a_queue_that_cannot_be_read_is_an_error_and_loses_nothing(
    queue: Queue, kind: Trouble
) -> None:
    queue.rebalance(queue.machines[0])
    queue.fail("take", kind)
    with pytest.raises(CloudError) as caught:
        queue.notices.take()

    assert caught.value.trouble is kind
    queue.heal()
    assert len(queue.notices.take()) == 1


@pytest.mark.parametrize("kind", [Trouble.THROTTLED, Trouble.UNAVAILABLE])
def test_what_cannot_be_deleted_for_now_comes_again(queue: Queue, kind: Trouble) -> None:
    queue.rebalance(queue.machines[0])
    taken = queue.notices.take()
    queue.fail("done", kind)
    queue.notices.done(taken)

    queue.heal()
    queue.reappear(taken)
    assert kinds(queue.notices.take()) == kinds(taken)


def test_a_missing_permission_to_delete_is_told(queue: Queue) -> None:
    queue.rebalance(queue.machines[0])
    taken = queue.notices.take()
    queue.fail("done", Trouble.DENIED)
    with pytest.raises(CloudError) as caught:
        queue.notices.done(taken)

    assert caught.value.trouble is Trouble.DENIED
    assert queue.waiting() == 1
