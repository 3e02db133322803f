"""How the queue is called: batches, waits, what is deleted, and what trouble does and does not."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from provisioner.adapters.aws import TRIES, client_factory
from provisioner.adapters.sqs import BATCH, HIDDEN, LONGEST_TAKE, WAIT, SqsNotices
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.notices import Warned
from tests.fakes.aws import FakeAws, refusal
from tests.fakes.clock import FakeClock
from tests.fakes.events import MACHINE, interruption, rebalance, state_change, wrapped

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/spot"


def page(*bodies: str, first: int = 0) -> dict[str, Any]:
    found = [{"Body": body, "ReceiptHandle": f"h{first + n}"} for n, body in enumerate(bodies)]
    return {"Messages": found}


def machines(count: int, first: int = 0) -> list[str]:
    return [interruption(f"i-{number:017x}") for number in range(first, first + count)]


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def said() -> list[str]:
    """What people are told."""
    return []


@pytest.fixture
def queue(aws: FakeAws, clock: FakeClock, said: list[str]) -> SqsNotices:
    return SqsNotices(aws, clock, URL, said.append)


# Taking


def test_the_queue_is_asked_in_its_own_region_until_it_is_empty(
    queue: SqsNotices, aws: FakeAws
) -> None:
    aws.answers["receive_message"] = [page(*machines(10)), page(*machines(3, 10), first=10), {}]

    assert len(queue.take()) == 13
    assert aws.made == [("sqs", "eu-west-1")]
    asked = {"QueueUrl": URL, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": WAIT}
    assert aws.asked("receive_message") == [{**asked, "VisibilityTimeout": HIDDEN}] * 3
    assert aws.asked("delete_message_batch") == []


def test_a_batch_that_is_not_full_is_no_end_of_the_queue(queue: SqsNotices, aws: FakeAws) -> None:
    aws.answers["receive_message"] = [page(*machines(1, n), first=n) for n in range(3)] + [{}]

    assert len(queue.take()) == 3


def test_no_more_are_taken_than_are_wanted(queue: SqsNotices, aws: FakeAws) -> None:
    aws.answers["receive_message"] = [page(*machines(10)), page(*machines(2, 10), first=10)]

    assert len(queue.take(12)) == 12
    assert [each["MaxNumberOfMessages"] for each in aws.asked("receive_message")] == [10, 2]


@pytest.mark.parametrize("most", [0, -1])
def test_where_none_are_wanted_nothing_is_asked(queue: SqsNotices, aws: FakeAws, most: int) -> None:
    assert queue.take(most) == ()
    assert aws.calls == []


class Slow(FakeAws):
    """A queue that is never empty, and takes its time."""

    clock: FakeClock
    seconds = 1.0

    def receive_message(self, **parameters: Any) -> dict[str, Any]:
        self.calls.append(("receive_message", parameters))
        self.clock.step(self.seconds)
        count = len(self.calls)
        return page(*machines(1, count), first=count)


def test_a_queue_that_fills_as_it_is_read_holds_nobody(clock: FakeClock) -> None:
    aws = Slow()
    aws.clock = clock
    found = SqsNotices(aws, clock, URL, print).take()

    assert len(found) == LONGEST_TAKE
    assert LONGEST_TAKE < HIDDEN


# What is no notice


def test_messages_that_are_none_are_deleted_and_told_of_once(
    queue: SqsNotices, aws: FakeAws, said: list[str]
) -> None:
    foreign = interruption(account="210987654321")
    bodies = ("broken s3cret", foreign, rebalance(), state_change(), "[]")
    aws.answers["receive_message"] = [page(*bodies), {}]
    (notice,) = queue.take()

    assert (notice.instance_id, notice.kind) == (MACHINE, Warned.REBALANCE)
    (deleted,) = aws.asked("delete_message_batch")
    assert [each["ReceiptHandle"] for each in deleted["Entries"]] == ["h0", "h1", "h3", "h4"]
    [line] = said
    assert line == (
        f"warning: {URL}: 4 message(s) are no notices and are deleted: "
        "2 x it is not an event in JSON; "
        "1 x it is of another account (EC2 Spot Instance Interruption Warning); "
        "1 x it is another kind of event (EC2 Instance State-change Notification)"
    )


def test_a_notice_that_sns_has_wrapped_is_read_and_not_deleted(
    queue: SqsNotices, aws: FakeAws, said: list[str]
) -> None:
    aws.answers["receive_message"] = [page(wrapped(interruption())), {}]

    assert [notice.kind for notice in queue.take()] == [Warned.INTERRUPTION]
    assert aws.asked("delete_message_batch") == []
    assert said == []


def test_a_message_without_body_or_handle_stops_nothing(queue: SqsNotices, aws: FakeAws) -> None:
    aws.answers["receive_message"] = [{"Messages": [{}, {"Body": rebalance()}]}, {}]

    assert [notice.instance_id for notice in queue.take()] == [MACHINE]
    assert aws.asked("delete_message_batch") == []


@pytest.mark.parametrize("code", ["AccessDenied", "RequestThrottled"])
def test_what_cannot_be_deleted_keeps_no_notice_back(
    queue: SqsNotices, aws: FakeAws, said: list[str], code: str
) -> None:
    aws.answers["receive_message"] = [page("broken", rebalance()), {}]
    aws.answers["delete_message_batch"] = [refusal(code)]

    assert len(queue.take()) == 1
    assert ["could not be deleted" in line for line in said] == [False, True]
    assert code in said[1]


# Trouble while taking


@pytest.mark.parametrize(
    ("code", "status", "trouble"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", 400, Trouble.MALFORMED),
        ("QueueDoesNotExist", 400, Trouble.MALFORMED),
        ("InvalidAddress", 404, Trouble.MALFORMED),
        ("AccessDenied", 403, Trouble.DENIED),
        ("AccessDeniedException", 400, Trouble.DENIED),
        ("KMS.AccessDeniedException", 400, Trouble.DENIED),
        ("KmsAccessDenied", 400, Trouble.DENIED),
        ("RequestThrottled", 403, Trouble.THROTTLED),
        ("ThrottlingException", 400, Trouble.THROTTLED),
        ("KmsThrottled", 400, Trouble.THROTTLED),
        ("AWS.SimpleQueueService.OverLimit", 403, Trouble.THROTTLED),
        ("ServiceUnavailable", 503, Trouble.UNAVAILABLE),
        ("InternalFailure", 500, Trouble.UNAVAILABLE),
        ("ExpiredToken", 403, Trouble.NO_CREDENTIALS),
    ],
)
def test_a_queue_that_cannot_be_read_says_what_it_is(
    queue: SqsNotices, aws: FakeAws, code: str, status: int, trouble: Trouble
) -> None:
    aws.answers["receive_message"] = [refusal(code, status=status)]
    with pytest.raises(CloudError) as caught:
        queue.take()

    assert caught.value.trouble is trouble
    passing = trouble in (Trouble.THROTTLED, Trouble.UNAVAILABLE)
    assert len(aws.calls) == (TRIES if passing else 1)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", "SPOT_QUEUE_URL"),
        ("InvalidAddress", "SPOT_QUEUE_URL"),
        ("AccessDenied", "allow sqs:ReceiveMessage"),
    ],
)
def test_the_hint_says_what_to_do(queue: SqsNotices, aws: FakeAws, code: str, advice: str) -> None:
    aws.answers["receive_message"] = [refusal(code)]
    with pytest.raises(CloudError) as caught:
        queue.take()

    assert advice in caught.value.hint


def test_a_silent_queue_is_not_asked_again_and_is_no_unknown_outcome(
    queue: SqsNotices, aws: FakeAws
) -> None:
    aws.answers["receive_message"] = [ReadTimeoutError(endpoint_url="")]
    with pytest.raises(CloudError) as caught:
        queue.take()

    assert caught.value.trouble is Trouble.UNAVAILABLE
    assert len(aws.calls) == 1


def test_what_was_read_before_the_trouble_is_not_thrown_away(
    queue: SqsNotices, aws: FakeAws, said: list[str]
) -> None:
    aws.answers["receive_message"] = [page(*machines(10)), refusal("AccessDenied")]

    assert len(queue.take()) == 10
    [line] = said
    assert "some notices could not be read" in line
    assert "AccessDenied" in line


# Done


def test_every_handle_is_deleted_once_in_batches(queue: SqsNotices, aws: FakeAws) -> None:
    copies = page(*[rebalance()] * 6, *machines(4)), page(*machines(5, 4), first=10), {}
    aws.answers["receive_message"] = list(copies)
    found = queue.take()
    queue.done([*found, found[0]])

    assert len(found) == 10
    deleted = [each["Entries"] for each in aws.asked("delete_message_batch")]
    assert [len(entries) for entries in deleted] == [10, 5]
    handles = sorted(entry["ReceiptHandle"] for entries in deleted for entry in entries)
    assert handles == sorted(f"h{number}" for number in range(15))
    assert all(len({entry["Id"] for entry in entries}) == len(entries) for entries in deleted)


def test_where_nothing_is_done_nothing_is_asked(queue: SqsNotices, aws: FakeAws) -> None:
    queue.done([])

    assert aws.calls == []


def taken(queue: SqsNotices, aws: FakeAws, count: int) -> Any:
    aws.answers["receive_message"] = [page(*machines(count)), {}]
    return queue.take()


def test_some_that_were_not_deleted_are_logged_and_raise_nothing(
    queue: SqsNotices, aws: FakeAws, said: list[str]
) -> None:
    failed = [{"Id": str(n), "Code": "InternalError", "SenderFault": False} for n in range(2)]
    aws.answers["delete_message_batch"] = [{"Successful": [{"Id": "2"}], "Failed": failed}]
    queue.done(taken(queue, aws, 3))

    assert said == [f"warning: {URL}: messages were not deleted and come again: 2 x InternalError"]


@pytest.mark.parametrize("code", ["RequestThrottled", "ServiceUnavailable", "InternalError"])
def test_passing_trouble_while_deleting_is_logged_and_not_met_batch_by_batch(
    queue: SqsNotices, aws: FakeAws, said: list[str], code: str
) -> None:
    aws.answers["delete_message_batch"] = [refusal(code, status=503)]
    queue.done(taken(queue, aws, 25))

    [line] = said
    assert "notices could not be deleted and come again" in line
    assert len(aws.asked("delete_message_batch")) == TRIES


def test_a_missing_permission_to_delete_is_raised_with_its_name(
    queue: SqsNotices, aws: FakeAws
) -> None:
    aws.answers["delete_message_batch"] = [refusal("AccessDenied", status=403)]
    with pytest.raises(CloudError) as caught:
        queue.done(taken(queue, aws, 1))

    assert "allow sqs:DeleteMessage to" in caught.value.hint


# What it is made of


def test_a_url_that_is_no_queues_is_refused(aws: FakeAws, clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="spot is not the URL"):
        SqsNotices(aws, clock, "spot", print)


def test_a_queue_is_waited_for_less_long_than_ec2() -> None:
    make = client_factory(aws_access_key_id="x", aws_secret_access_key="x")
    sqs = make("sqs", "eu-west-1").meta.config

    assert WAIT < sqs.read_timeout < HIDDEN - LONGEST_TAKE
    assert sqs.retries["total_max_attempts"] == 1
