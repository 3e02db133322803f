"""Which volumes a launch makes: the image's own, changed and added to by the role. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from enc.domain.rolespec import ROOT, VolumeSpec
from provisioner.ports.ec2 import Ground, Volume
from provisioner.ports.errors import CloudError, Trouble

# Names that images give their root device, and never another one:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
_ROOT_NAMES = frozenset({"sda", "sda1", "xvda", "xvda1", "nvme0n1"})
_FOLDER = "/dev/"


def planned(volumes: Mapping[str, VolumeSpec], ground: Ground) -> tuple[Volume, ...]:
    """Every EBS volume of a machine, by device name. What is as the image has it is None.

    A volume that its image would leave behind ends with its machine, unless the role keeps it.
    Raises CloudError (MALFORMED) where the role names a root device that is not the image's.
    """
    made = {disk.device: _ending(disk) for disk in ground.disks}
    for name, spec in sorted(volumes.items()):
        device = _device(name, volumes, ground)
        # "Encrypted: false" is refused for an encrypted snapshot, so silence means the default.
        said = spec.model_dump() | {"encrypted": spec.encrypted or None}
        made[device] = Volume(device=device, **said)
    return tuple(made[device] for device in sorted(made))


def _ending(disk: Volume) -> Volume:
    """What ends anyway need not be said."""
    return replace(disk, delete_on_termination=None if disk.delete_on_termination else True)


def _device(name: str, volumes: Mapping[str, VolumeSpec], ground: Ground) -> str:
    """The device that the role means. ``root`` stands for the image's own name."""
    if name == ROOT:
        return _root(volumes, ground)
    if name.removeprefix(_FOLDER) in _ROOT_NAMES and ground.root not in ("", name):
        # EC2 would make a second disk of it, empty and billed.
        message = f"{name} is not the root device of {ground.image}, which is {ground.root}"
        raise _wrong(message, f"write {ROOT} instead of {name} under launch.volumes")
    return name


def _root(volumes: Mapping[str, VolumeSpec], ground: Ground) -> str:
    if ground.root not in [disk.device for disk in ground.disks]:
        message = f"the root device of {ground.image} is not an EBS volume"
        raise _wrong(message, f"take {ROOT} out of launch.volumes, or take another image")
    if ground.root in volumes:
        message = f"{ROOT} and {ground.root} are one device of {ground.image}"
        raise _wrong(message, f"keep {ROOT} under launch.volumes, and take {ground.root} out")
    return ground.root


def _wrong(message: str, advice: str) -> CloudError:
    return CloudError(
        Trouble.MALFORMED,
        "InvalidBlockDeviceMapping",
        f"launch.volumes: {message}",
        hint=f"{advice}, and apply roles.yaml again",
    )
