"""From `provisioner launch` to an applied catalogue, with nothing in between done by the test."""

import pytest

from tests.real.instance import Instance
from tests.real.newborn import boot, wait_bootstrapped
from tests.real.ring import Ring
from tests.real.roles import SEEN
from tests.real.site import Site
from tests.region.boots import Booter, BootError

pytestmark = pytest.mark.root

SOON = 20
A_MOMENT = 3
METADATA = "http://169.254.169.254/latest"


def asked(host: Instance, path: str, *options: str) -> str:
    """The status and the text that the machine's metadata service answers."""
    command = ["curl", "-s", "-m", "5", "-w", "%{stderr}%{http_code}", *options]
    done = host.run([*command, f"{METADATA}/{path}"], check=False)
    return f"{done.stderr} {done.stdout}"


def test_a_launched_machine_boots_asks_puppet_by_itself_and_is_what_its_role_says(
    site: Site, booter: Booter
) -> None:
    node = site.launch("web")

    host = booter.booted(node)
    wait_bootstrapped(host)

    assert "role=web " in host.read(SEEN)
    assert f"instance_id={node}" in host.read(SEEN)
    assert f"certname = {node}" in host.read("/etc/puppet/puppet.conf")
    address = site.region.instance(node)["private_ip"]
    assert host.run(["facter", "networking.ip"]).stdout.strip() == address


def test_machines_that_are_launched_together_boot_beside_each_other_each_as_itself(
    site: Site, booter: Booter
) -> None:
    first, second = site.launched("web", "-n", "2")

    hosts = [booter.booted(node) for node in (first, second)]
    for host in hosts:
        wait_bootstrapped(host)

    for node, host in zip((first, second), hosts, strict=True):
        assert f"instance_id={node}" in host.read(SEEN)
    assert hosts[0].address != hosts[1].address


def test_a_machine_that_ec2_ends_is_off_and_its_neighbour_is_not(
    site: Site, booter: Booter
) -> None:
    ended, other = site.launched("web", "-n", "2")
    booter.booted(ended)

    site.region.client().terminate_instances(InstanceIds=[ended])

    assert booter.is_off(ended, SOON)
    assert not booter.is_off(other, A_MOMENT)


def test_a_machine_that_powers_itself_off_is_ended_in_ec2(site: Site, booter: Booter) -> None:
    node = site.launch("web")
    host = booter.booted(node)

    host.run(["poweroff", "-f", "-f"], check=False)

    assert booter.is_off(node, SOON)
    assert booter.has_ended(node, SOON)


def test_a_machine_gets_its_metadata_with_a_token_and_not_without(
    site: Site, booter: Booter
) -> None:
    node = site.launch("web")
    host = booter.booted(node)

    assert asked(host, "user-data") == "401 "
    assert asked(host, "meta-data/instance-id", "-H", "X-aws-ec2-metadata-token: x") == "401 "
    seconds = "X-aws-ec2-metadata-token-ttl-seconds: 60"
    token = asked(host, "api/token", "-X", "PUT", "-H", seconds).removeprefix("200 ")
    with_token = ("-H", f"X-aws-ec2-metadata-token: {token}")
    assert asked(host, "meta-data/instance-id", *with_token) == f"200 {node}"
    assert "DataSourceEc2" in host.read("/run/cloud-init/result.json")


def test_a_machine_reaches_nothing_but_what_it_was_given(site: Site, booter: Booter) -> None:
    host = booter.booted(site.launch("web"))

    for address in ("192.0.2.1", "10.20.0.1", "10.77.0.1"):
        done = host.run(["curl", "-s", "-m", "5", f"http://{address}/"], check=False)
        assert done.returncode == 7, f"{address}: curl {done.returncode}"


def test_a_reboot_goes_on_as_the_same_machine(site: Site, booter: Booter) -> None:
    host = booter.booted(site.launch("web"))
    wait_bootstrapped(host)
    before = host.read("/var/lib/rolecall/bootstrapped")

    boot(host)

    assert host.read("/var/lib/rolecall/bootstrapped") == before
    assert asked(host, "user-data") == "401 "


def test_user_data_that_fails_is_a_boot_that_failed_and_says_so(
    ring: Ring, site: Site, booter: Booter
) -> None:
    world, client = site.world, site.region.client()
    tags = [{"Key": "rolecall:site", "Value": site.name}]
    (machine,) = client.run_instances(
        ImageId=world.image,
        InstanceType="c5.large",
        SubnetId=world.one_per_zone[0],
        MinCount=1,
        MaxCount=1,
        UserData="#cloud-config\nbootcmd: ['echo this image is broken; exit 3']\n",
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"]

    with pytest.raises(BootError, match="this image is broken"):
        booter.booted(machine["InstanceId"])
