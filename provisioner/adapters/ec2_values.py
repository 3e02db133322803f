"""Our requests as EC2's parameters, and EC2's answers as our values. Pure.

A request that is equal makes parameters that are equal: a replayed ClientToken must come with the
identical call (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html).
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from enc.model import Market
from provisioner.adapters.ec2_errors import plain, readable, trouble_of
from provisioner.adapters.ec2_hints import hint
from provisioner.ports import (
    FleetAnswer,
    FleetInstance,
    FleetRequest,
    Instance,
    InstanceState,
    PoolRefusal,
    Subnet,
    TemplateRequest,
    TypeOffer,
    Volume,
)

# What an instant fleet may tag at launch, of what costs money or blocks the deletion of a subnet.
# Tagging spot-instances-request as well makes the on-demand call fail.
TAGGED_AT_LAUNCH = ("instance", "volume", "network-interface")


def template_parameters(request: TemplateRequest) -> dict[str, Any]:
    """Of CreateLaunchTemplate."""
    return {
        "ClientToken": request.token,
        "LaunchTemplateName": request.name,
        "LaunchTemplateData": _template_data(request),
        "TagSpecifications": _tagged(("launch-template",), request.tags),
    }


def _template_data(request: TemplateRequest) -> dict[str, Any]:
    data: dict[str, Any] = {
        "ImageId": request.image,
        "UserData": b64encode(request.user_data.encode()).decode(),
        "InstanceInitiatedShutdownBehavior": "terminate",
        # One hop: a container on the machine does not get at the machine's user-data.
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        },
        **_network(request),
    }
    if request.key_name:
        data["KeyName"] = request.key_name
    if request.instance_profile:
        field = "Arn" if request.instance_profile.startswith("arn:") else "Name"
        data["IamInstanceProfile"] = {field: request.instance_profile}
    if request.volumes:
        data["BlockDeviceMappings"] = [_volume(volume) for volume in request.volumes]
    return data


def run_parameters(request: TemplateRequest, instance_type: str, subnet: str) -> dict[str, Any]:
    """Of RunInstances, as a fleet calls it from this template in this subnet."""
    data = {key: value for key, value in _template_data(request).items() if key != "UserData"}
    if "NetworkInterfaces" in data:
        data["NetworkInterfaces"] = [
            each | {"SubnetId": subnet} for each in data["NetworkInterfaces"]
        ]
    else:
        data["SubnetId"] = subnet
    return {
        **data,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceType": instance_type,
        "TagSpecifications": _tagged(TAGGED_AT_LAUNCH, request.tags),
    }


def _network(request: TemplateRequest) -> dict[str, Any]:
    """Groups stand at the top, or inside the interface that asks for an address: EC2 refuses both.

    The subnet is the fleet's to choose.
    """
    groups = list(request.security_groups)
    if request.public_ip is not None:
        interface = {
            "DeviceIndex": 0,
            "AssociatePublicIpAddress": request.public_ip,
            "DeleteOnTermination": True,
        }
        return {"NetworkInterfaces": [interface | ({"Groups": groups} if groups else {})]}
    return {"SecurityGroupIds": groups} if groups else {}


def _volume(volume: Volume) -> dict[str, Any]:
    disk: dict[str, Any] = {
        "VolumeSize": volume.size,
        "VolumeType": volume.type,
        "DeleteOnTermination": True,
    }
    # "Encrypted: false" is refused for an encrypted snapshot, so silence means the default.
    if volume.encrypted:
        disk["Encrypted"] = True
    return {"DeviceName": volume.device, "Ebs": disk}


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
        "TagSpecifications": _tagged(TAGGED_AT_LAUNCH, request.tags),
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


def _tagged(kinds: Sequence[str], tags: Mapping[str, str]) -> list[dict[str, Any]]:
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
    """One page of DescribeInstances."""
    return [
        instance(region, entry)
        for reservation in page.get("Reservations", ())
        for entry in reservation.get("Instances", ())
    ]


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
        private_ip=entry.get("PrivateIpAddress", ""),
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
    )
