"""From a message of the queue to a notice, or to the reason why it is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from provisioner.domain.notices import NoNotice, counted, merged, parse
from provisioner.ports.notices import Notice, QueuePlace, Warned, place_of
from tests.fakes.clock import START
from tests.fakes.cloud import ACCOUNT, REGION
from tests.fakes.events import (
    MACHINE,
    OTHER,
    event,
    interruption,
    rebalance,
    state_change,
    wrapped,
)

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/spot"


def read(body: str) -> Notice | NoNotice:
    return parse(body, account=ACCOUNT, handle="h")


def noticed(body: str) -> Notice:
    found = read(body)
    assert isinstance(found, Notice)
    return found


def why_none(body: str) -> str:
    found = read(body)
    assert isinstance(found, NoNotice)
    assert found.handle == "h"
    return found.reason


def changed(**changes: Any) -> str:
    return json.dumps(event(Warned.REBALANCE, **changes))


# Notices


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_an_interruption_says_what_it_will_do(action: str) -> None:
    assert read(interruption(action=action)) == Notice(
        instance_id=MACHINE,
        region=REGION,
        kind=Warned.INTERRUPTION,
        at=START,
        action=action,
        handle="h",
    )


@pytest.mark.parametrize("action", ["recycle", "", None, 7, {"do": "stop"}])
def test_an_interruption_of_an_unknown_sort_is_one_too(action: Any) -> None:
    found = noticed(interruption(action=action))

    assert (found.kind, found.action) == (Warned.INTERRUPTION, "")


def test_a_rebalance_recommendation_has_no_action() -> None:
    found = noticed(changed(detail={"instance-action": "terminate", "state": "running"}))

    assert (found.kind, found.action) == (Warned.REBALANCE, "")


def test_a_state_change_is_no_notice_as_listings_say_it() -> None:
    assert why_none(state_change()) == "it is another kind of event"


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "us-isob-east-1", "cn-north-1"])
def test_the_region_is_the_events_own(region: str) -> None:
    assert noticed(changed(region=region)).region == region


def test_another_offset_is_the_same_time() -> None:
    found = noticed(changed(time="2026-01-01T13:00:00+01:00"))

    assert (found.at, found.at.tzinfo) == (START, UTC)


@pytest.mark.parametrize("body", [interruption(), rebalance()])
def test_a_notice_that_sns_has_wrapped_is_the_same_notice(body: str) -> None:
    assert noticed(wrapped(body)) == noticed(body)


@pytest.mark.parametrize(
    "body",
    [
        wrapped(""),
        wrapped("[" * 100_000),
        wrapped(rebalance(), Message={"source": "aws.ec2"}),
        wrapped(rebalance(), Message=None),
    ],
    ids=lambda body: body[-30:],
)
def test_what_sns_has_wrapped_and_is_no_event_is_none(body: str) -> None:
    assert why_none(body) == "it is not an event in JSON"


def test_what_only_calls_itself_a_notification_is_not_unwrapped() -> None:
    assert why_none(json.dumps({"Type": "Notification"})) == "it is not from aws.ec2"
    assert why_none(wrapped(rebalance(), Type="Other")) == "it is not from aws.ec2"


def test_no_handle_is_shown() -> None:
    notice = parse(rebalance(), account=ACCOUNT, handle="s3cret")

    assert "s3cret" not in repr(notice)


# What is none


@pytest.mark.parametrize(
    "body",
    ["", "not json", "null", "[]", "7", '"x"', "{", "[" * 100_000, '{"a":' * 100_000, "9" * 5000],
    ids=lambda body: body[:8],
)
def test_what_is_no_event_is_none(body: str) -> None:
    assert why_none(body) == "it is not an event in JSON"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": "my.ec2"}, "it is not from aws.ec2"),
        ({"source": ["aws.ec2"]}, "it is not from aws.ec2"),
        ({"account": "210987654321"}, "it is of another account"),
        ({"account": None}, "it is of another account"),
        ({"account": int(ACCOUNT)}, "it is of another account"),
        ({"detail-type": "EBS Volume Notification"}, "it is another kind of event"),
        ({"detail-type": None}, "it is another kind of event"),
        ({"detail-type": ["EC2 Instance Rebalance Recommendation"]}, "it is another kind of event"),
        ({"detail": {"instance-id": 7}}, "it names no instance"),
        ({"detail": {"instance-id": "i-0ABC12345"}}, "it names no instance"),
        ({"detail": {"instance-id": "i-0abc12345\n"}}, "it names no instance"),
        ({"detail": {"instance-id": "i-" + "0" * 300}}, "it names no instance"),
        ({"region": ""}, "it names no region"),
        ({"region": "evil.example.com/us-east-1"}, "it names no region"),
        ({"region": "us-east-1\n"}, "it names no region"),
        ({"region": "us-east-१"}, "it names no region"),
        ({"time": None}, "it has no time"),
        ({"time": "yesterday"}, "it has no time"),
        ({"time": "2026-01-01T12:00:00"}, "it has no time"),
        ({"time": "0001-01-01T00:00:00+23:59"}, "it has no time"),
    ],
    ids=str,
)
def test_what_is_no_notice_says_why(changes: dict[str, Any], reason: str) -> None:
    assert why_none(json.dumps({**event(Warned.REBALANCE), **changes})) == reason


def test_an_event_without_detail_is_none() -> None:
    assert why_none(json.dumps({**event(Warned.REBALANCE), "detail": "x"})) == "it has no detail"


def kind_of(body: str) -> str:
    found = read(body)
    assert isinstance(found, NoNotice)
    return found.kind


def test_what_is_none_says_its_kind_where_it_has_one() -> None:
    assert kind_of(state_change()) == "EC2 Instance State-change Notification"
    assert kind_of(wrapped(state_change())) == "EC2 Instance State-change Notification"
    assert kind_of(wrapped("x", Type="SubscriptionConfirmation")) == "SubscriptionConfirmation"
    assert kind_of("not json") == ""


def test_a_kind_is_short_and_steers_no_terminal() -> None:
    assert len(kind_of(changed(**{"source": "x", "detail-type": "x" * 5000}))) == 60
    assert "\x1b" not in kind_of(changed(**{"detail-type": "\x1b[2J"}))


def test_what_is_none_is_counted_by_reason_and_kind_and_the_line_stays_short() -> None:
    few = [read(body) for body in (state_change(), state_change(), "broken")]
    many = [read(changed(**{"detail-type": f"kind {n}"})) for n in range(99)]

    assert counted(none_of(few)) == (
        "2 x it is another kind of event (EC2 Instance State-change Notification); "
        "1 x it is not an event in JSON"
    )
    assert counted(none_of(many)).endswith("; 94 of other kinds")


def none_of(read_: list[Notice | NoNotice]) -> list[NoNotice]:
    return [one for one in read_ if isinstance(one, NoNotice)]


# Any input

ODD: list[Any] = [
    *(None, True, 0, -1, 1e400, "", "\ud800", "\0", "i-0abc12345", REGION, [], {}, [[]]),
    *("2026-13-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "20260101", "x" * 5000, {"a": {}}),
]


def bent(rng: Random) -> str:
    """A good event with values swapped for odd ones, keys lost, and then its text cut or broken."""
    said = event(rng.choice(list(Warned)), detail={"state": "running"})
    for holder in (said, said["detail"]):
        for key in [key for key in holder if rng.random() < 0.15]:
            holder[key] = rng.choice(ODD)
            if rng.random() < 0.3:
                del holder[key]
    text = json.dumps(said, ensure_ascii=rng.random() < 0.5)
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        at = rng.randrange(len(text))
        text = text[:at] + chr(rng.choice([0, 34, 44, 92, 123, 0xD800])) + text[at + 1 :]
    text = wrapped(text) if rng.random() < 0.2 else text
    return text[: rng.randrange(len(text))] if rng.random() < 0.05 else text


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_message_it_is_a_notice_or_a_reason(seed: int) -> None:
    rng = Random(seed)
    found = [read(bent(rng)) for _ in range(5_000)]
    notices = [one for one in found if isinstance(one, Notice)]
    reasons = {one.reason for one in found if isinstance(one, NoNotice)}

    assert 500 < len(notices) < 4_500
    assert len(reasons) == 8, "countable, and each was met"
    assert all(one.at.tzinfo is UTC and one.instance_id.isascii() for one in notices)


# Copies


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def notice(kind: Warned, minutes: float, handle: str, **more: Any) -> Notice:
    plain: dict[str, Any] = {"instance_id": MACHINE, "region": REGION, "at": at(minutes)}
    return Notice(kind=kind, handle=handle, **{**plain, **more})


def test_copies_are_one_notice_with_all_their_handles() -> None:
    (one,) = merged(notice(Warned.REBALANCE, 0, handle) for handle in "abc")

    assert sorted(one.handles) == ["a", "b", "c"]


def test_other_kinds_and_other_machines_are_not_copies() -> None:
    every = [notice(kind, 0, kind) for kind in Warned]
    other = notice(Warned.REBALANCE, 0, "o", instance_id=OTHER)

    assert set(merged([*every, other])) == {*every, other}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_word_counts_in_whatever_order_they_come(order: tuple[int, int]) -> None:
    said = [
        notice(Warned.INTERRUPTION, 0, "a", action="stop"),
        notice(Warned.INTERRUPTION, 5, "b", action="terminate"),
    ]
    (one,) = merged(said[n] for n in order)

    assert (one.action, one.at, one.handles) == ("terminate", at(5), ("b", "a"))


def test_merged_ones_can_be_merged_again_and_lose_no_handle() -> None:
    first = merged(notice(Warned.REBALANCE, 0, handle) for handle in "ab")
    (one,) = merged([*first, notice(Warned.REBALANCE, 1, "c")])

    assert sorted(one.handles) == ["a", "b", "c"]


def test_the_oldest_come_first() -> None:
    late = notice(Warned.REBALANCE, 9, "a")
    early = notice(Warned.INTERRUPTION, 1, "b", instance_id=OTHER)

    assert merged([late, early]) == (early, late)
    assert merged([]) == ()


# The queue's URL


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "us-east-1"),
        ("https://sqs.us-gov-west-1.amazonaws.com/123456789012/spot", "us-gov-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/spot_1", "cn-north-1"),
        ("https://sqs-fips.us-east-2.amazonaws.com/123456789012/spot", "us-east-2"),
        ("https://sqs.eu-west-1.api.aws/123456789012/spot.fifo", "eu-west-1"),
        ("http://127.0.0.1:4566/123456789012/spot", ""),
        ("http://localhost:4566/123456789012/spot", ""),
        ("http://[::1]/123456789012/spot", ""),
    ],
)
def test_a_queues_url_says_where_and_whose_it_is(url: str, region: str) -> None:
    assert place_of(url) == QueuePlace(region=region, account="123456789012")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "spot",
            "arn:aws:sqs:us-east-1:123456789012:spot",
            URL + "/",
            URL + "?x=y",
            URL + "\n",
        ),
        *(
            URL.replace("https", "http"),
            URL.replace("/spot", ""),
            URL.replace("123456789012", "12"),
        ),
        *(URL.replace("us-east-1.", ""), URL.replace("sqs.", "sns."), URL.replace("spot", "s pot")),
        *("https://user:pw@sqs.us-east-1.amazonaws.com/123456789012/spot", URL.replace("sp", "ü")),
        *("http://10.0.0.1/123456789012/spot", "http://127.0.0.1.example.com/123456789012/spot"),
        *(URL.replace("123456789012", "१२३४५६७८९०१२"), "https://sqs.us-east-1/123456789012/spot"),
    ],
)
def test_what_is_no_queues_url_is_told(url: str) -> None:
    assert place_of(url) is None
