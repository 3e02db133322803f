"""What a launch stands on, looked up in EC2: image, subnets, groups, key pair, instance types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from provisioner.adapters import ec2_values as values
from provisioner.adapters.aws import Calls
from provisioner.ports.ec2 import Ground, GroundRequest, TypeOffer
from provisioner.ports.errors import CloudError, Trouble

_SSM = "resolve:ssm:"


def looked_up(calls: Calls, request: GroundRequest) -> Ground:
    """See ``ports.ec2.Cloud.ground``."""
    region, groups = request.region, request.security_groups
    image = _image(calls, region, request.image)
    subnets = _there(calls, region, "subnets", ("Subnets", "SubnetId"), request.subnets)
    _there(calls, region, "security_groups", ("SecurityGroups", "GroupId"), groups)
    if request.key_name:
        _there(calls, region, "key_name", ("KeyPairs", "KeyName"), (request.key_name,))
    types, error = _types(calls, region, request.instance_types)
    return Ground(
        image=image["ImageId"],
        subnets=tuple(values.subnet(entry) for entry in subnets),
        root=image.get("RootDeviceName", ""),
        disks=values.disks(image),
        architecture=image.get("Architecture", ""),
        types=types,
        types_error=error,
    )


def _image(calls: Calls, region: str, image: str) -> Mapping[str, Any]:
    if image.startswith(_SSM):
        name = image.removeprefix(_SSM)
        with _of_role("image", image):
            said = calls.repeated(region, "GetParameter", service="ssm", Name=name)
        image = str(said["Parameter"]["Value"])
    found = _there(calls, region, "image", ("Images", "ImageId"), (image,))
    state = found[0].get("State", "available")
    if state != "available":
        message = f"launch.image: {image} is {state}"
        raise CloudError(Trouble.MALFORMED, "InvalidAMIID.Unavailable", message)
    return found[0]


def _types(
    calls: Calls, region: str, wanted: Sequence[str]
) -> tuple[Mapping[str, TypeOffer] | None, str]:
    """What the region offers of the types, or None and why that cannot be read.

    By filter: an unknown name in ``InstanceTypes`` fails the call.
    """
    if not wanted:
        return {}, ""
    named = [{"Name": "instance-type", "Values": list(wanted)}]
    try:
        kinds = list(calls.pages(region, "DescribeInstanceTypes", Filters=named))
        places = calls.pages(
            region,
            "DescribeInstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=named,
        )
        return values.type_offers(kinds, list(places)), ""
    except CloudError as error:
        return None, str(error)


def _there(
    calls: Calls, region: str, key: str, things: tuple[str, str], wanted: Sequence[str]
) -> list[Mapping[str, Any]]:
    """What EC2 says of each one wanted, in that order; MALFORMED for one that is not there.

    ``things`` as EC2 names them: all of them, and one's id.
    """
    kind, field = things
    if not wanted:
        return []
    with _of_role(key, ", ".join(wanted)):
        asked: dict[str, Any] = {f"{field}s": list(wanted)}
        said = calls.repeated(region, f"Describe{kind}", **asked)
        found = {entry[field]: entry for entry in said.get(kind, ())}
        missing = [thing for thing in wanted if thing not in found]
        if missing:
            message = f"{', '.join(missing)} does not exist in {region}"
            raise CloudError(Trouble.MALFORMED, f"Invalid{field}.NotFound", message)
    return [found[thing] for thing in wanted]


@contextmanager
def _of_role(key: str, value: str) -> Iterator[None]:
    """A thing that EC2 does not have is the role's mistake: say where it stands."""
    try:
        yield
    except CloudError as error:
        if error.trouble is not Trouble.MALFORMED:
            raise
        message = f"launch.{key} ({value}): {error.message}"
        advice = f"correct launch.{key} in roles.yaml and apply it again"
        raise CloudError(
            error.trouble, error.code, message, action=error.action, hint=advice
        ) from error
