"""Calls of EC2 that the tests of the simulated region share."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.handle import World, fleet_overrides

LAUNCH = {"Key": "rolecall:launch", "Value": "l-1"}
TAGS = [{"ResourceType": "instance", "Tags": [LAUNCH]}]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def template(ec2: Any, world: World, name: str = "l-1", **data: Any) -> str:
    """A launch template's id."""
    told = {"ImageId": world.image, "SecurityGroupIds": [world.security_group], **data}
    made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=told)
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def fleet(
    ec2: Any,
    world: World,
    count: int = 1,
    market: str = "spot",
    *,
    types: Sequence[str] = ("c5.large",),
    subnets: Sequence[str] | None = None,
    overrides: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """CreateFleet from the template l-1."""
    told = overrides or fleet_overrides(types, subnets or world.one_per_zone)
    source = {"LaunchTemplateName": "l-1", "Version": "$Latest"}
    target = {"TotalTargetCapacity": count, "DefaultTargetCapacityType": market}
    said = {
        "Type": "instant",
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": source, "Overrides": told}],
        "TargetCapacitySpecification": target,
        "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
        "TagSpecifications": TAGS,
        **more,
    }
    return ec2.create_fleet(**said)


def ids(answer: dict[str, Any]) -> list[str]:
    """Of a fleet, a run or a listing."""
    if "FleetId" in answer:
        return [each for group in answer["Instances"] for each in group["InstanceIds"]]
    groups = answer.get("Reservations", [answer])
    return [each["InstanceId"] for group in groups for each in group["Instances"]]


def run(ec2: Any, world: World, count: int = 1, **more: Any) -> list[str]:
    """RunInstances on demand in the first subnet."""
    said = {
        "ImageId": world.image,
        "InstanceType": "c5.large",
        "MinCount": count,
        "MaxCount": count,
        "SubnetId": world.one_per_zone[0],
        **more,
    }
    return ids(ec2.run_instances(**said))


def machine(ec2: Any, instance_id: str) -> dict[str, Any]:
    found = ec2.describe_instances(InstanceIds=[instance_id])
    return found["Reservations"][0]["Instances"][0]


def listed(ec2: Any, **filters: str | list[str]) -> list[str]:
    """Ids by filters; _ in a name stands for -."""
    told = [
        {
            "Name": name.replace("_", "-"),
            "Values": [values] if isinstance(values, str) else values,
        }
        for name, values in filters.items()
    ]
    return ids(ec2.describe_instances(Filters=told))


def refused(code: str) -> Any:
    """EC2 says no with this code."""
    return pytest.raises(ClientError, match=rf"\({code}\)")


def error_codes(answer: dict[str, Any]) -> list[str]:
    return [each["ErrorCode"] for each in answer["Errors"]]
