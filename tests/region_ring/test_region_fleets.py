"""The simulated region's CreateFleet, as boto3 sees it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.handle import Region, World, fleet_overrides
from tests.region_ring.region_calls import (
    error_codes,
    fleet,
    ids,
    listed,
    refused,
    template,
)


def test_a_fleet_gets_what_it_asks_for_and_no_errors(ec2: Any, world: World) -> None:
    template(ec2, world)
    answer = fleet(ec2, world, 3)
    assert len(ids(answer)) == 3
    assert answer["Errors"] == []


def test_spot_is_shared_out_over_the_pools_that_have_some(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    region.capacity("spot:*:us-east-1b", 0)
    answer = fleet(ec2, world, 4)
    zones = Counter(each["zone"] for each in region.instances())
    assert zones == {"us-east-1a": 2, "us-east-1c": 2}
    assert error_codes(answer) == ["UnfulfillableCapacity"]


def test_on_demand_at_the_lowest_price_stays_in_the_first_pool_that_has_it(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    region.capacity("on-demand:*:us-east-1a", 1)
    fleet(ec2, world, 3, "on-demand")
    zones = [each["zone"] for each in region.instances()]
    assert zones == ["us-east-1a", "us-east-1b", "us-east-1b"]


def test_a_partial_fleet_answers_machines_and_errors(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    region.configure(capacity={"spot:*:*": 0, "spot:c5.large:us-east-1b": 2})
    region.capacity("spot:*:*", 2)
    answer = fleet(ec2, world, 5)
    assert len(ids(answer)) == 2
    assert len(answer["Errors"]) == 3


def test_an_empty_fleet_says_why_for_each_pool(region: Region, ec2: Any, world: World) -> None:
    template_id = template(ec2, world)
    region.capacity("spot:*:*", 0)
    answer = fleet(ec2, world, types=["c5.large", "c5a.large"])
    assert ids(answer) == []
    error = answer["Errors"][0]
    named = error["LaunchTemplateAndOverrides"]
    assert (error["Lifecycle"], error["ErrorCode"]) == ("spot", "UnfulfillableCapacity")
    assert named["LaunchTemplateSpecification"] == {"LaunchTemplateId": template_id, "Version": "1"}
    assert named["Overrides"] == {
        "InstanceType": "c5.large",
        "SubnetId": world.one_per_zone[0],
        "AvailabilityZone": "us-east-1a",
    }
    assert len(answer["Errors"]) == 6


def test_overrides_can_come_back_just_as_they_were_asked(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    region.configure(echo_zone=False)
    named = fleet(ec2, world)["Instances"][0]["LaunchTemplateAndOverrides"]
    assert "AvailabilityZone" not in named["Overrides"]


def test_an_empty_fleet_can_keep_silent(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    region.configure(capacity={"spot:*:*": 0}, silent=True)
    answer = fleet(ec2, world)
    assert (answer["Instances"], answer["Errors"]) == ([], [])


def test_a_fleet_does_not_fall_over_to_the_other_market(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    region.capacity("spot:*:*", 0)
    fleet(ec2, world)
    assert region.instances() == []


def test_a_fleet_that_asks_for_both_markets_gets_both(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    target = {
        "TotalTargetCapacity": 3,
        "SpotTargetCapacity": 1,
        "DefaultTargetCapacityType": "on-demand",
    }
    answer = fleet(ec2, world, TargetCapacitySpecification=target)
    assert sorted(each["market"] for each in region.instances()) == [
        "on-demand",
        "on-demand",
        "spot",
    ]
    assert {each["Lifecycle"] for each in answer["Instances"]} == {"spot", "on-demand"}


def test_capacity_that_is_used_is_gone(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    region.capacity("spot:*:*", 1)
    assert len(ids(fleet(ec2, world))) == 1
    assert ids(fleet(ec2, world)) == []


def test_spot_can_come_late_or_at_a_word(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    region.capacity("spot:*:*", 0)
    region.capacity("spot:*:*", 2, after_s=60)
    assert ids(fleet(ec2, world)) == []
    region.advance(60)
    assert len(ids(fleet(ec2, world, 3))) == 2
    region.capacity("spot:*:*", None)
    assert len(ids(fleet(ec2, world, 3))) == 3


def test_two_subnets_of_one_zone_fail_the_call(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    with refused("InvalidFleetConfig"):
        fleet(ec2, world, subnets=world.subnets["us-east-1a"])
    assert region.instances() == []


def test_two_types_in_one_zone_do_not(ec2: Any, world: World) -> None:
    template(ec2, world)
    answer = fleet(ec2, world, types=["c5.large", "c5a.large"], subnets=world.one_per_zone[:1])
    assert len(ids(answer)) == 1


def test_a_denial_arrives_inside_a_200_for_the_pools_that_were_scripted(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    denial = {"pool": "spot:*:us-east-1a", "code": "UnauthorizedOperation", "times": 1}
    region.configure(pool_errors=[denial])
    assert error_codes(fleet(ec2, world)) == ["UnauthorizedOperation"]
    assert error_codes(fleet(ec2, world)) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobodys"}}, "InvalidParameterValue"),
    ],
)
def test_what_the_template_names_and_is_not_there_arrives_inside_a_200(
    ec2: Any, world: World, data: dict[str, Any], code: str
) -> None:
    template(ec2, world, **data)
    answer = fleet(ec2, world)
    assert set(error_codes(answer)) == {code}
    assert ids(answer) == []


def test_an_unknown_subnet_or_type_spoils_its_own_pool_only(ec2: Any, world: World) -> None:
    template(ec2, world)
    overrides = fleet_overrides(["c5.large"], [world.one_per_zone[0], "subnet-0123456789abcdef0"])
    overrides.append({"InstanceType": "c5.gigantic", "SubnetId": world.one_per_zone[1]})
    answer = fleet(ec2, world, 2, overrides=overrides)
    assert sorted(error_codes(answer)) == ["InvalidParameterValue", "InvalidSubnetID.NotFound"]
    assert len(ids(answer)) == 2


def test_a_quota_is_the_market_s_and_the_region_s(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    region.configure(quota={"spot": 2})
    answer = fleet(ec2, world, 3)
    assert len(ids(answer)) == 2
    assert "MaxSpotInstanceCountExceeded" in error_codes(answer)
    assert len(ids(fleet(ec2, world, 3, "on-demand"))) == 3


def test_a_price_under_the_market_s_gets_nothing(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    region.configure(spot_price={"c5.large": 0.04})
    place = {"InstanceType": "c5.large", "SubnetId": world.one_per_zone[0]}
    low = fleet(ec2, world, overrides=[{**place, "MaxPrice": "0.01"}])
    assert error_codes(low) == ["SpotMaxPriceTooLow"]
    assert len(ids(fleet(ec2, world, overrides=[{**place, "MaxPrice": "0.05"}]))) == 1


def test_a_subnet_runs_out_of_addresses(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    subnet = world.one_per_zone[0]
    region.configure(subnet_addresses={subnet: 2})
    shown = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]
    answer = fleet(ec2, world, 3, subnets=[subnet])
    assert shown["AvailableIpAddressCount"] == 2
    assert len(ids(answer)) == 2
    assert error_codes(answer) == ["InsufficientFreeAddressesInSubnet"]


@pytest.mark.parametrize("kind", ["volume", "network-interface", "spot-instances-request", "image"])
def test_a_fleet_tags_itself_and_its_machines_and_nothing_else(
    region: Region, ec2: Any, world: World, kind: str
) -> None:
    template(ec2, world)
    tags = [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]}]
    with refused("InvalidParameterValue"):
        fleet(ec2, world, TagSpecifications=tags)
    assert region.instances() == []
    fleet(ec2, world, TagSpecifications=[{**tags[0], "ResourceType": "fleet"}])
    assert len(region.instances()) == 1


def test_a_dry_run_launches_nothing(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    with refused("DryRunOperation") as caught:
        fleet(ec2, world, DryRun=True)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert region.instances() == []


def test_other_fleets_than_instant_are_refused_and_say_so(ec2: Any, world: World) -> None:
    template(ec2, world)
    with pytest.raises(ClientError, match="instant only"):
        fleet(ec2, world, Type="maintain")


def test_deleting_an_instant_fleet_ends_its_machines(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    answer = fleet(ec2, world, 2)
    ec2.delete_fleets(FleetIds=[answer["FleetId"]], TerminateInstances=False)
    assert {each["state"] for each in region.instances()} == {"terminated"}


def test_a_fleet_s_machines_are_found_by_its_tag_and_token(ec2: Any, world: World) -> None:
    template(ec2, world)
    answer = fleet(ec2, world, 2, ClientToken="l-1-1")
    assert listed(ec2, **{"tag:aws:ec2:fleet-id": answer["FleetId"]}) == ids(answer)
    assert listed(ec2, client_token="l-1-1") == ids(answer)
