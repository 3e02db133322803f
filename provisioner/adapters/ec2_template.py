"""A launch template as EC2's parameters. Pure.

A request that is equal makes parameters that are equal, as in ec2_values.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.adapters.ec2_values import tagged
from provisioner.ports.ec2 import TemplateRequest, Volume

# Our names of a launch template's options, and EC2's:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RequestLaunchTemplateData.html
MACHINE = {
    "http_put_response_hop_limit": "MetadataOptions.HttpPutResponseHopLimit",
    "credit_specification": "CreditSpecification.CpuCredits",
    "monitoring": "Monitoring.Enabled",
    "ebs_optimized": "EbsOptimized",
}
VOLUME = {
    "size": "VolumeSize",
    "type": "VolumeType",
    "encrypted": "Encrypted",
    "kms_key": "KmsKeyId",
    "iops": "Iops",
    "throughput": "Throughput",
    "delete_on_termination": "DeleteOnTermination",
}


def template_parameters(request: TemplateRequest) -> dict[str, Any]:
    """Of CreateLaunchTemplate."""
    return {
        "ClientToken": request.token,
        "LaunchTemplateName": request.name,
        "LaunchTemplateData": _template_data(request),
        "TagSpecifications": tagged(("launch-template",), request.tags),
    }


def _template_data(request: TemplateRequest) -> dict[str, Any]:
    options = _named(MACHINE, request.options)
    data: dict[str, Any] = {
        "ImageId": request.image,
        "UserData": b64encode(request.user_data.encode()).decode(),
        "InstanceInitiatedShutdownBehavior": "terminate",
        **_network(request),
        **options,
        "MetadataOptions": _metadata(request) | options.get("MetadataOptions", {}),
    }
    if request.tags:
        data["TagSpecifications"] = tagged(_made(request), request.tags)
    if request.key_name:
        data["KeyName"] = request.key_name
    if request.instance_profile:
        field = "Arn" if request.instance_profile.startswith("arn:") else "Name"
        data["IamInstanceProfile"] = {field: request.instance_profile}
    if mappings := _mappings(request.volumes):
        data["BlockDeviceMappings"] = mappings
    return data


def _metadata(request: TemplateRequest) -> dict[str, Any]:
    """One hop: a container on the machine does not get at the machine's user-data."""
    said = {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    # Only where it is needed: types that are not of the Nitro system do not have it.
    return said | ({"HttpProtocolIpv6": "enabled"} if request.ipv6 else {})


def _made(request: TemplateRequest) -> tuple[str, ...]:
    """What a launch makes beside the machine. To tag what it does not make fails the launch.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplateTagSpecificationRequest.html
    """
    return ("volume", "network-interface") if request.volumes else ("network-interface",)


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
        "TagSpecifications": tagged(("instance", *_made(request)), request.tags),
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


def _mappings(volumes: Sequence[Volume]) -> list[dict[str, Any]]:
    """What is as the image has it is not said, and a volume that is all so is left out."""
    said = [(volume.device, _named(VOLUME, vars(volume))) for volume in volumes]
    return [{"DeviceName": device, "Ebs": ebs} for device, ebs in said if ebs]


def _named(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """By EC2's names. A name with a dot stands in a section of its own."""
    found: dict[str, Any] = {}
    for name, aws in names.items():
        section, _, key = aws.rpartition(".")
        if values.get(name) is not None:
            (found.setdefault(section, {}) if section else found)[key] = values[name]
    return found
