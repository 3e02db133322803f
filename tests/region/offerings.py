"""Which instance types a region offers, where, and what images they run."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tests.region import world
from tests.region.capacity import Pool
from tests.region.state import State, Store
from tests.region.wire import ApiError, Reply, Request, answer


def offered(state: State, instance_type: str, zone: str) -> bool:
    place = f"{instance_type}:{zone}"
    return not any(fnmatchcase(place, pattern) for pattern in state.config.not_offered)


def check(state: State, pool: Pool, architecture: str) -> None:
    """EC2's errors for a machine of this type, in this zone, from such an image."""
    kind, zone = pool.instance_type, pool.zone
    if kind not in world.instance_types():
        raise ApiError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    runs = world.architectures(kind)
    if architecture not in runs:
        text = (
            f"The architecture '{runs[0]}' of the specified instance type does not match the "
            f"architecture '{architecture}' of the specified AMI. Specify an instance type and an "
            "AMI that have matching architectures, and try again."
        )
        raise ApiError("InvalidParameterValue", text)
    if not offered(state, kind, zone):
        text = (
            f"Your requested instance type ({kind}) is not supported in your requested "
            f"Availability Zone ({zone})."
        )
        raise ApiError("Unsupported", text)


def describe_types(state: State, store: Store, request: Request) -> Reply:
    zones = world.zones(store.region)
    found = [kind for kind in _asked(request) if any(offered(state, kind, zone) for zone in zones)]
    return answer("DescribeInstanceTypes", {"instanceTypeSet": [_type(kind) for kind in found]})


def describe_offerings(state: State, store: Store, request: Request) -> Reply:
    if request.params.get("LocationType") != "availability-zone":
        text = "The simulated region tells offerings by availability zone only."
        raise ApiError("UnsupportedOperation", text)
    found = [
        {"instanceType": kind, "locationType": "availability-zone", "location": zone}
        for kind in _asked(request)
        for zone in world.zones(store.region)
        if offered(state, kind, zone)
    ]
    return answer("DescribeInstanceTypeOfferings", {"instanceTypeOfferingSet": found})


def _asked(request: Request) -> Iterator[str]:
    """The known types that the filter names."""
    filters = request.params.get("Filters") or []
    if request.params.get("InstanceTypes") or [each["Name"] for each in filters] != [
        "instance-type"
    ]:
        text = "The simulated region knows types by the filter instance-type only."
        raise ApiError("UnsupportedOperation", text)
    return (kind for kind in filters[0]["Values"] if kind in world.instance_types())


def _type(kind: str) -> dict[str, Any]:
    runs = {"supportedArchitectures": world.architectures(kind)}
    return {"instanceType": kind, "currentGeneration": True, "processorInfo": runs}
