"""What the simulated region shows and refuses besides fleets, as boto3 sees it."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from tests.region.handle import Region, World
from tests.region_ring.region_calls import (
    LAUNCH,
    encoded,
    fleet,
    ids,
    listed,
    machine,
    refused,
    run,
    template,
)

TAGS = [{"ResourceType": "instance", "Tags": [LAUNCH, {"Key": "rolecall:role", "Value": "web"}]}]
MANY, LISTED_WITHIN_CPU_S = 5000, 2.5
SIGNED = "AWS4-HMAC-SHA256 Credential=simulated/20260101/us-east-1/ec2/aws4_request"


def test_filters_tell_spot_from_on_demand(ec2: Any, world: World) -> None:
    template(ec2, world)
    spot = ids(fleet(ec2, world))
    on_demand = ids(fleet(ec2, world, market="on-demand"))
    assert listed(ec2, instance_lifecycle="spot") == spot
    assert listed(ec2) == spot + on_demand


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"tag:rolecall:role": "web"}, True),
        ({"tag:rolecall:role": "w*"}, True),
        ({"tag:rolecall:role": "we?"}, True),
        ({"tag:rolecall:role": ["db", "web"]}, True),
        ({"tag:rolecall:role": "w[e]b"}, False),
        ({"tag:rolecall:role": "db"}, False),
        ({"tag:rolecall:other": "*"}, False),
        ({"tag-key": "rolecall:launch"}, True),
        ({"instance-state-name": ["pending", "running"]}, True),
        ({"instance-state-name": "stopped"}, False),
        ({"instance-state-code": "16"}, True),
        ({"client-token": "t-1"}, True),
        ({"client-token": "t-2"}, False),
        ({"launch-time": "2*"}, True),
        ({"launch-time": "1999-*"}, False),
        ({"availability-zone": "us-east-1a"}, True),
        ({"availability-zone": "us-east-1b"}, False),
        ({"private-ip-address": "10.20.0.4"}, True),
        ({"private-dns-name": "ip-10-20-0-4.ec2.internal"}, True),
        ({"instance-type": "c5.*", "tag:rolecall:role": "web"}, True),
        ({"instance-type": "c5.*", "tag:rolecall:role": "db"}, False),
    ],
)
def test_a_filter_finds_what_fits_it_and_nothing_else(
    ec2: Any, world: World, filters: dict[str, Any], found: bool
) -> None:
    made = run(ec2, world, ClientToken="t-1", TagSpecifications=TAGS)
    assert listed(ec2, **filters) == (made if found else [])


def test_a_filter_that_ec2_does_not_know_is_refused(ec2: Any, world: World) -> None:
    with refused("InvalidParameterValue"):
        listed(ec2, instance_colour="red")
    with refused("FilterLimitExceeded"):
        listed(ec2, instance_id=[f"i-{number:017x}" for number in range(201)])


def test_pages_count_machines_not_reservations(ec2: Any, world: World) -> None:
    made = run(ec2, world, 7) + run(ec2, world, 5)
    first = ec2.describe_instances(MaxResults=5)
    second = ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
    third = ec2.describe_instances(MaxResults=5, NextToken=second["NextToken"])
    assert [len(ids(each)) for each in (first, second, third)] == [5, 5, 2]
    assert "NextToken" not in third
    assert ids(first) + ids(second) + ids(third) == made


def test_without_a_page_s_size_all_come_at_once(ec2: Any, world: World) -> None:
    run(ec2, world, 120)
    answer = ec2.describe_instances()
    assert len(ids(answer)) == 120
    assert "NextToken" not in answer


def test_pages_and_ids_exclude_each_other(ec2: Any, world: World) -> None:
    made = run(ec2, world)
    with refused("InvalidParameterCombination"):
        ec2.describe_instances(InstanceIds=made, MaxResults=5)
    with refused("InvalidParameterValue"):
        ec2.describe_instances(MaxResults=1001)
    with refused("InvalidNextToken"):
        ec2.describe_instances(MaxResults=5, NextToken="mine")


def test_five_thousand_machines_are_listed_soon(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    assert len(ids(fleet(ec2, world, MANY))) == MANY
    # Not through boto3, which takes four times as long to read the answer as the region to give it.
    asked = urllib.request.Request(
        region.url, b"Action=DescribeInstances", {"Authorization": SIGNED}, method="POST"
    )
    worked = region.cpu_seconds()
    with urllib.request.urlopen(asked, timeout=60) as answer:
        body = answer.read()
    # Its own work, which takes no longer when other tests keep the machine's cores from it.
    assert region.cpu_seconds() - worked < LISTED_WITHIN_CPU_S
    assert body.count(b"<instanceId>") == MANY


def test_a_zone_in_trouble_spoils_whole_listings_but_not_those_of_healthy_ids(
    region: Region, ec2: Any, world: World
) -> None:
    (healthy,) = run(ec2, world, SubnetId=world.one_per_zone[1])
    (troubled,) = run(ec2, world)
    region.configure(disrupted_zones=["us-east-1a"])
    with refused("InternalError"):
        listed(ec2)
    with refused("InternalError"):
        machine(ec2, troubled)
    assert machine(ec2, healthy)["State"]["Name"] == "running"


def test_status_is_of_the_running_unless_all_are_asked_for(ec2: Any, world: World) -> None:
    running, stopped = run(ec2, world, 2)
    ec2.stop_instances(InstanceIds=[stopped])
    some = ec2.describe_instance_status()["InstanceStatuses"]
    every = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert [each["InstanceId"] for each in some] == [running]
    assert [each["InstanceStatus"]["Status"] for each in every] == ["ok", "not-applicable"]


def test_a_run_gets_as_many_as_there_are_above_its_least(
    region: Region, ec2: Any, world: World
) -> None:
    region.capacity("on-demand:*:*", 3)
    with refused("InsufficientInstanceCapacity") as caught:
        run(ec2, world, MinCount=4, MaxCount=5)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert len(run(ec2, world, MinCount=2, MaxCount=5)) == 3


def test_a_run_answers_pending_whatever_comes_next(ec2: Any, world: World) -> None:
    answer = ec2.run_instances(ImageId=world.image, MinCount=1, MaxCount=1)
    assert answer["Instances"][0]["State"]["Name"] == "pending"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "debian-12"}, "InvalidAMIID.Malformed"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"InstanceType": "c5.gigantic"}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Name": "nobodys"}}, "InvalidParameterValue"),
        ({"UserData": "x" * 16385}, "InvalidParameterValue"),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_a_run_of_what_is_not_there_is_refused_in_ec2_s_words(
    region: Region, ec2: Any, world: World, said: dict[str, Any], code: str
) -> None:
    with refused(code):
        run(ec2, world, **said)
    assert region.instances() == []


@pytest.mark.parametrize(
    ("call", "said", "code"),
    [
        ("describe_images", {"ImageIds": ["ami-0123456789abcdef0"]}, "InvalidAMIID.NotFound"),
        ("describe_subnets", {"SubnetIds": ["subnet-0123456789"]}, "InvalidSubnetID.NotFound"),
        ("describe_key_pairs", {"KeyNames": ["nobodys"]}, "InvalidKeyPair.NotFound"),
        ("describe_security_groups", {"GroupIds": ["sg-0123456789"]}, "InvalidGroup.NotFound"),
        (
            "describe_launch_templates",
            {"LaunchTemplateNames": ["l-9"]},
            "InvalidLaunchTemplateName.NotFoundException",
        ),
        (
            "delete_launch_template",
            {"LaunchTemplateId": "lt-0123456789abcdef0"},
            "InvalidLaunchTemplateId.NotFound",
        ),
        (
            "delete_launch_template",
            {"LaunchTemplateName": "l-9"},
            "InvalidLaunchTemplateName.NotFoundException",
        ),
    ],
)
def test_a_question_about_what_is_not_there_is_refused_in_ec2_s_words(
    ec2: Any, world: World, call: str, said: dict[str, Any], code: str
) -> None:
    with refused(code):
        getattr(ec2, call)(**said)


def test_user_data_of_sixteen_kilobytes_passes_and_one_byte_more_does_not(
    ec2: Any, world: World
) -> None:
    template(ec2, world, UserData=encoded("x" * 16384))
    with refused("InvalidUserData.Malformed"):
        template(ec2, world, "l-2", UserData=encoded("x" * 16385))
    with refused("InvalidUserData.Malformed"):
        template(ec2, world, "l-2", UserData="not base64")


def test_user_data_is_read_back_as_it_was_sent(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world, UserData="#cloud-config\n")
    seen = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    assert seen["UserData"]["Value"] == encoded("#cloud-config\n")


def test_templates_are_listed_by_tag_in_pages(ec2: Any, world: World) -> None:
    for number in range(20):
        ec2.create_launch_template(
            LaunchTemplateName=f"l-{number}",
            LaunchTemplateData={"ImageId": world.image},
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": [LAUNCH]}],
        )
    template(ec2, world, "theirs")
    ours = [{"Name": "tag:rolecall:launch", "Values": ["*"]}]
    pages = ec2.get_paginator("describe_launch_templates").paginate(
        Filters=ours, PaginationConfig={"PageSize": 8}
    )
    found = [each["LaunchTemplateName"] for page in pages for each in page["LaunchTemplates"]]
    assert found == [f"l-{number}" for number in range(20)]


def test_tags_of_a_machine_can_be_changed(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world, TagSpecifications=TAGS)
    ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "rolecall:role", "Value": "db"}])
    ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": "rolecall:launch"}])
    assert machine(ec2, instance_id)["Tags"] == [{"Key": "rolecall:role", "Value": "db"}]
    told = [{"Name": "resource-id", "Values": [instance_id]}]
    (row,) = ec2.describe_tags(Filters=told)["Tags"]
    assert (row["ResourceType"], row["Key"], row["Value"]) == ("instance", "rolecall:role", "db")


def test_tags_of_the_unknown_are_refused_and_none_is_set(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world)
    tags = [{"Key": "a", "Value": "b"}]
    with refused("InvalidInstanceID.NotFound"):
        ec2.create_tags(Resources=[instance_id, "i-0123456789abcdef0"], Tags=tags)
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "aws:mine", "Value": "b"}])
    with refused("TagLimitExceeded"):
        many = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
        ec2.create_tags(Resources=[instance_id], Tags=many)
    assert "Tags" not in machine(ec2, instance_id)


def test_spot_requests_of_the_old_kind_are_refused_and_say_so(ec2: Any, world: World) -> None:
    with refused("UnsupportedOperation"):
        ec2.request_spot_instances(LaunchSpecification={"ImageId": world.image})
