"""What each role's launches stand on: image, subnets, security groups, key, instance types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provisioner.doctor.finding import Finding, ok, refused, warning
from provisioner.domain.ground import UnsuitableError, listed, unsuitable
from provisioner.ports import Cloud, CloudError, Ground, GroundRequest


def examine(cloud: Cloud, wanted: Mapping[GroundRequest, Sequence[str]]) -> Iterator[Finding]:
    for asked, roles in wanted.items():
        what = f"EC2 {asked.region}: ground of {_some(roles)}"
        try:
            yield judged(what, asked, cloud.ground(asked))
        except CloudError as error:
            yield refused(what, error)


def judged(what: str, asked: GroundRequest, found: Ground) -> Finding:
    """Pure."""
    free = sum(subnet.free_addresses for subnet in found.subnets)
    told = f" ({found.image})" if found.image != asked.image else ""
    said = f"image {asked.image}{told}, {len(found.subnets)} subnet(s) with {free} free addresses"
    if not free:
        return warning(what, said, "name a subnet with room in launch.subnets, or retire machines")
    if wrong := unsuitable(found, asked.instance_types, asked.region):
        return warning(what, listed(wrong), UnsuitableError.hint)
    if found.types is None:
        advice = "allow ec2:DescribeInstanceTypes and ec2:DescribeInstanceTypeOfferings"
        return warning(what, f"{said}; the instance types: {found.types_error}", advice)
    return ok(what, said)


def _some(roles: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(roles) - shown} more" if len(roles) > shown else ""
    return ", ".join(roles[:shown]) + more
