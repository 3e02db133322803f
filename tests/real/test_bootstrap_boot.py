"""User-data on machines that boot with real cloud-init; Puppet is a fake, to be quick."""

import hmac
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from tests.real import fakepuppet
from tests.real.host import Host
from tests.real.newborn import (
    KEY,
    LOG,
    PEM,
    PLAIN,
    SOON,
    STATE,
    boot,
    newborn,
    wait_bootstrapped,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("tools")]

FIRST_RUN = (
    "--onetime --no-daemonize --verbose --color=false --detailed-exitcodes "
    "--no-usecacheonfailure --waitforcert 15"
)
# Ends with the number of times that a process showed the key in its arguments or environment.
WATCH = r"""
while [ ! -e /root/stop ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; done 2>/dev/null |
    tr '\0' '\n' | grep -a -c -F -f /root/key >/root/seen
: >/root/end
"""
# bootcmd comes first of all that a boot runs: before write_files, and ours before the role's.
START_WATCH = f"""\
#cloud-config
bootcmd:
- 'setsid sh /root/watch >/dev/null 2>&1 </dev/null &'
- 'ls -A {STATE} >/root/before; stat -c "%a %U" {STATE} >>/root/before'
"""
SSL = fakepuppet.SSL


@pytest.fixture(scope="module")
def grown(tools: None) -> Iterator[Host]:
    """A machine after its first boot, whose first two Puppet runs failed."""
    with newborn(replace(PLAIN, extra_user_data=START_WATCH), 1, 4, 2) as host:
        host.run(["chown", "puppet:puppet", SSL])
        host.write("/root/key", KEY[:40])
        host.write("/root/watch", WATCH)
        boot(host)
        wait_bootstrapped(host)
        host.write("/root/stop", "")
        host.wait_for("test -e /root/end", seconds=SOON)
        yield host


def test_puppet_runs_again_until_a_run_is_good_and_no_more(grown: Host) -> None:
    assert fakepuppet.runs(grown) == [f"/usr/bin/puppet agent {FIRST_RUN}"] * 3
    assert "first Puppet run: exit 4" in grown.read(LOG)


def test_the_machine_is_its_instance_id_to_the_server_that_it_was_told(grown: Host) -> None:
    ours = f"[main]\ncertname = {grown.instance_id}\nserver = puppet\nserverport = 8140\n"

    assert ours in grown.read("/root/puppet.conf")
    assert grown.read("/etc/hosts") == "127.0.0.1 localhost\n10.0.0.10 puppet\n"


def test_its_request_carries_the_challenge_and_then_is_gone(grown: Host) -> None:
    challenge = hmac.digest(KEY.encode(), grown.instance_id.encode(), "sha256").hex()

    assert yaml.safe_load(grown.read(fakepuppet.CSR)) == {
        "custom_attributes": {"1.2.840.113549.1.9.7": challenge},
        "extension_requests": {"pp_instance_id": grown.instance_id},
    }
    assert grown.mode(fakepuppet.CSR) == "600 root:root"
    assert not grown.exists("/etc/puppet/csr_attributes.yaml")


def test_files_are_for_root_alone_and_the_ca_is_the_folders_owners(grown: Host) -> None:
    # Empty and closed, before the key was written.
    assert grown.read("/root/before") == "700 root\n"
    assert grown.mode(STATE) == "700 root:root"
    assert grown.mode(f"{STATE}/launch-key") == "600 root:root"
    assert grown.mode(f"{STATE}/bootstrap") == "700 root:root"
    assert grown.mode(LOG) == "600 root:root"
    assert grown.read(f"{SSL}/certs/ca.pem") == PEM
    assert grown.mode(f"{SSL}/certs/ca.pem") == "644 puppet:puppet"


def test_puppet_and_packages_do_not_inherit_our_narrow_mask(grown: Host) -> None:
    assert grown.read("/root/umask") == "0022\n"


def test_the_key_was_on_no_command_line_and_in_no_environment(grown: Host) -> None:
    assert grown.read("/root/seen") == "0\n"


def test_the_key_is_in_no_log_and_in_no_file_that_others_may_read(grown: Host) -> None:
    places = ["/var/log", "/var/lib/cloud", STATE, "/var/cache/puppet", "/etc", "/run", "/tmp"]
    found = grown.run(["grep", "-rlF", "-f", "/root/key", *places]).stdout.split()
    holders = {path: grown.mode(path)[1:3] for path in found if "/cloud/seed/" not in path}

    assert f"{STATE}/launch-key" in holders
    assert set(holders.values()) == {"00"}
    assert [path for path in holders if path.startswith(("/var/log", "/etc"))] == []


def test_a_reboot_after_success_does_nothing_more() -> None:
    with newborn(PLAIN) as host:
        boot(host)
        wait_bootstrapped(host)
        boot(host)
        host.run(["/bin/sh", f"{STATE}/bootstrap", "run"])

        assert len(fakepuppet.runs(host)) == 1
        assert host.read("/etc/hosts").count("puppet") == 1
        assert host.run(["pgrep", "-f", "rolecall/bootstrap"], check=False).stdout == ""


def test_a_reboot_before_success_goes_on_and_two_at_once_are_one() -> None:
    with newborn(PLAIN, 1) as host:
        boot(host)
        host.wait_for("test -s /root/runs", seconds=SOON)
        host.run(["/bin/sh", f"{STATE}/bootstrap", "run"], seconds=SOON)
        assert not host.exists(f"{STATE}/bootstrapped")

        fakepuppet.prepare(host, 0)
        boot(host)
        wait_bootstrapped(host)


def bake(host: Host) -> None:
    """What an image has that was made of a machine of ours: all of it."""
    host.write(f"{STATE}/bootstrapped", "i-0dead\n")
    host.write(f"{STATE}/instance", "i-0dead\n")
    host.write("/etc/puppet/puppet.conf", "[main]\ncertname = i-0dead\n[agent]\nserver = old\n")
    host.write("/etc/puppet/csr_attributes.yaml", "old")
    for path in (
        f"{SSL}/private_keys/i-0dead.pem",
        f"{SSL}/certs/i-0dead.pem",
        f"{SSL}/certs/ca.pem",
        f"{SSL}/crl.pem",
        "/var/cache/puppet/client_data/catalog/i-0dead.json",
        "/var/cache/puppet/state/last_run_report.yaml",
        "/var/cache/puppet/public/last_run_summary.yaml",
    ):
        host.write(path, "old")


@pytest.mark.parametrize("answers", ["fake", "real"])
def test_a_baked_identity_is_wiped_before_puppet_runs(answers: str) -> None:
    """With the paths that the fake names, and with those that the real Puppet does."""
    with newborn(PLAIN) as host:
        bake(host)
        if answers == "real":
            host.write("/root/real", "")
        boot(host)
        wait_bootstrapped(host)

        assert "i-0dead" not in host.read("/root/puppet.conf")
        assert "server = old" not in host.read("/root/puppet.conf")
        assert host.read(f"{SSL}/certs/ca.pem") == PEM
        left = host.run(["find", SSL, "/var/cache/puppet", "-type", "f"]).stdout.split()
        names = ("ca", host.instance_id)
        assert sorted(left) == [
            *(f"{SSL}/certs/{name}.pem" for name in names),
            f"{SSL}/private_keys/{host.instance_id}.pem",
        ]


def test_an_image_that_should_bring_puppet_and_does_not_is_told_so() -> None:
    with newborn(PLAIN) as host:
        host.run(["rm", "/usr/bin/puppet"])
        boot(host)

        host.wait_for(f"grep -q 'this image has no puppet' {LOG}", seconds=SOON)


def test_extra_cloud_config_runs_beside_ours_and_takes_nothing_away() -> None:
    extra = f"""#cloud-config
manage_etc_hosts: true
write_files: [{{path: /root/theirs, content: é}}]
runcmd: ['test -e {STATE}/instance && touch /root/ran-after-ours']
"""
    with newborn(replace(PLAIN, extra_user_data=extra)) as host:
        boot(host)
        wait_bootstrapped(host)

        assert host.read("/root/theirs") == "é"
        assert host.exists("/root/ran-after-ours")
        assert "10.0.0.10 puppet" in host.read("/etc/hosts")


def test_an_extra_script_that_fails_does_not_hold_ours_up() -> None:
    """It waits for ours, which would never come were it run first."""
    extra = f"""#!/bin/sh
for try in $(seq 300); do [ -e {STATE}/bootstrapped ] && touch /root/came && exit 1; sleep .2; done
"""
    with newborn(replace(PLAIN, extra_user_data=extra)) as host:
        booted = host.boot()

        assert host.exists("/root/came")
        assert not booted.ok
