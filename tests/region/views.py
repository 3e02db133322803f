"""Machines as DescribeInstances shows them, by the names on the wire."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from tests.region.addresses import private_name, public_name, resource_name
from tests.region.machines import CODES, Machine
from tests.region.world import ACCOUNT


def reservation(machines: list[Machine], now: float, *, starting: bool = False) -> dict[str, Any]:
    """``starting``: RunInstances answers pending, whatever the machine does next."""
    views = [view(each, now) for each in machines]
    for each in views if starting else []:
        each["instanceState"] = state("pending")
    return {
        "reservationId": machines[0].reservation,
        "ownerId": ACCOUNT,
        "groupSet": [],
        "instancesSet": views,
    }


def reservations(machines: list[Machine], now: float) -> list[dict[str, Any]]:
    together = groupby(machines, key=lambda machine: machine.reservation)
    return [reservation(list(each), now) for _, each in together]


def state(name: str) -> dict[str, Any]:
    return {"code": CODES[name], "name": name}


def tag_set(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def private_dns(machine: Machine, now: float) -> str:
    if not machine.named(now) or not (machine.address(now) or machine.ipv6_address(now)):
        return ""
    if not machine.private_ip:
        return resource_name(machine.id, machine.region)
    return private_name(machine.private_ip, machine.region)


def public_dns(machine: Machine, now: float) -> str:
    named = machine.named(now) and machine.public_ip
    return public_name(str(machine.public_ip), machine.region) if named else ""


def public_ip(machine: Machine) -> str | None:
    return machine.public_ip if machine.state in ("pending", "running") else None


def view(machine: Machine, now: float) -> dict[str, Any]:
    spec, reason = machine.spec, machine.state_reason
    return {
        "instanceId": machine.id,
        "imageId": spec.image,
        "instanceState": state(machine.state),
        "privateDnsName": private_dns(machine, now),
        "dnsName": public_dns(machine, now),
        "reason": machine.reason,
        "keyName": spec.key_name,
        "amiLaunchIndex": machine.index,
        "instanceType": spec.pool.instance_type,
        "launchTime": machine.launched_at,
        "placement": {"availabilityZone": spec.pool.zone, "groupName": "", "tenancy": "default"},
        "monitoring": {"state": "enabled" if spec.monitored else "disabled"},
        **_network(machine, now),
        "stateReason": {"code": reason[0], "message": reason[1]} if reason else None,
        "architecture": spec.architecture,
        "rootDeviceType": "ebs",
        "rootDeviceName": spec.root_device,
        "blockDeviceMapping": [] if machine.gone else _volumes(machine),
        "virtualizationType": "hvm",
        "instanceLifecycle": "spot" if spec.pool.market == "spot" else None,
        "spotInstanceRequestId": machine.spot_request,
        "clientToken": machine.token,
        "tagSet": tag_set(machine.tags) if machine.tags else None,
        "hypervisor": "xen",
        "iamInstanceProfile": _profile(spec.profile),
        "ebsOptimized": spec.ebs_optimized,
        "metadataOptions": _metadata(machine),
    }


def _network(machine: Machine, now: float) -> dict[str, Any]:
    """A terminated machine has left its network."""
    spec = machine.spec
    groups = [{"groupId": key, "groupName": name} for key, name in spec.groups]
    if machine.gone:
        return {"groupSet": [], "networkInterfaceSet": []}
    nic = {
        "networkInterfaceId": f"eni-{machine.id[2:]}",
        "subnetId": spec.subnet,
        "vpcId": spec.vpc,
        "privateIpAddress": machine.address(now),
        "ipv6AddressesSet": _ipv6(machine, now),
        "groupSet": groups,
        "attachment": {"deviceIndex": 0, "status": "attached", "deleteOnTermination": True},
    }
    return {
        "subnetId": spec.subnet,
        "vpcId": spec.vpc,
        "privateIpAddress": machine.address(now),
        "ipAddress": public_ip(machine),
        "ipv6Address": machine.ipv6_address(now),
        "sourceDestCheck": True,
        "groupSet": groups,
        "networkInterfaceSet": [nic],
    }


def _ipv6(machine: Machine, now: float) -> list[dict[str, Any]]:
    address = machine.ipv6_address(now)
    return [{"ipv6Address": address, "isPrimaryIpv6": False}] if address else []


def _volumes(machine: Machine) -> list[dict[str, Any]]:
    return [
        {
            "deviceName": device,
            "ebs": {
                "volumeId": f"vol-{number}{machine.id[3:]}",
                "status": "attached",
                "deleteOnTermination": each["DeleteOnTermination"],
            },
        }
        for number, (device, each) in enumerate(machine.spec.volumes.items())
    ]


def _profile(name: str | None) -> dict[str, str] | None:
    return {"arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/{name}", "id": name} if name else None


def _metadata(machine: Machine) -> dict[str, Any]:
    said = machine.spec.metadata
    return {
        "state": "applied",
        "httpTokens": said.get("HttpTokens", "optional"),
        "httpPutResponseHopLimit": said.get("HttpPutResponseHopLimit", 1),
        "httpEndpoint": said.get("HttpEndpoint", "enabled"),
        "httpProtocolIpv6": said.get("HttpProtocolIpv6", "disabled"),
        "instanceMetadataTags": said.get("InstanceMetadataTags", "disabled"),
    }
