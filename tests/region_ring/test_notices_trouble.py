"""A queue over HTTP that loses answers, refuses, or is not there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from provisioner import wiring
from provisioner.adapters.aws import TRIES, client_factory
from provisioner.adapters.clock import SystemClock
from provisioner.adapters.sqs import SqsNotices
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.notices import Notice, Warned
from provisioner.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.events import interruption
from tests.region.handle import Region, World
from tests.region_ring.region_calls import fleet, ids, template

AGAIN_WITHIN_S = 10.0
Opened = Callable[..., SqsNotices]


@pytest.fixture
def opened(region: Region, monkeypatch: pytest.MonkeyPatch) -> Opened:
    for name, value in region.env().items():
        monkeypatch.setenv(name, value)

    def open_queue(url: str = "", **more: Any) -> SqsNotices:
        return SqsNotices(client_factory(), FakeClock(), url or region.queue(), print, **more)

    return open_queue


@pytest.fixture
def spot(ec2: Any, world: World) -> str:
    template(ec2, world)
    return ids(fleet(ec2, world))[0]


def error_of(queue: SqsNotices) -> CloudError:
    with pytest.raises(CloudError) as caught:
        queue.take()
    return caught.value


def test_a_notice_comes_before_the_machine_dies(region: Region, opened: Opened, spot: str) -> None:
    queue = opened()
    region.interrupt(spot, notice_s=120)
    (notice,) = queue.take()

    assert (notice.instance_id, notice.action) == (spot, "terminate")
    assert region.instance(spot)["state"] == "running"


def test_the_wiring_opens_the_queue_that_the_setting_names(
    region: Region, opened: Opened, spot: str
) -> None:
    settings = Settings.read({"SPOT_QUEUE_URL": region.queue()})
    [queue] = wiring.open_notices(settings, print)
    region.rebalance(spot)

    assert [notice.kind for notice in queue.take()] == [Warned.REBALANCE]


@pytest.mark.parametrize("how", [{"cut": "after"}, {"cut": "half"}])
def test_a_message_whose_answer_was_lost_comes_again(
    region: Region, opened: Opened, spot: str, how: dict[str, Any]
) -> None:
    queue = opened(hidden=1)
    region.interrupt(spot)
    region.fault("ReceiveMessage", **how)

    assert [notice.instance_id for notice in until_something(queue)] == [spot]
    assert region.faults() == []


def until_something(queue: SqsNotices) -> tuple[Notice, ...]:
    deadline = time.monotonic() + AGAIN_WITHIN_S
    while time.monotonic() < deadline:
        if found := queue.take():
            return found
        SystemClock().sleep(0.1)
    return ()


def test_a_deletion_whose_answer_was_lost_is_done(
    region: Region, opened: Opened, spot: str
) -> None:
    queue = opened(hidden=0)
    region.rebalance(spot)
    taken = queue.take(1)
    region.fault("DeleteMessageBatch", cut="after")
    queue.done(taken)

    assert queue.take(1) == ()
    assert len(region.calls("DeleteMessageBatch")) == 2


def test_a_little_throttling_is_waited_out(region: Region, opened: Opened, spot: str) -> None:
    queue = opened()
    region.rebalance(spot)
    region.fault("ReceiveMessage", "RequestThrottled", status=403, times=TRIES - 1)

    assert len(queue.take()) == 1


def test_lasting_throttling_is_told_as_that(region: Region, opened: Opened) -> None:
    queue = opened()
    region.fault("ReceiveMessage", "RequestThrottled", status=403, times=-1)
    error = error_of(queue)

    assert (error.trouble, error.passing) == (Trouble.THROTTLED, True)
    assert len(region.calls("ReceiveMessage")) == TRIES


def test_a_denial_names_the_permission_that_is_missing(region: Region, opened: Opened) -> None:
    queue = opened()
    region.fault("ReceiveMessage", "AccessDenied", status=403)
    error = error_of(queue)

    assert error.trouble is Trouble.DENIED
    assert "allow sqs:ReceiveMessage to the identity" in error.hint
    assert len(region.calls("ReceiveMessage")) == 1


def test_a_queue_that_does_not_exist_names_the_setting(region: Region, opened: Opened) -> None:
    queue = opened(region.queue() + "-2")
    error = error_of(queue)

    assert (error.trouble, error.passing) == (Trouble.MALFORMED, False)
    assert error.code in {"NonExistentQueue", "QueueDoesNotExist"}
    assert "SPOT_QUEUE_URL" in error.hint


def test_a_queue_that_is_deleted_between_take_and_done_is_told(
    region: Region, opened: Opened, spot: str
) -> None:
    queue = opened()
    region.rebalance(spot)
    taken = queue.take()
    sqs = region.client("sqs")
    sqs.delete_queue(QueueUrl=region.queue())
    sqs.close()
    with pytest.raises(CloudError) as caught:
        queue.done(taken)

    assert "SPOT_QUEUE_URL" in caught.value.hint


def test_a_region_that_is_away_is_unavailable(region: Region, opened: Opened) -> None:
    queue = opened()
    region.fault("ReceiveMessage", cut="before", times=-1)

    assert error_of(queue).trouble is Trouble.UNAVAILABLE


def test_many_notices_are_taken_and_done_in_batches(region: Region, opened: Opened) -> None:
    queue = opened()
    fill(region, 60)
    found = queue.take(50)
    queue.done(found)

    assert len(found) == 50
    assert len(region.calls("ReceiveMessage")) == len(region.calls("DeleteMessageBatch")) == 5
    assert len(queue.take()) == 10


def fill(region: Region, count: int) -> None:
    sqs, url = region.client("sqs"), region.queue()
    for start in range(0, count, 10):
        bodies = [interruption(f"i-{number:017x}") for number in range(start, start + 10)]
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    sqs.close()
