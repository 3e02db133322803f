"""How the adapter calls AWS: what is repeated, read to its end, split up or looked up first."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from provisioner.adapters.aws import TRIES, client_factory
from provisioner.adapters.ec2 import BATCH, Ec2Cloud
from provisioner.ports.errors import CloudError, Trouble
from tests.ec2_samples import FLEET, LISTED, REGION
from tests.fakes.aws import FakeAws, refusal
from tests.fakes.clock import FakeClock


def page(*instances: dict[str, Any], token: str = "") -> dict[str, Any]:
    """Each machine in a reservation of its own."""
    reservations = [{"Instances": [instance]} for instance in instances]
    return {"Reservations": reservations, **({"NextToken": token} if token else {})}


# Calls that are and are not repeated


def test_a_fleet_is_never_asked_for_twice(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["create_fleet"] = [refusal("InternalError", status=500), {}]
    with pytest.raises(CloudError) as raised:
        cloud.create_fleet(FLEET)

    assert raised.value.trouble is Trouble.UNKNOWN_OUTCOME
    assert len(aws.calls) == 1


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "InternalError"])
def test_a_look_up_is_repeated_with_growing_waits(
    cloud: Ec2Cloud, aws: FakeAws, clock: FakeClock, code: str
) -> None:
    aws.answers["describe_instances"] = [refusal(code, status=503)] * 3 + [page(LISTED)]
    found = cloud.instances(REGION, "default")

    assert [one.id for one in found] == ["i-1"]
    assert len(clock.slept) == 3
    assert all(
        most / 2 <= wait <= most for wait, most in zip(clock.slept, (0.25, 0.5, 1), strict=True)
    )


# Answers that are not EC2's


@pytest.mark.parametrize(
    "answer",
    [
        {},
        page({key: value for key, value in LISTED.items() if key != "State"}),
        page({key: value for key, value in LISTED.items() if key != "LaunchTime"}),
        page(LISTED | {"State": {"Name": "of tomorrow"}}),
        page(LISTED | {"Tags": [{"Key": "rolecall:site"}]}),
    ],
)
def test_an_answer_that_is_no_listing_is_no_proof_of_anything(
    cloud: Ec2Cloud, aws: FakeAws, answer: dict[str, Any]
) -> None:
    aws.answers["describe_instances"] = [answer, answer, answer]
    for look in (
        lambda: cloud.instances(REGION, "default"),
        lambda: cloud.everyone(REGION),
        lambda: cloud.describe(REGION, ["i-1"]),
    ):
        with pytest.raises(CloudError, match="not a list of machines") as raised:
            look()
        assert raised.value.trouble is Trouble.UNAVAILABLE


def test_an_empty_listing_is_one(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["describe_instances"] = [page(), page()]

    assert cloud.instances(REGION, "default") == ()
    assert cloud.describe(REGION, ["i-1"]) == {}


def test_pages_that_lead_back_to_themselves_end(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["describe_instances"] = [page(LISTED, token="same")] * 3
    with pytest.raises(CloudError, match="the same next page again") as raised:
        cloud.instances(REGION, "default")

    assert raised.value.passing


def test_a_look_up_is_not_repeated_for_ever(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["describe_instances"] = [refusal("RequestLimitExceeded", status=503)]
    with pytest.raises(CloudError):
        cloud.instances(REGION, "default")

    assert len(aws.calls) == TRIES


@pytest.mark.parametrize(
    "error", [refusal("UnauthorizedOperation"), ReadTimeoutError(endpoint_url="")]
)
def test_what_waiting_cannot_mend_or_has_waited_enough_is_not_repeated(
    cloud: Ec2Cloud, aws: FakeAws, error: Exception
) -> None:
    aws.answers["describe_instances"] = [error]
    with pytest.raises(CloudError):
        cloud.instances(REGION, "default")

    assert len(aws.calls) == 1


# Listings


def test_a_listing_is_read_to_its_last_page(cloud: Ec2Cloud, aws: FakeAws) -> None:
    second = {**LISTED, "InstanceId": "i-2"}
    aws.answers["describe_instances"] = [page(LISTED, token="more"), page(second)]
    found = cloud.instances(REGION, "default", {"rolecall:site": "default"})

    assert [one.id for one in found] == ["i-1", "i-2"]
    assert [asked.get("NextToken") for asked in aws.asked("describe_instances")] == [None, "more"]


def test_a_page_that_does_not_come_is_an_error(cloud: Ec2Cloud, aws: FakeAws) -> None:
    failed = refusal("Unavailable", status=503)
    aws.answers["describe_instances"] = [page(LISTED, token="more"), failed]

    with pytest.raises(CloudError, match="Unavailable"):
        cloud.instances(REGION, "default")


def test_a_star_in_a_sites_name_stands_for_itself(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["describe_instances"] = [page(LISTED)]

    assert cloud.instances(REGION, "def*") == ()


# Ids that EC2 does not know


def unknown(*ids: str) -> Exception:
    named = f"The instance IDs '{', '.join(ids)}' do not exist"
    return refusal("InvalidInstanceID.NotFound", named)


def ids(count: int) -> list[str]:
    return [f"i-{number:017x}" for number in range(count)]


def test_the_ids_that_ec2_names_are_left_out_of_the_next_try(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["terminate_instances"] = [unknown("i-1", "i-2"), unknown("i-4"), {}]

    assert cloud.terminate(REGION, ["i-1", "i-2", "i-3", "i-4"]) == {"i-1", "i-2", "i-4"}
    assert aws.asked("terminate_instances")[-1] == {"InstanceIds": ["i-3"]}


def test_an_id_that_another_begins_with_is_not_taken_for_it(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["terminate_instances"] = [unknown("i-12"), {}]

    assert cloud.terminate(REGION, ["i-1", "i-12"]) == {"i-12"}


class Picky(FakeAws):
    """Refuses a batch with an id that it does not know, and does not say which."""

    known: frozenset[str] = frozenset()

    def terminate_instances(self, **parameters: Any) -> dict[str, Any]:
        self.calls.append(("terminate_instances", parameters))
        if set(parameters["InstanceIds"]) <= self.known:
            return {}
        raise refusal("InvalidInstanceID.Malformed", "Invalid id")


def test_where_ec2_names_none_the_halves_are_asked_apart(clock: FakeClock) -> None:
    aws = Picky()
    every = ids(50)
    bad = {every[7], every[31]}
    aws.known = frozenset(every) - bad

    assert Ec2Cloud(aws, clock).terminate(REGION, every) == bad
    done = [i for _, asked in aws.calls for i in asked["InstanceIds"] if aws.known >= {i}]
    assert set(done) == aws.known
    assert len(aws.calls) < 30


def test_ids_go_in_batches_and_each_once(cloud: Ec2Cloud, aws: FakeAws) -> None:
    every = ids(BATCH + 1)
    cloud.terminate(REGION, [*every, every[0]])

    sizes = [len(asked["InstanceIds"]) for asked in aws.asked("terminate_instances")]
    assert sizes == [BATCH, 1]


def test_a_batch_that_fails_does_not_keep_the_next_alive(cloud: Ec2Cloud, aws: FakeAws) -> None:
    protected = refusal("OperationNotPermitted", "may not be terminated")
    aws.answers["terminate_instances"] = [protected, {}]
    with pytest.raises(CloudError, match="OperationNotPermitted"):
        cloud.terminate(REGION, ids(BATCH + 1))

    assert len(aws.asked("terminate_instances")) == 2


def test_no_ids_ask_nothing(cloud: Ec2Cloud, aws: FakeAws) -> None:
    assert cloud.describe(REGION, []) == {}
    assert cloud.terminate(REGION, []) == frozenset()
    assert aws.calls == []


def test_describe_by_id_names_no_page_size(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["describe_instances"] = [page(LISTED)]
    cloud.describe(REGION, ["i-1"])

    assert aws.calls == [("describe_instances", {"InstanceIds": ["i-1"]})]


# Clients


def test_a_client_is_made_once_for_a_service_and_region(cloud: Ec2Cloud, aws: FakeAws) -> None:
    aws.answers["get_caller_identity"] = [{"Account": "123456789012"}]
    aws.answers["describe_instances"] = [page()] * 4
    for _ in range(2):
        cloud.describe(REGION, ["i-1"])
        cloud.describe("eu-west-1", ["i-1"])
        cloud.account()

    assert aws.made == [("ec2", REGION), ("ec2", "eu-west-1"), ("sts", "")]


def test_clients_have_time_outs_and_never_retry_by_themselves() -> None:
    make = client_factory(aws_access_key_id="x", aws_secret_access_key="x")
    config = make("ec2", "eu-west-1").meta.config

    assert (config.connect_timeout, config.read_timeout) == (5.0, 60.0)
    assert config.retries["total_max_attempts"] == 1
    assert make("sts", "").meta.region_name


def test_no_log_level_makes_the_library_log_the_key(
    caplog: pytest.LogCaptureFixture, aws: FakeAws
) -> None:
    client_factory(aws_access_key_id="x", aws_secret_access_key="x")("ec2", REGION)

    assert not logging.getLogger("botocore.endpoint").isEnabledFor(logging.DEBUG)


def test_the_adapter_does_not_import_boto3_before_it_is_used() -> None:
    code = "import sys, provisioner.adapters.ec2; sys.exit('boto3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
