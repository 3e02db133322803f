"""Which volumes a launch makes: the image's, changed and added to by the role."""

from __future__ import annotations

from typing import Any

import pytest

from enc.domain.rolespec import VolumeSpec
from provisioner.domain.volumes import planned
from provisioner.ports.ec2 import Ground, Volume
from provisioner.ports.errors import CloudError, Trouble


def ground(
    root: str = "/dev/sda1", *, stays: tuple[str, ...] = (), more: tuple[str, ...] = ()
) -> Ground:
    disks = [Volume(device=d, delete_on_termination=d not in stays) for d in (root, *more)]
    return Ground(image="ami-1", subnets=(), root=root, disks=tuple(disks))


def made(found: Ground, **volumes: Any) -> dict[str, Volume]:
    specs = {name: VolumeSpec(**said) for name, said in volumes.items()}
    return {each.device: each for each in planned(specs, found)}


def test_root_is_whatever_the_image_calls_its_root() -> None:
    for name in ("/dev/sda1", "/dev/xvda"):
        disks = made(ground(name), root={"size": 30})

        assert list(disks) == [name]
        assert disks[name].size == 30


@pytest.mark.parametrize("name", ["/dev/xvda", "xvda", "sda1", "/dev/sda", "/dev/nvme0n1"])
def test_a_root_device_of_another_image_is_refused_with_the_right_name(name: str) -> None:
    with pytest.raises(CloudError, match=f"{name} is not the root device of ami-1, which is") as no:
        made(ground("/dev/sda1"), **{name: {"size": 8}})

    assert no.value.trouble is Trouble.MALFORMED
    assert "/dev/sda1" in no.value.message
    assert "write root" in no.value.hint


@pytest.mark.parametrize("name", ["/dev/sda1", "/dev/sdf", "/dev/xvdba", "sdb"])
def test_a_name_that_is_the_images_root_or_no_root_at_all_is_not_refused(name: str) -> None:
    assert made(ground("/dev/sda1"), **{name: {"size": 8}})[name].size == 8


def test_root_without_a_size_keeps_the_images() -> None:
    assert made(ground(), root={"encrypted": True})["/dev/sda1"].size is None


def test_root_and_its_name_are_one_disk_and_not_taken_together() -> None:
    with pytest.raises(CloudError, match="root and /dev/sda1 are one device"):
        made(ground(), **{"root": {}, "/dev/sda1": {"size": 8}})


def test_an_image_on_instance_store_has_no_root_to_change() -> None:
    bare = Ground(image="ami-1", subnets=(), root="/dev/sda1")

    assert made(bare) == {}
    with pytest.raises(CloudError, match="the root device of ami-1 is not an EBS volume"):
        made(bare, root={})


def test_an_image_that_does_not_tell_its_root_refuses_no_name_but_root() -> None:
    silent = Ground(image="ami-1", subnets=())

    assert list(made(silent, **{"/dev/xvda": {"size": 8}})) == ["/dev/xvda"]
    with pytest.raises(CloudError, match="is not an EBS volume"):
        made(silent, root={"size": 8})


def test_what_an_image_would_leave_behind_ends_with_its_machine() -> None:
    disks = made(ground(stays=("/dev/sda1", "/dev/sdf"), more=("/dev/sdf", "/dev/sdg")))

    assert {name: disk.delete_on_termination for name, disk in disks.items()} == {
        "/dev/sda1": True,
        "/dev/sdf": True,
        "/dev/sdg": None,  # ends by itself: nothing is said of it
    }


def test_a_disk_stays_where_the_role_says_so() -> None:
    stays = {"size": 8, "delete_on_termination": False}

    assert made(ground(), **{"/dev/sdf": stays})["/dev/sdf"].delete_on_termination is False


def test_no_encryption_is_not_asked_for_by_name() -> None:
    assert made(ground(), root={})["/dev/sda1"].encrypted is None
    assert made(ground(), root={"encrypted": True})["/dev/sda1"].encrypted is True
