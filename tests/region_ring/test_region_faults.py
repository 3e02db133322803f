"""Faults and repeated requests in the simulated region, as boto3 sees them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from tests.region.handle import Region, RegionError, World
from tests.region_ring.region_calls import error_codes, fleet, ids, listed, refused, run, template

# Long beside a call that is not delayed, however busy the machine is.
LATE_S = 1.5


def test_the_same_request_with_the_same_token_makes_one_fleet(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    first = fleet(ec2, world, 2, ClientToken="l-1-1")
    again = fleet(ec2, world, 2, ClientToken="l-1-1")
    assert (again["FleetId"], ids(again)) == (first["FleetId"], ids(first))
    assert len(region.instances()) == 2


def test_another_token_makes_another_fleet(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    fleet(ec2, world, ClientToken="l-1-1")
    fleet(ec2, world, ClientToken="l-1-2")
    assert len(region.instances()) == 2


def test_the_same_token_for_another_request_is_refused(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    fleet(ec2, world, 2, ClientToken="l-1-1")
    with refused("IdempotentParameterMismatch"):
        fleet(ec2, world, 2, "on-demand", ClientToken="l-1-1")
    assert len(region.instances()) == 2


def test_a_replay_can_come_back_without_the_machines(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(replay_lists=False)
    template(ec2, world)
    first = fleet(ec2, world, 2, ClientToken="l-1-1")
    again = fleet(ec2, world, 2, ClientToken="l-1-1")
    assert (again["FleetId"], again["Instances"], again["Errors"]) == (first["FleetId"], [], [])
    assert listed(ec2, **{"tag:rolecall:launch": "l-1"}) == ids(first)


def test_a_call_that_failed_does_not_use_up_its_token(
    region: Region, ec2: Any, world: World
) -> None:
    with refused("InvalidLaunchTemplateName.NotFoundException"):
        fleet(ec2, world, ClientToken="l-1-1")
    template(ec2, world)
    assert len(ids(fleet(ec2, world, ClientToken="l-1-1"))) == 1


def test_a_run_is_repeated_by_token_until_its_machines_are_gone(ec2: Any, world: World) -> None:
    first = run(ec2, world, ClientToken="t-1")
    assert run(ec2, world, ClientToken="t-1") == first
    ec2.terminate_instances(InstanceIds=first)
    with refused("IdempotentInstanceTerminated"):
        run(ec2, world, ClientToken="t-1")


def test_a_template_is_made_once_by_token(region: Region, ec2: Any, world: World) -> None:
    data = {"ImageId": world.image}
    made = [
        ec2.create_launch_template(
            LaunchTemplateName="l-1", LaunchTemplateData=data, ClientToken="t-1"
        )["LaunchTemplate"]["LaunchTemplateId"]
        for _ in range(2)
    ]
    assert made[0] == made[1]
    with refused("InvalidLaunchTemplateName.AlreadyExistsException"):
        ec2.create_launch_template(LaunchTemplateName="l-1", LaunchTemplateData=data)
    assert len(region.templates()) == 1


def test_tokens_of_other_regions_are_others(region: Region, ec2: Any, world: World) -> None:
    there = region.client("ec2", "eu-west-1")
    abroad = region.seed("eu-west-1")
    here = run(ec2, world, ClientToken="t-1")
    assert run(there, abroad, ClientToken="t-1") != here
    there.close()


def test_many_at_once_with_one_token_make_one_machine(
    region: Region, ec2: Any, world: World
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: run(ec2, world, ClientToken="t-1"), range(16)))
    assert {each[0] for each in answers} == {region.instances()[0]["id"]}
    assert len(region.instances()) == 1


def test_many_at_once_do_not_take_more_than_there_is(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    region.capacity("spot:*:*", 5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fleet(ec2, world, 1), range(16)))
    got = [each for answer in answers for each in ids(answer)]
    assert len(got) == len(set(got)) == 5


def test_a_throttled_call_is_a_503_and_does_nothing(region: Region, ec2: Any, world: World) -> None:
    region.throttle("RunInstances", times=1)
    with refused("RequestLimitExceeded") as caught:
        run(ec2, world)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert region.instances() == []
    assert len(run(ec2, world)) == 1


def test_the_sdk_s_own_retries_get_past_a_few_throttles(region: Region, world: World) -> None:
    patient = region.client("ec2", retries={"mode": "standard", "total_max_attempts": 3})
    region.throttle("DescribeInstances", times=2)
    assert listed(patient) == []
    patient.close()


def test_a_lost_response_hides_work_that_was_done(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    region.fault("CreateFleet", "InternalError", after=True)
    with refused("InternalError"):
        fleet(ec2, world, ClientToken="l-1-1")
    (true,) = region.instances()
    assert ids(fleet(ec2, world, ClientToken="l-1-1")) == [true["id"]]
    assert len(region.instances()) == 1


@pytest.mark.parametrize(("cut", "machines"), [("before", 0), ("after", 1)])
def test_a_cut_connection_comes_before_or_after_the_work(
    region: Region, ec2: Any, world: World, cut: str, machines: int
) -> None:
    region.fault("RunInstances", cut=cut)
    with pytest.raises(ConnectionClosedError):
        run(ec2, world)
    assert len(region.instances()) == machines


def test_an_answer_can_break_off_half_way(region: Region, ec2: Any, world: World) -> None:
    region.fault("RunInstances", cut="half")
    with pytest.raises(ResponseParserError):
        run(ec2, world)
    assert len(region.instances()) == 1


def test_latency_delays_its_own_action_only(region: Region, ec2: Any, world: World) -> None:
    region.configure(latency_s={"DescribeInstances": LATE_S})
    started = time.monotonic()
    ec2.describe_subnets()
    between = time.monotonic()
    listed(ec2)
    assert between - started < LATE_S <= time.monotonic() - between


def test_a_fault_hits_what_it_matches_and_nothing_else(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    market = "TargetCapacitySpecification.DefaultTargetCapacityType"
    region.fault("CreateFleet", "UnauthorizedOperation", match={market: "spot"}, times=-1)
    for _ in range(2):
        with refused("UnauthorizedOperation") as caught:
            fleet(ec2, world)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert error_codes(fleet(ec2, world, market="on-demand")) == []


def test_a_fault_can_hit_the_second_page_only(region: Region, ec2: Any, world: World) -> None:
    run(ec2, world, 12)
    region.fault("DescribeInstances", "InternalError", match={"NextToken": "*"})
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    with refused("InternalError"):
        list(pages)


def test_a_fault_can_let_some_calls_pass_first(region: Region, ec2: Any, world: World) -> None:
    region.fault("DescribeInstances", "Unavailable", skip=1)
    assert listed(ec2) == []
    with refused("Unavailable"):
        listed(ec2)
    assert listed(ec2) == []


def test_a_fault_hits_its_region_only(region: Region, ec2: Any, world: World) -> None:
    region.fault("DescribeInstances", "InternalError", region="eu-west-1")
    assert listed(ec2) == []
    assert len(region.faults()) == 1
    region.clear_faults()
    assert region.faults() == []


def test_faults_speak_the_protocol_of_their_service(region: Region, world: World) -> None:
    region.fault("GetParameter", "AccessDeniedException")
    region.fault("GetCallerIdentity", "ExpiredToken", status=403)
    for service, call, said in (
        ("ssm", "get_parameter", {"Name": world.image_parameter}),
        ("sts", "get_caller_identity", {}),
    ):
        client = region.client(service)
        with pytest.raises(ClientError, match=r"\((AccessDeniedException|ExpiredToken)\)"):
            getattr(client, call)(**said)
        getattr(client, call)(**said)
        client.close()


def test_a_region_that_is_not_enabled_denies_everything(region: Region) -> None:
    nowhere = region.client("ec2", "xx-nowhere-1")
    with refused("AuthFailure"):
        nowhere.describe_instances()
    nowhere.close()


def test_a_fault_or_setting_that_means_nothing_is_refused(region: Region) -> None:
    with pytest.raises(RegionError, match="a fault has no cuts"):
        region.fault("RunInstances", cuts="before")
    with pytest.raises(RegionError, match="no such setting: pendings"):
        region.configure(pendings=5)


def test_calls_are_counted_with_what_they_said(region: Region, ec2: Any, world: World) -> None:
    run(ec2, world)
    with refused("InvalidInstanceID.NotFound"):
        ec2.terminate_instances(InstanceIds=["i-0123456789abcdef0"])
    (call,) = region.calls("RunInstances")
    assert (call["params"]["InstanceType"], call["status"]) == ("c5.large", 200)
    assert [each["status"] for each in region.calls("TerminateInstances", clear=True)] == [400]
    assert region.calls() == []
