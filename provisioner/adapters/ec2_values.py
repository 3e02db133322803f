"""Our requests as EC2's parameters, and EC2's answers as our values. Pure.

A request that is equal makes parameters that are equal: a replayed ClientToken must come with the
identical call (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from enc.domain.model import Market
from provisioner.adapters.ec2_errors import plain, readable, trouble_of
from provisioner.adapters.ec2_hints import hint
from provisioner.ports.ec2 import (
    FleetAnswer,
    FleetInstance,
    FleetRequest,
    Instance,
    InstanceState,
    PoolRefusal,
    Subnet,
    TypeOffer,
    Volume,
)
from provisioner.ports.errors import CloudError, Trouble

# AWS documents fleet and instance for the type instant, and no more:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html
# What else a machine has is tagged by its launch template: see ec2_template.
TAGGED_BY_FLEET = ("instance",)
_UNREADABLE = "ResponseParserError"  # botocore's word for it


def fleet_parameters(request: FleetRequest) -> dict[str, Any]:
    """Of CreateFleet. The overrides keep the order of the request, which is part of it."""
    spot = request.market is Market.SPOT
    template = {"LaunchTemplateName": request.template, "Version": "$Latest"}
    overrides = [_override(request, *place) for place in request.overrides]
    return {
        "Type": "instant",
        "ClientToken": request.token,
        "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": template, "Overrides": overrides}
        ],
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": request.count,
            "DefaultTargetCapacityType": request.market.value,
        },
        "TagSpecifications": tagged(TAGGED_BY_FLEET, request.tags),
        **(_SPOT if spot else _ON_DEMAND),
    }


_SPOT = {
    "SpotOptions": {
        "AllocationStrategy": "price-capacity-optimized",
        "InstanceInterruptionBehavior": "terminate",
    }
}
_ON_DEMAND = {"OnDemandOptions": {"AllocationStrategy": "lowest-price"}}


def _override(request: FleetRequest, instance_type: str, subnet: str) -> dict[str, str]:
    place = {"InstanceType": instance_type, "SubnetId": subnet}
    if request.max_price and request.market is Market.SPOT:
        place["MaxPrice"] = request.max_price
    return place


def tagged(kinds: Sequence[str], tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tag_list(tags)} for kind in kinds if tags]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tag_filters(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(tags.items())]


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", ())}


def fleet_answer(request: FleetRequest, said: Mapping[str, Any]) -> FleetAnswer:
    """Machines and refusals, in EC2's order."""
    instances = tuple(
        machine for group in said.get("Instances", ()) for machine in _launched(request, group)
    )
    # EC2 may repeat itself: once for each machine that a pool did not give.
    refusals = tuple(dict.fromkeys(_refusal(request, error) for error in said.get("Errors", ())))
    return FleetAnswer(instances=instances, refusals=refusals)


def _launched(request: FleetRequest, group: Mapping[str, Any]) -> list[FleetInstance]:
    place = _place(group)
    kind = group.get("InstanceType") or place.get("InstanceType", "")
    subnet = group.get("SubnetId") or place.get("SubnetId", "")
    market = Market(group.get("Lifecycle") or request.market)
    return [
        FleetInstance(id=i, market=market, instance_type=kind, subnet=subnet)
        for i in group.get("InstanceIds", ())
    ]


def _refusal(request: FleetRequest, error: Mapping[str, Any]) -> PoolRefusal:
    code, message = error.get("ErrorCode", ""), error.get("ErrorMessage", "")
    trouble, place = trouble_of(code, 200, message), _place(error)
    return PoolRefusal(
        trouble=trouble,
        code=plain(code),
        message=readable(message),
        market=request.market,
        instance_type=place.get("InstanceType", ""),
        subnet=place.get("SubnetId", ""),
        # The fleet asks in our name for what RunInstances needs.
        hint=hint(trouble, plain(code), "ec2:RunInstances", request.region, message),
    )


def _place(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = entry.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
    return found


def instances_of(region: str, page: Mapping[str, Any]) -> list[Instance]:
    """One page of DescribeInstances. Raises CloudError for one that is not as EC2 writes them.

    A page without a list, as of a proxy that answers in EC2's place, says of no machine that it is
    gone; nor does one that has a machine which we cannot read.
    """
    try:
        return [
            instance(region, entry)
            for reservation in page["Reservations"]
            for entry in reservation.get("Instances", ())
        ]
    except (KeyError, ValueError) as error:
        message = (
            f"the answer of {region} is not a list of machines: {type(error).__name__}: {error}"
        )
        advice = "see what answers in EC2's place: a proxy, or AWS_ENDPOINT_URL"
        raise CloudError(
            Trouble.UNAVAILABLE, _UNREADABLE, message, action="DescribeInstances", hint=advice
        ) from error


def instance(region: str, entry: Mapping[str, Any]) -> Instance:
    spot = entry.get("InstanceLifecycle") == "spot"
    reason = entry.get("StateReason", {})
    return Instance(
        id=entry["InstanceId"],
        state=InstanceState(entry["State"]["Name"]),
        region=region,
        zone=entry.get("Placement", {}).get("AvailabilityZone", ""),
        instance_type=entry.get("InstanceType", ""),
        market=Market.SPOT if spot else Market.ON_DEMAND,
        launched_at=entry["LaunchTime"].astimezone(UTC),
        image=entry.get("ImageId", ""),
        vpc=entry.get("VpcId", ""),
        private_ip=entry.get("PrivateIpAddress") or entry.get("Ipv6Address", ""),
        private_dns=entry.get("PrivateDnsName", ""),
        public_dns=entry.get("PublicDnsName", ""),
        state_reason=reason.get("Message") or reason.get("Code", ""),
        tags=tags_of(entry),
    )


def type_offers(
    kinds: Iterable[Mapping[str, Any]], places: Iterable[Mapping[str, Any]]
) -> dict[str, TypeOffer]:
    """Of the pages of DescribeInstanceTypes and DescribeInstanceTypeOfferings, by type."""
    zones: dict[str, set[str]] = defaultdict(set)
    for page in places:
        for entry in page.get("InstanceTypeOfferings", ()):
            zones[entry["InstanceType"]].add(entry["Location"])
    return {
        entry["InstanceType"]: TypeOffer(
            architectures=tuple(entry.get("ProcessorInfo", {}).get("SupportedArchitectures", ())),
            zones=frozenset(zones[entry["InstanceType"]]),
        )
        for page in kinds
        for entry in page.get("InstanceTypes", ())
    }


def subnet(entry: Mapping[str, Any]) -> Subnet:
    return Subnet(
        id=entry["SubnetId"],
        zone=entry["AvailabilityZone"],
        vpc=entry["VpcId"],
        free_addresses=entry["AvailableIpAddressCount"],
        ipv6_only=entry.get("Ipv6Native", False),
    )


def disks(image: Mapping[str, Any]) -> tuple[Volume, ...]:
    """The EBS volumes that an image of DescribeImages brings."""
    return tuple(
        Volume(
            device=entry["DeviceName"],
            delete_on_termination=entry["Ebs"].get("DeleteOnTermination", False),
        )
        for entry in image.get("BlockDeviceMappings", ())
        if "Ebs" in entry
    )
