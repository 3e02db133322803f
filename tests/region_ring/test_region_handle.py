"""The simulated region as a process, its control calls and its metadata service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.region.handle import ROOT, Region, RegionError, World
from tests.region_ring.region_calls import encoded, fleet, ids, listed, run, template

GONE_WITHIN_S = 10.0
SIGNED = "AWS4-HMAC-SHA256 Credential=simulated/20260101/us-east-1/ec2/aws4_request"
TOKEN = "X-aws-ec2-metadata-token"


def test_a_seeded_region_has_what_its_world_names(ec2: Any, world: World) -> None:
    subnets = [each for zone in world.subnets.values() for each in zone]
    seen = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
    assert {each["AvailabilityZone"] for each in seen} == set(world.zones)
    assert [len(each) for each in world.subnets.values()] == [2, 1, 1]
    assert {each["VpcId"] for each in seen} == {world.vpc}
    assert all(each["AvailableIpAddressCount"] > 200 for each in seen)
    assert ec2.describe_images(ImageIds=[world.image])["Images"][0]["State"] == "available"
    assert ec2.describe_key_pairs(KeyNames=[world.key_name])["KeyPairs"]
    assert ec2.describe_security_groups(GroupIds=[world.security_group])["SecurityGroups"]


def test_an_image_parameter_names_the_image(region: Region, world: World) -> None:
    ssm = region.client("ssm")
    said = ssm.get_parameter(Name=world.image_parameter)["Parameter"]["Value"]
    ssm.close()
    assert said == world.image


def test_a_reset_forgets_everything_and_begins_again_with_the_same_ids(
    region: Region, ec2: Any, world: World
) -> None:
    region.configure(pending_s=5)
    region.throttle()
    template_and_machine(region, ec2, world)
    before = [each["id"] for each in region.instances()]
    region.reset()
    assert (region.instances(), region.templates(), region.faults()) == ([], [], [])
    assert region.seed() == world
    template_and_machine(region, ec2, world)
    assert [(each["id"], each["state"]) for each in region.instances()] == [(before[0], "running")]


def template_and_machine(region: Region, ec2: Any, world: World) -> None:
    region.clear_faults()
    template(ec2, world)
    run(ec2, world)


def test_regions_know_nothing_of_each_other(region: Region, ec2: Any, world: World) -> None:
    run(ec2, world)
    abroad = region.client("ec2", "eu-west-1")
    assert (len(listed(ec2)), listed(abroad)) == (1, [])
    abroad.close()


def test_its_environment_is_all_that_boto3_needs(region: Region, ec2: Any, world: World) -> None:
    (instance_id,) = run(ec2, world)
    code = (
        "import boto3; found = boto3.client('ec2').describe_instances()['Reservations'];"
        "print(found[0]['Instances'][0]['InstanceId'])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=region.environ({**os.environ, "AWS_PROFILE": "mine", "AWS_REGION": "eu-west-1"}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == instance_id


def test_a_handler_that_dies_closes_its_connection_and_is_remembered(
    region: Region, world: World
) -> None:
    told = b"Action=RunInstances&MinCount=some"
    asked = urllib.request.Request(region.url, told, {"Authorization": SIGNED}, method="POST")
    with pytest.raises(ConnectionError):
        urllib.request.urlopen(asked, timeout=10)
    assert "ValueError" in region.crashes()[0]
    region.reset()
    assert region.crashes() == []


def test_an_unknown_control_call_names_those_there_are(region: Region) -> None:
    with pytest.raises(RegionError, match="configure"):
        region.control("explode")


def test_a_region_dies_with_whoever_started_it() -> None:
    code = (
        "from tests.region.handle import Region; import os;"
        "print(Region.start().pid, flush=True); os._exit(1)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=60
    )
    assert wait_until_gone(int(told.stdout))


def test_a_stopped_region_is_gone_and_can_be_stopped_again() -> None:
    region = Region.start()
    pid = region.pid
    region.stop()
    region.stop()
    assert pid is not None
    assert wait_until_gone(pid)


def test_a_region_can_run_in_a_thread() -> None:
    code = (
        "from tests.region.handle import Region\n"
        "with Region.start(in_thread=True, pending_s=1) as region:\n"
        "    print(region.seed().image, region.pid)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert told.stdout.startswith(b"ami-")


def test_sigterm_ends_the_server_in_good_order() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.region.server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout:
        assert json.loads(server.stdout.readline())["pid"] == server.pid
        server.send_signal(signal.SIGTERM)
        assert server.wait(GONE_WITHIN_S) == 0


def wait_until_gone(pid: int) -> bool:
    """True when the process has ended; a zombie that init has yet to collect counts as well."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - one line
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


class Metadata:
    """What a machine asks its metadata service, with a token or without."""

    def __init__(self, region: Region, instance_id: str) -> None:
        self.base = f"{region.imds(instance_id)}/latest"
        self.headers: dict[str, str] = {}

    def sign_in(self) -> None:
        seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        self.headers = {TOKEN: self.ask("api/token", "PUT", seconds)[1]}

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        told = self.headers if headers is None else headers
        request = urllib.request.Request(f"{self.base}/{path}", headers=told, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def test_metadata_say_who_and_where_the_machine_is(region: Region, ec2: Any, world: World) -> None:
    template(ec2, world, UserData=encoded("#cloud-config\n"))
    (instance_id,) = ids(fleet(ec2, world))
    mine = Metadata(region, instance_id)
    mine.sign_in()
    assert mine.ask("meta-data/instance-id") == (200, instance_id)
    assert mine.ask("meta-data/placement/availability-zone") == (200, "us-east-1a")
    assert mine.ask("meta-data/local-ipv4") == (200, "10.20.0.4")
    assert mine.ask("user-data") == (200, "#cloud-config\n")
    assert "placement/" in mine.ask("meta-data/")[1].split("\n")
    document = json.loads(mine.ask("dynamic/instance-identity/document")[1])
    assert (document["instanceId"], document["region"]) == (instance_id, "us-east-1")


def test_metadata_are_there_under_each_versions_date_and_a_folder_lists_what_is_in_it(
    region: Region, ec2: Any, world: World
) -> None:
    (instance_id,) = run(ec2, world)
    mine = Metadata(region, instance_id)
    mine.base = mine.base.replace("latest", "2021-03-23")
    assert mine.ask("meta-data/instance-id") == (200, instance_id)
    assert mine.ask("dynamic/instance-identity/") == (200, "document")
    assert mine.ask("dynamic/instance-identity/pkcs7")[0] == 404
    mine.base = mine.base.replace("2021-03-23", "newest")
    assert mine.ask("meta-data/instance-id")[0] == 404


def test_metadata_want_a_token_where_it_is_required(region: Region, ec2: Any, world: World) -> None:
    (strict,) = run(ec2, world, MetadataOptions={"HttpTokens": "required"})
    (lax,) = run(ec2, world)
    assert Metadata(region, strict).ask("meta-data/instance-id")[0] == 401
    assert Metadata(region, lax).ask("meta-data/instance-id") == (200, lax)
    wrong = {TOKEN: "guessed"}
    assert Metadata(region, lax).ask("meta-data/instance-id", headers=wrong)[0] == 401


def test_metadata_warn_of_an_interruption_and_not_before(
    region: Region, ec2: Any, world: World
) -> None:
    template(ec2, world)
    (instance_id,) = ids(fleet(ec2, world))
    mine = Metadata(region, instance_id)
    mine.sign_in()
    assert mine.ask("meta-data/spot/instance-action")[0] == 404
    region.interrupt(instance_id)
    status, said = mine.ask("meta-data/spot/instance-action")
    assert (status, json.loads(said)["action"]) == (200, "terminate")


def test_a_machine_that_does_not_run_has_no_metadata(
    region: Region, ec2: Any, world: World
) -> None:
    (instance_id,) = run(ec2, world)
    ec2.stop_instances(InstanceIds=[instance_id])
    assert Metadata(region, instance_id).ask("meta-data/instance-id")[0] == 503
    assert Metadata(region, "i-0123456789abcdef0").ask("meta-data/instance-id")[0] == 404
    assert Metadata(region, instance_id).ask("user-data")[0] == 503
