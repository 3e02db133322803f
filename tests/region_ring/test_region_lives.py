"""How machines of the simulated region live, as boto3 sees it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.handle import Region, RegionError, World
from tests.region_ring.region_calls import fleet, ids, listed, machine, refused, run, template


def state_of(ec2: Any, instance_id: str) -> str:
    return str(machine(ec2, instance_id)["State"]["Name"])


def test_a_machine_is_pending_for_its_time_and_then_runs(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(pending_s=60)
    (instance_id,) = run(ec2, world)
    assert state_of(ec2, instance_id) == "pending"
    region.advance(60)
    assert state_of(ec2, instance_id) == "running"


def test_an_ended_machine_shuts_down_for_its_time_and_is_then_dead(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(shutdown_s=60)
    (instance_id,) = run(ec2, world)
    answer = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert answer["PreviousState"]["Name"] == "running"
    assert answer["CurrentState"]["Name"] == "shutting-down"
    assert state_of(ec2, instance_id) == "shutting-down"
    region.advance(60)
    dead = machine(ec2, instance_id)
    assert dead["State"] == {"Code": 48, "Name": "terminated"}
    assert dead["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_a_dead_machine_has_no_names_and_no_network(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world, SubnetId=world.subnets["us-east-1a"][1])
    alive = machine(ec2, instance_id)
    assert alive["PrivateDnsName"].endswith(".ec2.internal")
    ec2.terminate_instances(InstanceIds=[instance_id])
    dead = machine(ec2, instance_id)
    assert (dead["PrivateDnsName"], dead["PublicDnsName"]) == ("", "")
    assert not {"PrivateIpAddress", "PublicIpAddress", "SubnetId", "VpcId"} & set(dead)


def test_names_come_late_and_so_can_the_address(region: Region, ec2: Any, world: World) -> None:
    region.configure(dns_s=120, ip_s=60)
    (instance_id,) = run(ec2, world)
    young = machine(ec2, instance_id)
    assert (young["PrivateDnsName"], young.get("PrivateIpAddress")) == ("", None)
    region.advance(60)
    assert machine(ec2, instance_id)["PrivateIpAddress"] == "10.20.0.4"
    assert machine(ec2, instance_id)["PrivateDnsName"] == ""
    region.advance(60)
    assert machine(ec2, instance_id)["PrivateDnsName"] == "ip-10-20-0-4.ec2.internal"


def test_a_new_machine_is_unknown_by_id_for_the_first_questions(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(unknown_n=2)
    (instance_id,) = run(ec2, world)
    for _ in range(2):
        with refused("InvalidInstanceID.NotFound"):
            machine(ec2, instance_id)
    assert state_of(ec2, instance_id) == "running"


def test_a_new_machine_can_be_unknown_by_id_for_a_while(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(unknown_s=60)
    (instance_id,) = run(ec2, world)
    with refused("InvalidInstanceID.NotFound"):
        machine(ec2, instance_id)
    assert listed(ec2) == [instance_id]
    region.advance(60)
    assert state_of(ec2, instance_id) == "running"


def test_a_new_machine_is_missing_in_listings_but_not_by_id(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(hidden_s=60)
    (instance_id,) = run(ec2, world)
    assert listed(ec2) == []
    assert state_of(ec2, instance_id) == "running"
    region.advance(60)
    assert listed(ec2) == [instance_id]


def test_a_long_dead_machine_is_forgotten_and_a_freshly_dead_one_is_not(
    region: Region, ec2: Any, world: World
) -> None:
    (instance_id,) = run(ec2, world)
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert listed(ec2) == [instance_id]
    region.advance(3600)
    assert listed(ec2) == []
    with refused("InvalidInstanceID.NotFound"):
        machine(ec2, instance_id)


def test_addresses_and_names_of_the_dead_go_to_the_next_when_they_are_reused(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(reuse_addresses=True)
    (old,) = run(ec2, world)
    name = machine(ec2, old)["PrivateDnsName"]
    ec2.terminate_instances(InstanceIds=[old])
    (new,) = run(ec2, world)
    assert machine(ec2, new)["PrivateDnsName"] == name


def test_addresses_of_the_living_are_never_reused(region: Region, ec2: Any, world: World) -> None:
    region.configure(reuse_addresses=True, shutdown_s=60)
    (old,) = run(ec2, world)
    ec2.terminate_instances(InstanceIds=[old])
    (new,) = run(ec2, world)
    assert machine(ec2, new)["PrivateIpAddress"] != machine(ec2, old)["PrivateIpAddress"]


def test_addresses_are_not_reused_unless_told(ec2: Any, world: World) -> None:
    (old,) = run(ec2, world)
    before = machine(ec2, old)["PrivateIpAddress"]
    ec2.terminate_instances(InstanceIds=[old])
    (new,) = run(ec2, world)
    assert machine(ec2, new)["PrivateIpAddress"] != before


def test_a_machine_can_die_at_launch_for_a_reason_that_ec2_gives(
    region: Region, ec2: Any, world: World
) -> None:
    death = {"pool": "*", "code": "Server.InsufficientInstanceCapacity", "times": 1}
    region.configure(die_at_launch=[death])
    template(ec2, world)
    (dead,) = ids(fleet(ec2, world))
    (alive,) = ids(fleet(ec2, world))
    assert machine(ec2, dead)["State"]["Name"] == "terminated"
    assert machine(ec2, dead)["StateReason"]["Code"] == "Server.InsufficientInstanceCapacity"
    assert state_of(ec2, alive) == "running"
    assert "StateReason" not in machine(ec2, alive)


def test_ending_twice_is_the_same_as_once(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world)
    ec2.terminate_instances(InstanceIds=[instance_id])
    again = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert again["PreviousState"]["Name"] == again["CurrentState"]["Name"] == "terminated"


def test_one_bad_id_and_none_is_ended(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world)
    with refused("InvalidInstanceID.NotFound"):
        ec2.terminate_instances(InstanceIds=[instance_id, "i-0123456789abcdef0"])
    with refused("InvalidInstanceID.Malformed"):
        ec2.terminate_instances(InstanceIds=[instance_id, "web-1"])
    assert state_of(ec2, instance_id) == "running"


def test_a_protected_machine_is_not_ended_until_it_is_let_go(ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world, DisableApiTermination=True)
    with refused("OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert state_of(ec2, instance_id) == "terminated"


def test_a_stopped_machine_keeps_its_address_and_starts_again(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(stopping_s=60, pending_s=60)
    (instance_id,) = run(ec2, world)
    region.advance(60)
    before = machine(ec2, instance_id)
    ec2.stop_instances(InstanceIds=[instance_id])
    assert state_of(ec2, instance_id) == "stopping"
    region.advance(60)
    stopped = machine(ec2, instance_id)
    assert stopped["State"] == {"Code": 80, "Name": "stopped"}
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    ec2.start_instances(InstanceIds=[instance_id])
    assert state_of(ec2, instance_id) == "pending"
    region.advance(60)
    assert state_of(ec2, instance_id) == "running"


def test_a_spot_machine_cannot_be_stopped(ec2: Any, world: World) -> None:
    template(ec2, world)
    with refused("UnsupportedOperation"):
        ec2.stop_instances(InstanceIds=ids(fleet(ec2, world)))


@pytest.mark.parametrize(("behavior", "state"), [("terminate", "terminated"), ("stop", "stopped")])
def test_a_machine_that_powers_itself_off_ends_or_stops_as_it_was_launched_to(
    region: Region, ec2: Any, world: World, behavior: str, state: str
) -> None:
    (instance_id,) = run(ec2, world, InstanceInitiatedShutdownBehavior=behavior)
    region.power_off(instance_id)
    seen = machine(ec2, instance_id)
    assert seen["State"]["Name"] == state
    assert seen["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_an_interrupted_machine_is_warned_of_and_then_ended(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    (instance_id,) = ids(fleet(ec2, world))
    queue = region.queue()
    region.interrupt(instance_id, notice_s=120)
    (notice,) = notices(region, queue)
    assert notice["detail-type"] == "EC2 Spot Instance Interruption Warning"
    assert notice["detail"] == {"instance-id": instance_id, "instance-action": "terminate"}
    assert state_of(ec2, instance_id) == "running"
    region.advance(120)
    dead = machine(ec2, instance_id)
    assert dead["State"]["Name"] == "terminated"
    assert dead["StateReason"]["Code"] == "Server.SpotInstanceTermination"


def test_an_interruption_can_come_without_a_word(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world)
    (instance_id,) = ids(fleet(ec2, world))
    queue = region.queue()
    region.interrupt(instance_id, notice_s=0, event=False)
    assert notices(region, queue) == []
    assert state_of(ec2, instance_id) == "terminated"


def test_rebalancing_is_recommended_and_ends_nothing(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    (instance_id,) = ids(fleet(ec2, world))
    queue = region.queue()
    region.rebalance(instance_id)
    (notice,) = notices(region, queue)
    assert notice["detail-type"] == "EC2 Instance Rebalance Recommendation"
    region.advance(600)
    assert state_of(ec2, instance_id) == "running"


def test_an_on_demand_machine_is_not_interrupted(region: Region, ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world)
    with pytest.raises(RegionError, match="not a live spot"):
        region.interrupt(instance_id)


def notices(region: Region, queue: str) -> list[dict[str, Any]]:
    sqs = region.client("sqs")
    try:
        told = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    finally:
        sqs.close()
    return [json.loads(each["Body"]) for each in told]


def test_launch_times_keep_to_the_wall_clock_unless_they_are_moved(
    region: Region, ec2: Any, world: World
) -> None:
    (instance_id,) = run(ec2, world)
    before = machine(ec2, instance_id)["LaunchTime"]
    region.advance(600)
    assert machine(ec2, instance_id)["LaunchTime"] == before
    region.backdate(instance_id, 3600)
    assert (before - machine(ec2, instance_id)["LaunchTime"]).total_seconds() == 3600


def test_ec2_s_clock_can_be_wrong(region: Region, ec2: Any, world: World) -> None:
    region.configure(clock_skew_s=7200)
    answer = ec2.run_instances(
        ImageId=world.image, MinCount=1, MaxCount=1, SubnetId=world.one_per_zone[0]
    )
    said = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert 7190 < (said - datetime.now(UTC)).total_seconds() < 7210
    assert abs((said - answer["Instances"][0]["LaunchTime"]).total_seconds()) < 10


def test_ending_nothing_is_refused(ec2: Any, world: World) -> None:
    with pytest.raises(ClientError, match="MissingParameter"):
        ec2.terminate_instances(InstanceIds=[])


def test_a_subnet_of_ipv6_alone_gives_an_ipv6_address_and_a_name_by_id(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    made = ids(fleet(ec2, world, 2, subnets=[world.ipv6_subnet]))
    for instance_id in made:
        seen = machine(ec2, instance_id)
        (nic,) = seen["NetworkInterfaces"]
        assert seen["Ipv6Address"].startswith("2001:db8:20:1::")
        assert nic["Ipv6Addresses"][0]["Ipv6Address"] == seen["Ipv6Address"]
        assert "PrivateIpAddress" not in seen
        assert seen["PrivateDnsName"] == f"{instance_id}.ec2.internal"
    (subnet,) = ec2.describe_subnets(SubnetIds=[world.ipv6_subnet])["Subnets"]
    assert (subnet["Ipv6Native"], subnet["AvailableIpAddressCount"]) == (True, 0)


def test_a_subnet_of_ipv4_does_not(ec2: Any, world: World) -> None:
    template(ec2, world)
    seen = machine(ec2, ids(fleet(ec2, world))[0])
    assert seen["PrivateDnsName"].startswith("ip-10-20-")
    assert "Ipv6Address" not in seen
