"""What the simulated region makes of a launch template, as boto3 sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.region.handle import Region, World, fleet_overrides
from tests.region_ring.region_calls import (
    encoded,
    error_codes,
    fleet,
    ids,
    machine,
    refused,
    template,
)


def disk(**ebs: Any) -> dict[str, Any]:
    return {"DeviceName": "/dev/xvda", "Ebs": ebs}


def tagging(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]}]


def test_a_new_template_may_not_be_found_yet(region: Region, ec2: Any, world: World) -> None:
    region.configure(template_n=2)
    template(ec2, world)
    for _ in range(2):
        with refused("InvalidLaunchTemplateName.NotFoundException"):
            fleet(ec2, world)
    assert len(ids(fleet(ec2, world))) == 1


def test_a_new_template_may_not_be_found_inside_a_200(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(template_s=60, template_inside=True)
    template(ec2, world)
    assert set(error_codes(fleet(ec2, world))) == {"InvalidLaunchTemplateName.NotFoundException"}
    region.advance(60)
    assert error_codes(fleet(ec2, world)) == []


def test_a_machine_is_what_its_template_says(region: Region, ec2: Any, world: World) -> None:
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}}
    template_id = template(
        ec2,
        world,
        KeyName=world.key_name,
        UserData=encoded("#cloud-config\n"),
        InstanceInitiatedShutdownBehavior="terminate",
        IamInstanceProfile={"Name": world.profile},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        BlockDeviceMappings=[mapping],
    )
    (instance_id,) = ids(fleet(ec2, world))
    seen, true = machine(ec2, instance_id), region.instance(instance_id)
    assert seen["KeyName"] == world.key_name
    assert seen["ImageId"] == world.image
    assert seen["InstanceLifecycle"] == "spot"
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["IamInstanceProfile"]["Arn"].endswith(f"/{world.profile}")
    assert [each["GroupId"] for each in seen["SecurityGroups"]] == [world.security_group]
    assert {"Key": "aws:ec2launchtemplate:id", "Value": template_id} in seen["Tags"]
    assert true["user_data"] == "#cloud-config\n"
    assert true["shutdown_behavior"] == "terminate"
    disk = {"VolumeSize": 20, "Encrypted": True, "VolumeType": "gp2", "DeleteOnTermination": True}
    assert true["volumes"] == {"/dev/xvda": disk}


def test_a_template_s_interface_decides_group_and_public_address(ec2: Any, world: World) -> None:
    nic = {"DeviceIndex": 0, "AssociatePublicIpAddress": True, "Groups": [world.security_group]}
    data = {"ImageId": world.image, "NetworkInterfaces": [nic]}
    ec2.create_launch_template(LaunchTemplateName="l-1", LaunchTemplateData=data)
    seen = machine(ec2, ids(fleet(ec2, world))[0])
    assert [each["GroupId"] for each in seen["SecurityGroups"]] == [world.security_group]
    assert seen["PublicIpAddress"]
    assert seen["PublicDnsName"].startswith("ec2-")


def test_without_a_word_the_subnet_decides_on_the_public_address(ec2: Any, world: World) -> None:
    template(ec2, world)
    private, public = world.subnets["us-east-1a"]
    inside = machine(ec2, ids(fleet(ec2, world, subnets=[private]))[0])
    outside = machine(ec2, ids(fleet(ec2, world, subnets=[public]))[0])
    assert "PublicIpAddress" not in inside
    assert outside["PublicIpAddress"]


def test_interface_and_group_of_their_own_are_refused_together(ec2: Any, world: World) -> None:
    template(ec2, world, NetworkInterfaces=[{"DeviceIndex": 0}])
    assert set(error_codes(fleet(ec2, world))) == {"InvalidParameterCombination"}


def test_tags_of_template_and_call_add_up(region: Region, ec2: Any, world: World) -> None:
    kinds = ("instance", "volume", "network-interface")
    mine = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in kinds]
    template(ec2, world, TagSpecifications=mine)
    fleet(ec2, world)
    (true,) = region.instances()
    assert true["tags"]["of"] == "instance"
    assert true["tags"]["rolecall:launch"] == "l-1"
    assert (true["volume_tags"], true["interface_tags"]) == (
        {"of": "volume"},
        {"of": "network-interface"},
    )


def test_tagging_the_spot_request_breaks_the_on_demand_launch_only(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world, TagSpecifications=tagging("spot-instances-request"))
    assert len(ids(fleet(ec2, world))) == 1
    assert set(error_codes(fleet(ec2, world, market="on-demand"))) == {"InvalidParameterValue"}
    assert len(region.instances()) == 1


def test_tagging_a_volume_breaks_the_launch_that_makes_none(
    region: Region, ec2: Any, world: World
) -> None:
    tags = tagging("volume")
    template(ec2, world, ImageId=world.diskless_image, TagSpecifications=tags)
    assert set(error_codes(fleet(ec2, world))) == {"InvalidParameterValue"}
    more = [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10}}]
    data = {"ImageId": world.diskless_image, "BlockDeviceMappings": more, "TagSpecifications": tags}
    ec2.create_launch_template_version(LaunchTemplateName="l-1", LaunchTemplateData=data)
    assert len(ids(fleet(ec2, world))) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"TagSpecifications": [{"ResourceType": "fleet"}]}, "InvalidParameterValue"),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue"),
        ({"MetadataOptions": {"HttpTokens": "sometimes"}}, "InvalidParameterValue"),
        ({"BlockDeviceMappings": [disk(VolumeType="gp4")]}, "InvalidParameterValue"),
    ],
)
def test_a_template_with_what_is_not_documented_is_not_made(
    ec2: Any, world: World, data: dict[str, Any], code: str
) -> None:
    with refused(code):
        template(ec2, world, **data)
    template(ec2, world)


@pytest.mark.parametrize("name", ["l", "l 1", "l" * 129])
def test_a_template_s_name_keeps_to_ec2_s_letters(ec2: Any, world: World, name: str) -> None:
    with refused("InvalidLaunchTemplateName.MalformedException"):
        template(ec2, world, name)


@pytest.mark.parametrize(
    ("ebs", "code"),
    [
        ({}, "MissingParameter"),
        ({"VolumeSize": 10, "VolumeType": "io2"}, "MissingParameter"),
        ({"VolumeSize": 10, "VolumeType": "gp2", "Iops": 3000}, "InvalidParameterCombination"),
        ({"VolumeSize": 10, "VolumeType": "io2", "Iops": 9, "Throughput": 125}, "InvalidParameter"),
        ({"VolumeSize": 10, "KmsKeyId": "alias/disks"}, "InvalidParameterDependency"),
    ],
)
def test_a_disk_that_cannot_be_made_fails_the_launch(
    ec2: Any, world: World, ebs: dict[str, Any], code: str
) -> None:
    template(ec2, world, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": ebs}])
    (said,) = set(error_codes(fleet(ec2, world)))
    assert said.startswith(code)


def test_credits_are_for_burstable_types_alone(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world, CreditSpecification={"CpuCredits": "unlimited"})
    answer = fleet(ec2, world, 2, types=["c5.large", "t3.small"], subnets=world.one_per_zone[:1])
    assert error_codes(answer) == ["InvalidParameterCombination"]
    assert {each["cpu_credits"] for each in region.instances()} == {"unlimited"}


def test_another_name_than_the_image_s_root_is_a_second_disk(
    region: Region, ec2: Any, world: World
) -> None:
    mapping = disk(VolumeSize=20)
    template(ec2, world, ImageId=world.baked_image, BlockDeviceMappings=[mapping])
    fleet(ec2, world)
    (true,) = region.instances()
    assert list(true["volumes"]) == ["/dev/sda1", "/dev/sdf", "/dev/xvda"]


def test_a_disk_stays_where_its_image_says_so_and_the_launch_does_not(
    region: Region, ec2: Any, world: World
) -> None:
    ends = {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": True}}
    template(ec2, world, ImageId=world.baked_image, BlockDeviceMappings=[ends])
    made = ids(fleet(ec2, world))
    ec2.terminate_instances(InstanceIds=made)
    assert region.instance(made[0])["left_behind"] == ["/dev/sdf"]


def test_a_version_is_latest_default_or_a_number(region: Region, ec2: Any, world: World) -> None:
    template_id = template(ec2, world)
    newer = {"ImageId": world.other_image, "SecurityGroupIds": [world.security_group]}
    ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData=newer)
    for version in ("$Latest", "$Default", "2"):
        source = {"LaunchTemplateId": template_id, "Version": version}
        overrides = fleet_overrides(["c5.large"], world.one_per_zone[:1])
        configs = [{"LaunchTemplateSpecification": source, "Overrides": overrides}]
        fleet(ec2, world, LaunchTemplateConfigs=configs)
    images = [each["image"] for each in region.instances()]
    assert images == [world.other_image, world.image, world.other_image]


def test_an_image_can_be_named_by_its_parameter(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world, ImageId=f"resolve:ssm:{world.image_parameter}")
    fleet(ec2, world)
    assert region.instances()[0]["image"] == world.image
