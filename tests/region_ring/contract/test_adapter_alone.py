"""What only the real adapter can meet: connections, half answers, odd fleets, no credentials."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from enc.inventory import LeaseLostError
from provisioner.adapters.aws import client_factory
from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.ports.ec2 import FleetAnswer
from provisioner.ports.errors import CloudError, Trouble
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import REGION
from tests.region.handle import Region
from tests.region_ring.contract.stages import OverHttp, fleet, launched, listed, template, trouble


@pytest.fixture
def stage(region: Region, ec2_cloud: Ec2Cloud) -> OverHttp:
    made = OverHttp(ec2_cloud, region, region.seed())
    made.cloud.create_template(template(made))
    return made


@pytest.mark.parametrize(
    "how",
    [{"cut": "half"}, {"cut": "after"}, {"code": "InternalError", "after": True}],
    ids=["half an answer", "no answer", "a server error"],
)
def test_work_that_was_done_without_a_whole_answer_is_found_by_the_repeat(
    stage: OverHttp, region: Region, how: dict[str, Any]
) -> None:
    region.fault("CreateFleet", **how)
    with pytest.raises(CloudError) as caught:
        launched(stage)

    assert trouble(caught) is Trouble.UNKNOWN_OUTCOME
    assert set(launched(stage)) == {machine.id for machine in listed(stage)}
    assert len(region.instances()) == 3


def test_a_page_that_does_not_come_fails_the_listing(stage: OverHttp, region: Region) -> None:
    launched(stage, count=12)
    region.fault("DescribeInstances", "Unavailable", skip=1, times=-1)

    with pytest.raises(CloudError, match="Unavailable"):
        listed(stage)


def test_a_page_that_comes_late_does_not(stage: OverHttp, region: Region) -> None:
    launched(stage, count=12)
    region.fault("DescribeInstances", "RequestLimitExceeded", skip=1, times=2)

    assert len(listed(stage)) == 12


def test_a_template_may_be_missed_inside_an_answer(stage: OverHttp, region: Region) -> None:
    region.configure(template_s=30, template_inside=True)
    stage.cloud.create_template(template(stage, name="rolecall-l-2", token="l-2"))
    answer = stage.cloud.create_fleet(fleet(stage, template="rolecall-l-2"))

    assert answer.instances == ()
    assert {refused.trouble for refused in answer.refusals} == {Trouble.NOT_YET}


def test_a_fleet_may_explain_nothing(stage: OverHttp, region: Region) -> None:
    region.configure(silent=True)
    region.capacity("spot:*:*", 0)

    assert stage.cloud.create_fleet(fleet(stage)) == FleetAnswer()


def test_the_machine_gets_its_user_data(stage: OverHttp, region: Region) -> None:
    (machine,) = launched(stage, count=1)

    assert region.instance(machine)["user_data"] == "#cloud-config\n"


@pytest.mark.parametrize("ipv6", [True, False])
def test_the_metadata_service_is_reached_by_ipv6_where_there_is_no_other_way(
    stage: OverHttp, region: Region, *, ipv6: bool
) -> None:
    stage.cloud.create_template(template(stage, name="rolecall-l-2", token="l-2", ipv6=ipv6))
    (machine,) = launched(stage, count=1, template="rolecall-l-2")

    said = region.instance(machine)["metadata"].get("HttpProtocolIpv6")
    assert said == ("enabled" if ipv6 else None)


def cloud_with(monkeypatch: pytest.MonkeyPatch, region: Region, **changes: str | None) -> Ec2Cloud:
    for name, value in {**region.env(), **changes}.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    return Ec2Cloud(client_factory(), FakeClock())


def test_without_credentials_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, region: Region
) -> None:
    cloud = cloud_with(monkeypatch, region, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    with pytest.raises(CloudError) as caught:
        cloud.instances(REGION, "default")

    assert trouble(caught) is Trouble.NO_CREDENTIALS
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    assert region.calls() == []


def test_where_nobody_listens_nothing_was_done(
    monkeypatch: pytest.MonkeyPatch, region: Region, stage: OverHttp
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        cloud = cloud_with(monkeypatch, region, AWS_ENDPOINT_URL=nobody)
        with pytest.raises(CloudError) as caught:
            cloud.create_fleet(fleet(stage))

    assert trouble(caught) is Trouble.UNAVAILABLE
    assert REGION in caught.value.hint


@pytest.mark.parametrize(
    ("region_name", "said"), [("us esat 1", "InvalidRegionError"), ("", "DescribeInstances")]
)
def test_a_region_that_cannot_be_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, region: Region, region_name: str, said: str
) -> None:
    cloud = cloud_with(monkeypatch, region, AWS_ENDPOINT_URL="nonsense")
    with pytest.raises(CloudError, match=said) as caught:
        cloud.instances(region_name, "default")

    assert trouble(caught) is Trouble.MALFORMED


@pytest.mark.parametrize(("count", "tries", "ended"), [(3, 1, 0), (205, 0, 200)])
def test_who_loses_the_lease_between_two_requests_sends_no_further_one(
    stage: OverHttp, region: Region, count: int, tries: int, ended: int
) -> None:
    machines = launched(stage, count=count)
    region.fault("TerminateInstances", "RequestLimitExceeded", times=tries)
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise LeaseLostError

    with pytest.raises(LeaseLostError):
        stage.cloud.guarded(check).terminate(REGION, sorted(machines))

    alive = [machine for machine in listed(stage) if machine.alive]
    assert len(alive) == count - ended
