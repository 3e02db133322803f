"""What a launch stands on: what to look up, and which instance types it cannot carry. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from enc.domain.rolespec import LaunchSpec, RoleSpec
from provisioner.ports.ec2 import Ground, GroundRequest


class UnsuitableError(Exception):
    """EC2 cannot launch some instance types of a role. ``hint`` is what the user can do."""

    hint = "correct launch.instance_types in roles.yaml, or the image, and apply it again"

    def __init__(self, role: str, wrong: Mapping[str, str]) -> None:
        self.wrong = wrong
        super().__init__(f"role {role}: {listed(wrong)}")


def request(launch: LaunchSpec, image: str = "") -> GroundRequest:
    """``image``: another one than the launch section's, as that of a burst."""
    return GroundRequest(
        region=launch.region,
        image=image or launch.image,
        subnets=launch.subnets,
        security_groups=launch.security_groups,
        key_name=launch.key_name,
        instance_types=launch.instance_types,
    )


def requests(specs: Iterable[RoleSpec]) -> dict[GroundRequest, list[RoleSpec]]:
    """What to look up, each once, and the roles that stand on it."""
    found: dict[GroundRequest, list[RoleSpec]] = {}
    for spec in specs:
        if spec.launch is not None:
            for image in _images(spec):
                found.setdefault(request(spec.launch, image), []).append(spec)
    return found


def _images(spec: RoleSpec) -> list[str]:
    burst = spec.burst.image if spec.burst else None
    launch = [spec.launch.image] if spec.launch else []
    return list(dict.fromkeys([*launch, *([burst] if burst else [])]))


def unsuitable(found: Ground, types: Iterable[str], region: str) -> dict[str, str]:
    """The types that cannot be launched there, and why. None where EC2 could not be asked."""
    if found.types is None:
        return {}
    why = {kind: _why_not(found, kind, region) for kind in types}
    return {kind: said for kind, said in why.items() if said}


def not_offered(found: Ground, types: Collection[str]) -> frozenset[tuple[str, str]]:
    """(instance type, zone) of each pool that is none."""
    if found.types is None:
        return frozenset()
    zones = {subnet.zone for subnet in found.subnets}
    wrong = unsuitable(found, types, "")
    return frozenset(
        (kind, zone)
        for kind in types
        for zone in zones
        if kind in wrong or zone not in found.types[kind].zones
    )


def listed(wrong: Mapping[str, str]) -> str:
    return "; ".join(f"{kind}: {why}" for kind, why in wrong.items())


def _why_not(found: Ground, kind: str, region: str) -> str:
    offer = (found.types or {}).get(kind)
    if offer is None or not offer.zones:
        return f"{region} does not offer this type"
    known = found.architecture and offer.architectures
    if known and found.architecture not in offer.architectures:
        runs = " and ".join(offer.architectures)
        return f"this type runs {runs} images, and {found.image} is {found.architecture}"
    zones = {subnet.zone for subnet in found.subnets}
    if not offer.zones & zones:
        there, ours = ", ".join(sorted(offer.zones)), ", ".join(sorted(zones))
        return f"it is offered in {there} alone, and launch.subnets are in {ours}"
    return ""
