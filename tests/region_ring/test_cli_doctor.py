"""doctor as its users meet it: where all is well, and where nothing is there at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
import yaml

from provisioner.doctor.service_roles import SERVICE
from tests.fakes.ca_server import PuppetServer
from tests.region.config import SERVICE_ROLES
from tests.region.handle import Region
from tests.region_ring.cli import Operator
from tests.region_ring.doctoring import NO_KEYS, NO_REDIS, NOTHING, findings, look, wrong
from tests.region_ring.operators import Operators
from tests.servers import Service
from tests.service.certificates import NOW

VERDICTS = {"ok", "warning", "broken", "skipped"}


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli"), alone=True) as found:
        found.new(begun=False).redis.config_set("appendonly", "yes")
        yield found


@pytest.fixture(scope="module")
def idle(operators: Operators) -> Operator:
    """Of whom nothing is changed."""
    return operators.new()


# Everything there, and well.


@pytest.fixture
def lasting(puppet: PuppetServer) -> dict[str, str]:
    """Certificates that do not end tomorrow."""
    made = puppet.authority.issue("lasting", until=NOW + timedelta(days=90))
    puppet.allowed.add("lasting")
    # The tests' own authority lives for a day; the file is only read for its end.
    return {**puppet.env(), "PUPPET_CERT": str(made.cert), "PUPPET_KEY": str(made.key)}


def test_where_all_is_there_nothing_is_broken_and_exit_is_0(
    operators: Operators, lasting: dict[str, str], region_server: Region
) -> None:
    operator = operators.new()
    operator.env |= lasting
    assert operator.run("launch", "web").code == 0
    service = Service(
        operator.folder / "enc", operator.env["REDIS_URL"], env={"ROLECALL_SITE": operator.place}
    ).start()
    try:
        queue = region_server.queue(operator.place)
        done = look(operator, ENC_BIND=service.bind, SPOT_QUEUE_URL=queue)
    finally:
        service.stop()

    found = findings(done)
    ill = {what: one for what, one in found.items() if one["verdict"] not in ("ok", "skipped")}
    # The authority of the tests ends tomorrow, which is a warning.
    assert list(ill) == ["Puppet: PUPPET_CA"]
    assert (done.code, done.err) == (0, "")
    assert found["ENC service"]["verdict"] == found["SQS: notices"]["verdict"] == "ok"
    for action in ("CreateFleet", "CreateLaunchTemplate", "TerminateInstances", "CreateTags"):
        assert found[f"EC2 {operator.place}: {action}"]["said"] == "allowed"


def test_looking_changes_nothing(operators: Operators) -> None:
    operator = operators.new()
    operator.run("launch", "web")
    before = operator.stored(), operator.machines(), operator.templates()
    operator.region.calls(clear=True)

    assert look(operator).code == 0

    assert (operator.stored(), operator.machines(), operator.templates()) == before
    sent = [one for one in operator.region.calls() if one["region"] == operator.place]
    doing = [one for one in sent if not one["action"].startswith(("Describe", "Get"))]
    assert len(doing) >= 5
    assert all(one["params"].get("DryRun") == "true" for one in doing)


# What belongs to the account, and not to a region: one after the other.


def test_spots_service_linked_role_alone_is_asked_for_with_the_command_that_makes_it(
    operators: Operators, region_server: Region
) -> None:
    operator = operators.new()
    region_server.configure(service_roles=[])
    try:
        found = wrong(look(operator))
        denied = operator.run("launch", "batch")
        solid = operator.run("launch", "solid")
        region_server.client("iam").create_service_linked_role(AWSServiceName=SERVICE)
        assert wrong(look(operator)) == {}
        assert operator.run("launch", "batch").code == 0
    finally:
        region_server.configure(service_roles=list(SERVICE_ROLES))

    assert list(found) == ["IAM: AWSServiceRoleForEC2Spot"]
    assert found["IAM: AWSServiceRoleForEC2Spot"]["remedy"].endswith(SERVICE)
    assert denied.code == 1
    assert denied.said[-1].endswith(f"create-service-linked-role --aws-service-name {SERVICE}")
    assert solid.code == 0, "neither EC2 Fleet's role nor Spot's is needed for on-demand machines"


def test_a_role_that_cannot_be_asked_for_is_a_warning_and_exit_0(
    operators: Operators, region_server: Region
) -> None:
    operator = operators.new()
    region_server.fault("GetRole", "AccessDenied", status=403)

    done = look(operator)

    assert {one["verdict"] for one in wrong(done).values()} == {"warning"}
    assert done.code == 0


def test_ec2s_clock_is_compared_with_ours(operators: Operators, region_server: Region) -> None:
    operator = operators.new()
    region_server.configure(clock_skew_s=300)
    try:
        found = wrong(look(operator))
    finally:
        region_server.configure(clock_skew_s=0)

    assert list(found) == ["EC2: clock"]
    assert "behind it" in found["EC2: clock"]["said"]


def test_an_ec2_that_is_silent_costs_seconds_is_named_and_delays_nobody(
    operators: Operators, region_server: Region
) -> None:
    operator = operators.new()
    operator.fault("DescribeRegions", latency_s=60)

    found = wrong(look(operator))

    assert list(found) == ["EC2"]
    assert "no answer within 10 s" in found["EC2"]["said"]


def test_a_region_that_the_organisation_denies_is_named_until_it_is_left_out(
    operators: Operators, region_server: Region
) -> None:
    operator = operators.new()
    operator.redis.hdel("meta", "regions")
    region_server.deny("us-west-1")
    try:
        found = wrong(look(operator))
        operator.redis.hset("meta", "regions", operator.place)
        after = findings(look(operator))
        region_server.fault("DescribeRegions", "UnauthorizedOperation")
        untold = findings(look(operator))
    finally:
        region_server.clear_faults()

    assert list(found) == ["EC2 us-west-1: DescribeInstances"]
    remedy = found["EC2 us-west-1: DescribeInstances"]["remedy"]
    assert "allow ec2:DescribeInstances" in remedy
    assert "'provisioner init --regions LIST'" in remedy
    assert not any("us-west-1" in what for what in after)
    assert after["EC2: DescribeRegions"]["said"].endswith(f"; in use: {operator.place}")
    assert untold["EC2: DescribeRegions"]["verdict"] == "skipped"


def test_where_regions_are_not_told_the_remedy_is_to_name_them(
    operators: Operators, region_server: Region
) -> None:
    operator = operators.new()
    operator.redis.hdel("meta", "regions")
    region_server.fault("DescribeRegions", "UnauthorizedOperation")

    found = wrong(look(operator, REGIONS=operator.place))

    assert list(found) == ["EC2: DescribeRegions", "EC2: regions"]
    assert "--regions LIST" in found["EC2: DescribeRegions"]["remedy"]
    said = found["EC2: regions"]["said"]
    assert said == f"REGIONS says {operator.place}, and the inventory remembers all"


# Nothing there at all.


def test_without_redis_and_credentials_it_reports_and_has_no_traceback(idle: Operator) -> None:
    done = look(idle, **NOTHING)

    found = findings(done)
    assert done.code == 1
    assert found["Redis"]["verdict"] == found["AWS: account"]["verdict"] == "broken"
    assert found["EC2"]["verdict"] == "skipped"
    assert {one["verdict"] for one in found.values()} <= VERDICTS


def test_with_every_setting_unusable_it_reports_and_has_no_traceback(idle: Operator) -> None:
    names = ("REDIS_URL", "ROLECALL_SITE", "PUPPET_CA_URL", "PUPPETDB_URL", "SPOT_QUEUE_URL")
    done = look(idle, **dict.fromkeys((*names, "ENC_BIND", "AWS_ENDPOINT_URL"), "a b"))

    found = findings(done)
    assert done.code == 1
    assert {f"settings: {name}" for name in (*names[1:], "ENC_BIND")} <= set(found)
    assert "REDIS_URL is not usable" in found["Redis"]["said"]


def test_without_redis_ec2_is_looked_at_in_the_sessions_own_region(idle: Operator) -> None:
    found = findings(look(idle, REDIS_URL=NO_REDIS))

    assert found["EC2: CreateFleet"]["said"] == "allowed"
    assert found["EC2: RunInstances"]["verdict"] == "skipped"
    assert found["AWS: account"]["verdict"] == "warning"


def test_a_redis_that_is_silent_costs_seconds_and_is_named(operators: Operators) -> None:
    operator = operators.new()
    operators.server.pause()
    try:
        done = look(operator, **NO_KEYS)
    finally:
        operators.server.resume()

    assert "did not answer in time" in findings(done)["Redis"]["said"]


# How it is printed.


def test_each_line_for_people_says_ok_or_what_to_do(operators: Operators) -> None:
    operator = operators.new()
    operator.redis.flushdb()

    done = operator.run("doctor")

    title, *lines = done.out.splitlines()
    assert title.split() == ["VERDICT", "WHAT", "FINDING"]
    for line in lines:
        verdict = line.split()[0]
        assert verdict in VERDICTS
        assert verdict in ("ok", "skipped") or "; " in line, line
    assert done.said == [f"provisioner: 1 of {len(lines)} broken: Redis: inventory"]


def test_csv_and_yaml_have_what_json_has(idle: Operator) -> None:
    listed = list(csv.DictReader(io.StringIO(idle.run("doctor", "--format", "csv").out)))
    loaded = yaml.safe_load(idle.run("doctor", "--format", "yaml").out)

    assert list(listed[0]) == list(loaded[0]) == ["what", "verdict", "said", "remedy"]
    assert len(listed) == len(loaded) > 15
