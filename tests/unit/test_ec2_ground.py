"""Looking up what a launch stands on: image, subnets, groups and key."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.ports import (
    CloudError,
    GroundRequest,
    Trouble,
)
from tests.fakes.aws import FakeAws, refusal
from tests.fakes.clock import FakeClock

REGION = "us-east-1"


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cloud(aws: FakeAws, clock: FakeClock) -> Ec2Cloud:
    return Ec2Cloud(aws, clock)


GROUND = GroundRequest(
    region=REGION,
    image="resolve:ssm:/images/worker",
    subnets=("subnet-b", "subnet-a"),
    security_groups=("sg-1",),
    key_name="ops",
)


def subnet_entry(letter: str) -> dict[str, Any]:
    return {
        "SubnetId": f"subnet-{letter}",
        "AvailabilityZone": f"{REGION}{letter}",
        "VpcId": "vpc-1",
        "AvailableIpAddressCount": 250,
    }


@pytest.fixture
def grounded(aws: FakeAws) -> FakeAws:
    aws.answers |= {
        "get_parameter": [{"Parameter": {"Value": "ami-1"}}],
        "describe_images": [{"Images": [{"ImageId": "ami-1", "State": "available"}]}],
        "describe_subnets": [{"Subnets": [subnet_entry("a"), subnet_entry("b")]}],
        "describe_security_groups": [{"SecurityGroups": [{"GroupId": "sg-1"}]}],
        "describe_key_pairs": [{"KeyPairs": [{"KeyName": "ops"}]}],
    }
    return aws


def test_the_ground_comes_back_in_the_roles_order(cloud: Ec2Cloud, grounded: FakeAws) -> None:
    ground = cloud.ground(GROUND)

    assert ground.image == "ami-1"
    assert [subnet.id for subnet in ground.subnets] == ["subnet-b", "subnet-a"]
    assert grounded.asked("get_parameter") == [{"Name": "/images/worker"}]


def test_the_ground_tells_the_images_root_and_its_volumes(
    cloud: Ec2Cloud, grounded: FakeAws
) -> None:
    disks = [
        {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": False}},
        {"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": True}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ]
    image = {"ImageId": "ami-1", "RootDeviceName": "/dev/sda1", "BlockDeviceMappings": disks}
    grounded.answers["describe_images"] = [{"Images": [image]}]
    found = cloud.ground(GROUND)

    assert found.root == "/dev/sda1"
    assert [(disk.device, disk.delete_on_termination) for disk in found.disks] == [
        ("/dev/sda1", False),
        ("/dev/sdf", True),
    ]


@pytest.mark.parametrize("state", ["pending", "deregistered", "disabled"])
def test_an_image_that_is_not_available_is_the_roles_mistake(
    cloud: Ec2Cloud, grounded: FakeAws, state: str
) -> None:
    grounded.answers["describe_images"] = [{"Images": [{"ImageId": "ami-1", "State": state}]}]

    with pytest.raises(CloudError, match=f"launch.image: ami-1 is {state}"):
        cloud.ground(GROUND)


def test_a_thing_that_ec2_leaves_out_in_silence_is_missed(
    cloud: Ec2Cloud, grounded: FakeAws
) -> None:
    grounded.answers["describe_subnets"] = [{"Subnets": [subnet_entry("a")]}]

    with pytest.raises(CloudError, match=r"launch\.subnets .*subnet-b does not exist"):
        cloud.ground(GROUND)


def test_a_denied_look_up_is_not_taken_for_the_roles_mistake(
    cloud: Ec2Cloud, grounded: FakeAws
) -> None:
    grounded.answers["describe_key_pairs"] = [refusal("UnauthorizedOperation")]
    with pytest.raises(CloudError) as raised:
        cloud.ground(GROUND)

    assert raised.value.trouble is Trouble.DENIED
    assert raised.value.hint.startswith("allow ec2:DescribeKeyPairs ")
