"""What the adapter reads in EC2's answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from enc.domain.model import Market
from provisioner.adapters import ec2_values as values
from provisioner.ports.ec2 import InstanceState
from provisioner.ports.errors import Trouble
from tests.ec2_samples import FLEET, LISTED, REGION


def pool_error(code: str, message: str = "no", subnet: str = "subnet-a") -> dict[str, Any]:
    place = {"InstanceType": "c5.large", "SubnetId": subnet}
    return {
        "LaunchTemplateAndOverrides": {"Overrides": place},
        "Lifecycle": "spot",
        "ErrorCode": code,
        "ErrorMessage": message,
    }


def group(*ids: str, subnet: str = "subnet-b", **more: Any) -> dict[str, Any]:
    place = {"InstanceType": "c5.large", "SubnetId": subnet}
    return {
        "LaunchTemplateAndOverrides": {"Overrides": place},
        "Lifecycle": "spot",
        "InstanceIds": list(ids),
        "InstanceType": "c5.large",
        **more,
    }


def test_a_fleet_may_answer_machines_and_errors() -> None:
    said = {
        "Instances": [group("i-1", "i-2")],
        "Errors": [pool_error("UnfulfillableCapacity"), pool_error("UnfulfillableCapacity")],
    }
    answer = values.fleet_answer(FLEET, said)

    assert [(i.id, i.market, i.instance_type, i.subnet) for i in answer.instances] == [
        ("i-1", Market.SPOT, "c5.large", "subnet-b"),
        ("i-2", Market.SPOT, "c5.large", "subnet-b"),
    ]
    assert [(r.trouble, r.code, r.instance_type, r.subnet) for r in answer.refusals] == [
        (Trouble.CAPACITY, "UnfulfillableCapacity", "c5.large", "subnet-a")
    ]


def test_a_fleet_may_answer_nothing() -> None:
    assert values.fleet_answer(FLEET, {}) == values.FleetAnswer()


def test_a_refusal_without_a_place_is_the_whole_calls() -> None:
    said = {"Errors": [{"ErrorCode": "MaxSpotInstanceCountExceeded", "ErrorMessage": "no"}]}
    (refused,) = values.fleet_answer(FLEET, said).refusals

    assert (refused.trouble, refused.instance_type, refused.subnet) == (Trouble.QUOTA, "", "")


def test_a_denial_inside_an_answer_says_what_to_allow() -> None:
    denied = [pool_error("UnauthorizedOperation"), pool_error("UnfulfillableCapacity")]
    first, second = values.fleet_answer(FLEET, {"Errors": denied}).refusals

    assert (first.trouble, second.trouble) == (Trouble.DENIED, Trouble.CAPACITY)
    assert "ec2:RunInstances" in first.hint
    assert second.hint == ""


def test_a_bare_listing_entry_becomes_a_machine() -> None:
    found = values.instance(REGION, LISTED)

    assert found.state is InstanceState.RUNNING
    assert found.launched_at == datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert found.launched_at.tzinfo is UTC
    assert (found.market, found.zone) == (Market.ON_DEMAND, "us-east-1a")
    assert (found.private_dns, found.public_dns, found.private_ip, found.vpc) == ("", "", "", "")


def test_spot_and_the_reason_of_an_end_are_read() -> None:
    reason = {"Code": "Server.SpotInstanceTermination", "Message": "Server.Spot…: taken back"}
    found = values.instance(REGION, {**LISTED, "InstanceLifecycle": "spot", "StateReason": reason})

    assert (found.market, found.state_reason) == (Market.SPOT, "Server.Spot…: taken back")
