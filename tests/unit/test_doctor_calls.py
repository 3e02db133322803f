"""What the doctor's adapters send to AWS: dry runs of the very calls, and nothing that does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from provisioner.adapters import ec2_template as template
from provisioner.adapters import ec2_values as values
from provisioner.adapters.aws import Calls
from provisioner.adapters.dry_runs import AwsFacts, DryRuns
from provisioner.doctor import permissions, service_roles
from provisioner.doctor.finding import Verdict
from provisioner.doctor.permissions import LaunchPlace
from provisioner.doctor.profiles import Profiles
from provisioner.ports.checks import QueueState
from provisioner.ports.ec2 import Ground, Volume
from provisioner.ports.errors import CloudError
from tests.fakes.aws import FakeAws, refusal
from tests.fakes.clock import FakeClock
from tests.unit.test_doctor_findings import spec

PLACE = LaunchPlace(region="us-east-1", site="prod", specs=[spec(instance_profile="node")])
GROUND = Ground(image="ami-1", subnets=(), root="/dev/sda1", disks=(Volume(device="/dev/sda1"),))
TEMPLATE = permissions.template_request(PLACE, PLACE.specs[0], GROUND)
FLEET = permissions.fleet_request(PLACE, "l-1")
DRY = refusal("DryRunOperation", "would have", 412)
WRITES = (
    *("create_launch_template", "create_fleet", "run_instances", "terminate_instances"),
    *("create_tags", "delete_launch_template"),
)


def asked(aws: FakeAws) -> DryRuns:
    return DryRuns(Calls(aws, FakeClock()))


def facts(aws: FakeAws) -> AwsFacts:
    return AwsFacts(Calls(aws, FakeClock()))


def denying_all() -> FakeAws:
    return FakeAws({name: [DRY] for name in WRITES})


def try_all(dry: DryRuns) -> None:
    for call in (
        lambda: dry.create_template(TEMPLATE),
        lambda: dry.create_fleet(FLEET),
        lambda: dry.run_instances(TEMPLATE, "c5.large", "subnet-a"),
        lambda: dry.terminate("us-east-1", "i-1"),
        lambda: dry.tag("us-east-1", "i-1", {"a": "b"}),
        lambda: dry.delete_template("us-east-1", "l-1"),
    ):
        with pytest.raises(CloudError, match="DryRunOperation"):
            call()


def test_whatever_would_change_something_is_sent_as_a_dry_run() -> None:
    aws = denying_all()

    try_all(asked(aws))

    assert sorted(name for name, _ in aws.calls) == sorted(WRITES)
    assert all(sent["DryRun"] is True for _, sent in aws.calls)


def test_template_and_fleet_are_asked_for_as_a_launch_asks() -> None:
    aws = denying_all()

    try_all(asked(aws))

    [made] = aws.asked("create_launch_template")
    [fleet] = aws.asked("create_fleet")
    assert made == {**template.template_parameters(TEMPLATE), "DryRun": True}
    assert fleet == {**values.fleet_parameters(FLEET), "DryRun": True}


def test_run_instances_carries_profile_subnet_and_tags_as_a_fleet_would() -> None:
    aws = denying_all()

    try_all(asked(aws))

    [sent] = aws.asked("run_instances")
    assert sent["IamInstanceProfile"] == {"Name": "node"}
    assert (sent["SubnetId"], sent["InstanceType"]) == ("subnet-a", "c5.large")
    kinds = [one["ResourceType"] for one in sent["TagSpecifications"]]
    assert kinds == ["instance", "volume", "network-interface"]
    assert sent["ImageId"] == "ami-1"
    assert sent["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": True}}
    ]
    assert "UserData" not in sent


def test_with_an_address_of_its_own_the_subnet_is_the_interfaces() -> None:
    public = permissions.template_request(
        LaunchPlace(region="us-east-1", site="prod", specs=[spec(public_ip=True)])
    )

    sent = template.run_parameters(public, "c5.large", "subnet-a")

    assert sent["NetworkInterfaces"][0]["SubnetId"] == "subnet-a"
    assert "SubnetId" not in sent


def test_who_knows_no_dry_runs_is_asked_for_nothing_that_would_then_be_done() -> None:
    machine: dict[str, Any] = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "LaunchTime": datetime(2026, 1, 1, tzinfo=UTC),
        "Tags": [{"Key": "rolecall:site", "Value": "prod"}],
    }
    aws = FakeAws({"describe_instances": [{"Reservations": [{"Instances": [machine]}]}]})

    found = list(permissions.examine(asked(aws), NoCloud(), PLACE))  # type: ignore[arg-type]

    assert found[-1].verdict is Verdict.SKIPPED
    assert "does not support dry runs" in found[-1].said
    assert [name for name, _ in aws.calls if name in WRITES] == []


class NoCloud:
    """Is not asked."""


SPOT, SOLID = spec("a", market="spot"), spec("b", market="on-demand")


def test_the_service_linked_role_of_spot_is_there_or_not_or_cannot_be_asked() -> None:
    there = FakeAws({"get_role": [{"Role": {}}]})
    gone = FakeAws({"get_role": [refusal("NoSuchEntity", status=404)]})
    denied = FakeAws({"get_role": [refusal("AccessDenied", status=403)]})

    def verdicts(aws: FakeAws) -> list[Verdict]:
        return [each.verdict for each in service_roles.examine(facts(aws), [SPOT, SOLID])]

    assert verdicts(there) == [Verdict.OK]
    assert verdicts(gone) == [Verdict.BROKEN]
    assert verdicts(denied) == [Verdict.WARNING]


def test_where_no_role_launches_spot_machines_it_is_not_asked_for() -> None:
    aws = FakeAws()

    [found] = service_roles.examine(facts(aws), [SOLID])

    assert found.verdict is Verdict.SKIPPED
    assert aws.calls == []


def test_where_nobody_knows_the_roles_it_is() -> None:
    aws = FakeAws({"get_role": [{"Role": {}}]})

    assert [each.verdict for each in service_roles.examine(facts(aws), [])] == [Verdict.OK]


def test_a_missing_service_linked_role_comes_with_the_command_that_makes_it() -> None:
    for code in ("NoSuchEntity", "AccessDenied"):
        [found] = service_roles.examine(facts(FakeAws({"get_role": [refusal(code)]})), [SPOT])

        command = "create-service-linked-role --aws-service-name spot.amazonaws.com"
        assert found.remedy.endswith(command)


def test_the_role_in_a_profile_is_asked_by_the_profiles_name_without_its_path() -> None:
    arn = "arn:aws-cn:iam::123456789012:role/x/db-role"
    aws = FakeAws({"get_instance_profile": [{"InstanceProfile": {"Roles": [{"Arn": arn}]}}]})
    looked = Profiles(facts(aws), ["arn:aws-cn:iam::123456789012:instance-profile/y/db"])

    assert list(looked.examine()) == []
    assert list(looked.roles.values()) == [arn]
    assert aws.asked("get_instance_profile") == [{"InstanceProfileName": "db"}]


def test_a_profile_that_is_empty_denied_or_not_there_is_told_and_stops_no_other() -> None:
    aws = FakeAws(
        {
            "get_instance_profile": [
                refusal("NoSuchEntity", status=404),
                refusal("AccessDenied", status=403),
                {"InstanceProfile": {"Roles": []}},
                {"InstanceProfile": {"Roles": [{"Arn": "arn:aws:iam::1:role/r"}]}},
            ]
        }
    )
    looked = Profiles(facts(aws), ["a", "b", "c", "d"])

    told = [one.what for one in looked.examine()]

    assert told == [f"IAM: instance profile {name}" for name in "abc"]
    assert looked.roles == {"d": "arn:aws:iam::1:role/r"}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        ("sqs.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("sqs.eu-west-1.api.aws", "eu-west-1"),
    ],
)
def test_a_queue_of_any_partition_is_asked_in_its_own_region(host: str, region: str) -> None:
    aws = FakeAws({"get_queue_attributes": [{"Attributes": {}}]})

    with pytest.raises(CloudError):
        facts(aws).queue(f"https://{host}/123456789012/notices")

    assert aws.made == [("sqs", region)]


def test_the_queue_is_asked_in_its_own_region() -> None:
    attributes = {
        "ApproximateNumberOfMessages": "5",
        "ApproximateNumberOfMessagesNotVisible": "2",
    }
    aws = FakeAws({"get_queue_attributes": [{"Attributes": attributes}]})

    found = facts(aws).queue("https://sqs.eu-west-1.amazonaws.com/123456789012/notices")

    assert found == QueueState(waiting=5, taken=2)
    assert aws.made == [("sqs", "eu-west-1")]


def test_an_answer_that_is_no_queues_is_an_error() -> None:
    with pytest.raises(CloudError, match="without the numbers"):
        facts(FakeAws()).queue("https://sqs.eu-west-1.amazonaws.com/1/notices")


def test_ec2s_time_is_that_of_its_answer_where_it_tells_it() -> None:
    def answered(headers: dict[str, str]) -> datetime | None:
        meta = {"HTTPHeaders": headers}
        said = {"Regions": [{"RegionName": "us-east-1"}], "ResponseMetadata": meta}
        return facts(FakeAws({"describe_regions": [said]})).regions()[1]

    when = answered({"date": "Sat, 31 Jan 2026 12:00:00 GMT"})

    assert when == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert answered({}) is None
    assert answered({"date": "yesterday"}) is None
