"""What the simulated region makes of a launch template, as boto3 sees it."""

from __future__ import annotations

from typing import Any

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
    assert true["volumes"] == {"/dev/xvda": {"VolumeSize": 20, "Encrypted": True}}


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
