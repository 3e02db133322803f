"""What each role's launches stand on: image with its volumes, subnets, groups, key, types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from enc.domain.rolespec import RoleSpec
from provisioner.doctor.finding import Finding, broken, ok, refused, warning
from provisioner.domain.ground import UnsuitableError, listed, unsuitable
from provisioner.domain.volumes import planned
from provisioner.ports.ec2 import Cloud, Ground, GroundRequest
from provisioner.ports.errors import CloudError
from provisioner.rolesfile.userdata import unusable


def examine(cloud: Cloud, wanted: Mapping[GroundRequest, Sequence[RoleSpec]]) -> Iterator[Finding]:
    yield from _told({spec.name: spec for specs in wanted.values() for spec in specs})
    for asked, specs in wanted.items():
        what = f"EC2 {asked.region}: ground of {_some([spec.name for spec in specs])}"
        try:
            found = cloud.ground(asked)
            for spec in specs:
                planned(spec.launch.volumes if spec.launch else {}, found)
            yield judged(what, asked, found)
        except CloudError as error:
            yield refused(what, error)


def _told(specs: Mapping[str, RoleSpec]) -> Iterator[Finding]:
    """A role that was applied by an older version may have too little room by now."""
    for name, spec in specs.items():
        if flaw := unusable(spec):
            yield broken(f"role {name}: user-data", *flaw)


def judged(what: str, asked: GroundRequest, found: Ground) -> Finding:
    """Pure."""
    free = sum(subnet.free_addresses for subnet in found.subnets)
    told = f" ({found.image})" if found.image != asked.image else ""
    alone = sum(subnet.ipv6_only for subnet in found.subnets)
    with_ipv4 = f"{len(found.subnets) - alone} subnet(s) with {free} free addresses"
    said = f"image {asked.image}{told}, {with_ipv4}{f', {alone} of IPv6 alone' if alone else ''}"
    if not any(subnet.room for subnet in found.subnets):
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
