"""Looking up what a launch stands on: image, subnets, groups and key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.ports.ec2 import GroundRequest, TypeOffer
from provisioner.ports.errors import CloudError, Trouble
from tests.fakes.aws import FakeAws, refusal

REGION = "us-east-1"


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


def type_entry(name: str, runs: str) -> dict[str, Any]:
    return {"InstanceType": name, "ProcessorInfo": {"SupportedArchitectures": [runs]}}


TYPES = {
    "describe_instance_types": [
        {
            "InstanceTypes": [
                {
                    "InstanceType": "c5.large",
                    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
                }
            ],
            "NextToken": "more",
        },
        {
            "InstanceTypes": [
                {
                    "InstanceType": "c6g.large",
                    "ProcessorInfo": {"SupportedArchitectures": ["arm64"]},
                }
            ]
        },
    ],
    "describe_instance_type_offerings": [
        {
            "InstanceTypeOfferings": [
                {"InstanceType": "c5.large", "Location": "us-east-1a"},
                {"InstanceType": "c5.large", "Location": "us-east-1b"},
            ]
        }
    ],
}
WITH_TYPES = replace(GROUND, instance_types=("c5.large", "c6g.large", "c99.large"))


def test_types_come_with_the_images_they_run_and_their_zones(
    cloud: Ec2Cloud, grounded: FakeAws
) -> None:
    grounded.answers |= TYPES

    assert cloud.ground(WITH_TYPES).types == {
        "c5.large": TypeOffer(
            architectures=("x86_64",), zones=frozenset({"us-east-1a", "us-east-1b"})
        ),
        "c6g.large": TypeOffer(architectures=("arm64",), zones=frozenset()),
    }
    asked = grounded.asked("describe_instance_types")[0]
    assert asked["Filters"] == [
        {"Name": "instance-type", "Values": ["c5.large", "c6g.large", "c99.large"]}
    ]


@pytest.mark.parametrize("method", TYPES)
def test_types_that_cannot_be_read_are_unknown_and_not_absent(
    cloud: Ec2Cloud, grounded: FakeAws, method: str
) -> None:
    grounded.answers |= {**TYPES, method: [refusal("UnauthorizedOperation")]}
    found = cloud.ground(WITH_TYPES)

    assert found.types is None
    assert "UnauthorizedOperation" in found.types_error


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
