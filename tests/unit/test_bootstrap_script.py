"""The bootstrap script's pieces, each run by a real shell: who a machine is, and to whom."""

import hmac
import secrets
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.bootstrap_machine import INSTANCE, PLAIN, Machine


@pytest.fixture(params=["sh", "bash"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    shell = shutil.which(request.param)
    assert shell
    return Machine(tmp_path, shell).give(PLAIN)


def test_the_script_is_one_that_any_shell_can_read(machine: Machine) -> None:
    script = machine.root / "var/lib/rolecall/bootstrap"

    subprocess.run([machine.shell, "-n", script], check=True)


@pytest.mark.parametrize("length", [32, 63, 64])
def test_the_challenge_is_the_hmac_of_the_certname(machine: Machine, length: int) -> None:
    key = secrets.token_hex(32)[:length]
    machine.write("var/lib/rolecall/launch-key", key)

    expected = hmac.digest(key.encode(), INSTANCE.encode(), "sha256").hex()
    assert machine.piece(f"hmac {INSTANCE}") == f"{expected}\n"


def test_no_key_makes_no_challenge(machine: Machine) -> None:
    machine.write("var/lib/rolecall/launch-key", "")
    csr = machine.root / "csr_attributes.yaml"

    said = machine.piece(f"cert=/nowhere csr={csr} certname=x; attributes", expect=1)

    assert "no launch key" in said
    assert not csr.exists()


def test_csr_attributes_are_for_root_alone_and_strings_to_yaml(machine: Machine) -> None:
    csr = machine.root / "csr_attributes.yaml"
    machine.piece(f"cert=/nowhere csr={csr} certname={INSTANCE}; attributes")

    key = PLAIN.launch_key.encode()
    challenge = hmac.digest(key, INSTANCE.encode(), "sha256").hex()
    assert csr.stat().st_mode & 0o777 == 0o600
    assert csr.read_text() == (
        f'---\ncustom_attributes:\n  1.2.840.113549.1.9.7: "{challenge}"\n'
        f'extension_requests:\n  pp_instance_id: "{INSTANCE}"\n'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("127.0.0.1 localhost\n", "127.0.0.1 localhost\n10.0.0.10 puppet.example.com\n"),
        ("", "10.0.0.10 puppet.example.com\n"),
        ("10.0.0.10 puppet.example.com\n", "10.0.0.10 puppet.example.com\n"),
        ("10.0.0.9 puppet.example.com\n", "10.0.0.10 puppet.example.com\n"),
        (
            "10.0.0.9 x puppet.example.com y # old\n# puppet.example.com\n",
            "10.0.0.9 x y\n# puppet.example.com\n10.0.0.10 puppet.example.com\n",
        ),
        (
            "10.0.0.9 puppet.example.com.au\n\n::1\tlocalhost\n",
            "10.0.0.9 puppet.example.com.au\n\n::1\tlocalhost\n10.0.0.10 puppet.example.com\n",
        ),
        ("10.0.0.9 PUPPET.example.com\n", "10.0.0.10 puppet.example.com\n"),
    ],
)
def test_etc_hosts_has_the_server_once_and_all_else_as_it_was(
    machine: Machine, before: str, after: str
) -> None:
    hosts = machine.write("etc/hosts", before)

    machine.piece("hosts_line; hosts_line")

    assert hosts.read_text() == after


def test_without_an_address_etc_hosts_is_not_touched(machine: Machine) -> None:
    hosts = machine.give(replace(PLAIN, puppet_address=None)).write("etc/hosts", "10.0.0.9 puppet")

    machine.piece("hosts_line")

    assert hosts.read_text() == "10.0.0.9 puppet"


OURS = f"certname = {INSTANCE}\nserver = puppet.example.com\nserverport = 8140\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"[main]\n{OURS}"),
        ("# nothing\n", f"# nothing\n[main]\n{OURS}"),
        ("[main]\nssldir = /x\n", f"[main]\n{OURS}ssldir = /x\n"),
        (
            "[main]\ncertname = old\n[agent]\n  server=old\nnoop = true\nmasterport = 1\n",
            f"[main]\n{OURS}[agent]\nnoop = true\n",
        ),
        (
            "[server]\ncertname = ca\n[ agent ]\nserver_list = a,b\n",
            f"[server]\ncertname = ca\n[ agent ]\n[main]\n{OURS}",
        ),
        ("certname = old\n[agent]\nreport = true\n", f"[agent]\nreport = true\n[main]\n{OURS}"),
    ],
)
def test_puppet_conf_says_who_we_are_and_keeps_all_else(
    machine: Machine, before: str, after: str
) -> None:
    conf = machine.write("etc/puppet/puppet.conf", before)

    machine.piece(f"confdir={conf.parent} certname={INSTANCE}; puppet_conf; puppet_conf")

    assert conf.read_text() == after


WIPE = """
ssldir=$root/ssl key=$ssldir/private_keys/{certname}.pem ca=$ssldir/certs/ca.pem
client_data=$root/client_data statedir=$root/state last_run=$root/public/last_run_summary.yaml
wipe
"""
BAKED = (
    "ssl/private_keys/i-0dead.pem",
    "ssl/certs/i-0dead.pem",
    "ssl/certificate_requests/i-0dead.pem",
    "ssl/crl.pem",
    "client_data/catalog/i-0dead.json",
    "state/state.yaml",
    "public/last_run_summary.yaml",
)


def test_a_baked_identity_goes_with_its_cached_catalogue(machine: Machine) -> None:
    baked = [machine.write(path, "old") for path in BAKED]
    ca = machine.write("ssl/certs/ca.pem", "ca")

    machine.piece(WIPE.format(certname=INSTANCE))

    assert [path for path in baked if path.exists()] == []
    assert ca.read_text() == "ca"


def test_an_identity_of_our_own_stays(machine: Machine) -> None:
    ours = [machine.write(path.replace("i-0dead", INSTANCE), "ours") for path in BAKED]

    machine.piece(WIPE.format(certname=INSTANCE))

    assert all(path.read_text() == "ours" for path in ours)


@pytest.mark.parametrize("certname", [INSTANCE, "web1.example.com", "a", "x" * 255])
def test_takes_an_instance_id_and_any_other_certname(machine: Machine, certname: str) -> None:
    machine.write("var/lib/cloud/data/instance-id", f"{certname}\n")

    assert machine.piece('find_certname; printf %s "$certname"') == certname


@pytest.mark.parametrize(
    "named",
    [
        "",
        "iid-datasource-none",
        "I-0ABC",
        "a/b",
        "..",
        "a..b",
        "-a",
        "a b",
        "$(id)",
        "x" * 256,
        "é",
    ],
)
def test_asks_the_metadata_service_where_cloud_init_has_no_certname(
    machine: Machine, named: str
) -> None:
    machine.write("var/lib/cloud/data/instance-id", f"{named}\n")
    machine.stub("curl", 'case "$*" in *PUT*token) echo T ;; *token:\\ T*) echo i-0feed ;; esac')

    assert machine.piece('find_certname; printf %s "$certname"') == "i-0feed"


def test_without_ipv4_it_asks_the_metadata_service_by_ipv6(machine: Machine) -> None:
    machine.write("var/lib/cloud/data/instance-id", "iid-datasource-none\n")
    machine.stub(
        "curl",
        'case "$*" in *169.254*) exit 28 ;; *PUT*fd00:ec2::254*token) echo T ;; '
        "*token:\\ T*fd00:ec2::254*) echo i-0feed ;; esac",
    )

    assert machine.piece('find_certname; printf %s "$certname"') == "i-0feed"


def test_without_any_instance_id_it_says_so_and_stops(machine: Machine) -> None:
    machine.write("var/lib/cloud/data/instance-id", "iid-datasource-none\n")
    machine.stub("curl", "exit 28")

    assert "no instance id" in machine.piece("find_certname; echo went on", expect=1)
