"""Pages of DescribeInstances as EC2 sends them: 4.7 KB of XML a machine, most of it not for us.

The elements are those of the example in AWS' API reference and what EC2 has added since
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html), without the
white space between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from provisioner.adapters.aws import ClientFactory
from provisioner.ports.ec2 import Instance

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def page(instances: Iterable[Instance], token: str = "") -> bytes:
    items = "".join(_reservation(each) for each in instances)
    following = f"<nextToken>{token}</nextToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<DescribeInstancesResponse xmlns="{NAMESPACE}"><requestId>8f7724cf-496f</requestId>'
        f"<reservationSet>{items}</reservationSet>{following}</DescribeInstancesResponse>"
    ).encode()


def pages_in(folder: Path, instances: Sequence[Instance], size: int = 1_000) -> list[Path]:
    """A file for each page, in their order."""
    starts = range(0, len(instances), size)
    paths = [folder / f"{number}.xml" for number in range(len(starts))]
    for number, (path, start) in enumerate(zip(paths, starts, strict=True), 1):
        token = str(number) if number < len(paths) else ""
        path.write_bytes(page(instances[start : start + size], token))
    return paths


@dataclass
class Answering:
    """The same clients, whose DescribeInstances gets these pages by way of no socket."""

    make: ClientFactory
    listing: Sequence[Path]
    calls: int = 0

    def __call__(self, service: str, region: str) -> Any:
        made = self.make(service, region)
        made.meta.events.register_first("before-send.ec2.DescribeInstances", self._answer)
        return made

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.calls += 1
        body = request.body if isinstance(request.body, str) else request.body.decode()
        number = int(parse_qs(body).get("NextToken", ["0"])[0])
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(self.listing[number]))


class _Raw:
    """As urllib3's response, of which botocore streams the body."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._path.read_bytes()


def _reservation(one: Instance) -> str:
    return (
        f"<item><reservationId>r-0a1b2c3d4e5f60718</reservationId><ownerId>123456789012</ownerId>"
        f"<groupSet/><instancesSet><item>{_instance(one)}</item></instancesSet></item>"
    )


def _instance(one: Instance) -> str:
    born = one.launched_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    life = "<instanceLifecycle>spot</instanceLifecycle>" if one.market == "spot" else ""
    reason = one.state_reason
    why = f"<stateReason><code>C</code><message>{escape(reason)}</message></stateReason>"
    return _LOOKS.format(one=one, born=born, life=life, why=why if reason else "", tags=_tags(one))


def _tags(one: Instance) -> str:
    return "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"
        for key, value in one.tags.items()
    )


_LOOKS = """
<instanceId>{one.id}</instanceId><imageId>{one.image}</imageId>
<instanceState><code>16</code><name>{one.state.value}</name></instanceState>
<privateDnsName>{one.private_dns}</privateDnsName><dnsName>{one.public_dns}</dnsName><reason/>
<keyName>fleet</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/>
<instanceType>{one.instance_type}</instanceType><launchTime>{born}</launchTime>
<placement><availabilityZone>{one.zone}</availabilityZone>
<availabilityZoneId>use1-az1</availabilityZoneId><groupName/><tenancy>default</tenancy></placement>
<monitoring><state>disabled</state></monitoring><subnetId>subnet-0a1b2c3d4e5f60718</subnetId>
<vpcId>{one.vpc}</vpcId><privateIpAddress>{one.private_ip}</privateIpAddress>
<ipAddress>54.194.1.7</ipAddress><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0a1b2c3d4e5f60718</groupId><groupName>web</groupName></item></groupSet>
{why}<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>
<rootDeviceName>/dev/xvda</rootDeviceName>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName>
<ebs><volumeId>vol-0a1b2c3d4e5f60718</volumeId><status>attached</status>
<attachTime>2026-11-30T12:00:01.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>
</ebs></item></blockDeviceMapping>{life}
<spotInstanceRequestId>sir-0a1b2c3d</spotInstanceRequestId>
<virtualizationType>hvm</virtualizationType>
<clientToken>fleet-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-0</clientToken>
<tagSet>{tags}</tagSet><hypervisor>xen</hypervisor>
<networkInterfaceSet><item><networkInterfaceId>eni-0a1b2c3d4e5f60718</networkInterfaceId>
<subnetId>subnet-0a1b2c3d4e5f60718</subnetId><vpcId>{one.vpc}</vpcId><description/>
<ownerId>123456789012</ownerId><status>in-use</status><macAddress>02:dd:2c:5e:01:69</macAddress>
<privateIpAddress>{one.private_ip}</privateIpAddress>
<privateDnsName>{one.private_dns}</privateDnsName><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0a1b2c3d4e5f60718</groupId><groupName>web</groupName></item></groupSet>
<attachment><attachmentId>eni-attach-0a1b2c3d4e5f60718</attachmentId><deviceIndex>0</deviceIndex>
<status>attached</status><attachTime>2026-11-30T12:00:00.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment>
<association><publicIp>54.194.1.7</publicIp>
<publicDnsName>ec2-54-194-1-7.compute-1.amazonaws.com</publicDnsName>
<ipOwnerId>amazon</ipOwnerId></association>
<privateIpAddressesSet><item><privateIpAddress>{one.private_ip}</privateIpAddress>
<privateDnsName>{one.private_dns}</privateDnsName><primary>true</primary>
<association><publicIp>54.194.1.7</publicIp>
<publicDnsName>ec2-54-194-1-7.compute-1.amazonaws.com</publicDnsName>
<ipOwnerId>amazon</ipOwnerId></association></item></privateIpAddressesSet><ipv6AddressesSet/>
<interfaceType>interface</interfaceType></item></networkInterfaceSet>
<iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/web</arn>
<id>AIPAJ0A1B2C3D4E5F6071</id></iamInstanceProfile><ebsOptimized>false</ebsOptimized>
<enaSupport>true</enaSupport>
<cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>
<capacityReservationSpecification><capacityReservationPreference>open
</capacityReservationPreference></capacityReservationSpecification>
<hibernationOptions><configured>false</configured></hibernationOptions>
<enclaveOptions><enabled>false</enabled></enclaveOptions>
<metadataOptions><state>applied</state><httpTokens>required</httpTokens>
<httpPutResponseHopLimit>1</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>
<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags>
</metadataOptions><platformDetails>Linux/UNIX</platformDetails>
<usageOperation>RunInstances</usageOperation>
<usageOperationUpdateTime>2026-11-30T12:00:00.000Z</usageOperationUpdateTime>
<privateDnsNameOptions><hostnameType>ip-name</hostnameType>
<enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>
<enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord></privateDnsNameOptions>
<maintenanceOptions><autoRecovery>default</autoRecovery>
<rebootMigration>default</rebootMigration></maintenanceOptions>
<currentInstanceBootMode>legacy-bios</currentInstanceBootMode>
<networkPerformanceOptions><bandwidthWeighting>default</bandwidthWeighting>
</networkPerformanceOptions><operator><managed>false</managed></operator>
""".replace("\n", "")
