"""What each role's launches stand on: image with its volumes, subnets, security groups, key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from provisioner.doctor.finding import Finding, broken, ok, refused, warning
from provisioner.domain.volumes import planned
from provisioner.ports import Cloud, CloudError, Ground, GroundRequest
from provisioner.rolesfile.spec import LaunchSpec, RoleSpec
from provisioner.rolesfile.userdata import unusable


def requests(specs: Iterable[RoleSpec]) -> dict[GroundRequest, list[RoleSpec]]:
    """What to look up, each once, and the roles that stand on it. Pure."""
    found: dict[GroundRequest, list[RoleSpec]] = {}
    for spec in specs:
        if spec.launch is not None:
            for image in _images(spec):
                found.setdefault(request(spec.launch, image), []).append(spec)
    return found


def request(launch: LaunchSpec, image: str) -> GroundRequest:
    return GroundRequest(
        region=launch.region,
        image=image,
        subnets=launch.subnets,
        security_groups=launch.security_groups,
        key_name=launch.key_name,
    )


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
        if error := unusable(spec):
            said, _, advice = str(error).partition("; ")
            yield broken(f"role {name}: user-data", said, advice)


def judged(what: str, asked: GroundRequest, found: Ground) -> Finding:
    """Pure."""
    free = sum(subnet.free_addresses for subnet in found.subnets)
    told = f" ({found.image})" if found.image != asked.image else ""
    alone = sum(subnet.ipv6_only for subnet in found.subnets)
    with_ipv4 = f"{len(found.subnets) - alone} subnet(s) with {free} free addresses"
    said = f"image {asked.image}{told}, {with_ipv4}{f', {alone} of IPv6 alone' if alone else ''}"
    if not any(subnet.room for subnet in found.subnets):
        return warning(what, said, "name a subnet with room in launch.subnets, or retire machines")
    return ok(what, said)


def _images(spec: RoleSpec) -> list[str]:
    burst = spec.burst.image if spec.burst else None
    launch = [spec.launch.image] if spec.launch else []
    return list(dict.fromkeys([*launch, *([burst] if burst else [])]))


def _some(roles: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(roles) - shown} more" if len(roles) > shown else ""
    return ", ".join(roles[:shown]) + more
