"""The bootstrap script's pieces, each run by a real shell in a folder that stands for `/`."""

import hmac
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.bootstrap import Bootstrap, render
from tests.unit.test_bootstrap_userdata import PLAIN, files_of, script_of

INSTANCE = "i-0123456789abcdef0"
DISPATCH = "\ncase ${1:-} in\nstart"
Piece = Callable[..., subprocess.CompletedProcess[str]]


class Machine:
    """A folder as a machine after cloud-init's write_files, and a shell to run pieces in."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root = root
        self.shell = shell
        self.calls = root / "calls"
        for folder in ("etc/systemd/system", "run", "var/log", "var/lib/cloud/data", "bin"):
            (root / folder).mkdir(parents=True)
        self.write("var/lib/cloud/data/instance-id", f"{INSTANCE}\n")

    def give(self, bootstrap: Bootstrap) -> "Machine":
        text = render(bootstrap)
        for name, file in files_of(text).items():
            self.write(f"var/lib/rolecall/{name}", file["content"])
        self.write("var/lib/rolecall/bootstrap", script_of(text))
        self.write("var/lib/rolecall/instance", f"{INSTANCE}\n")
        return self

    def write(self, path: str, text: str) -> Path:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
        return where

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def stub(self, name: str, body: str = "") -> None:
        line = f'#!/bin/sh\necho "{name} $*" >>{self.calls}\n{body}\n'
        self.write(f"bin/{name}", line).chmod(0o755)

    def piece(self, code: str, expect: int = 0) -> str:
        """Run shell code in the script's own context, without its dispatch at the end."""
        body, dispatch, _ = self.read("var/lib/rolecall/bootstrap").partition(DISPATCH)
        assert dispatch
        done = subprocess.run(
            [self.shell],
            check=False,
            input=f"{body}\nPATH={self.root}/bin:$PATH\n{code}\n",
            env={"ROLECALL_ROOT": str(self.root), "PATH": "/usr/bin:/bin"},
            text=True,
            capture_output=True,
            timeout=30,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout


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


def test_without_any_instance_id_it_says_so_and_stops(machine: Machine) -> None:
    machine.write("var/lib/cloud/data/instance-id", "iid-datasource-none\n")
    machine.stub("curl", "exit 28")

    assert "no instance id" in machine.piece("find_certname; echo went on", expect=1)


@pytest.mark.parametrize(
    ("release", "install", "deb", "rpm"),
    [
        ("ID=debian VERSION_ID=12 VERSION_CODENAME=bookworm", "aio", "bookworm.deb", None),
        ("ID=debian VERSION_ID=12 VERSION_CODENAME=bookworm", "openvox", "debian12.deb", None),
        ("ID=ubuntu VERSION_ID=24.04 VERSION_CODENAME=noble", "openvox", "ubuntu24.04.deb", None),
        ("ID=rocky VERSION_ID=9.4", "aio", None, "-el-9.noarch.rpm"),
        ("ID=fedora VERSION_ID=42", "openvox", None, "-fedora-42.noarch.rpm"),
        ("ID=amzn VERSION_ID=2023", "openvox", None, "-amazon-2023.noarch.rpm"),
    ],
)
def test_release_packages_are_named_after_the_platform(
    machine: Machine, release: str, install: str, deb: str | None, rpm: str | None
) -> None:
    machine.write("etc/os-release", release.replace(" ", "\n") + "\n")
    kind, name = ("deb", deb) if deb else ("rpm", rpm)

    assert machine.piece(f"INSTALL={install}; release_name {kind}") == f"{name}\n"


def test_a_vendors_package_is_preferred_to_a_namesake_of_the_distribution(
    machine: Machine,
) -> None:
    machine.give(replace(PLAIN, install="aio", package="puppet-agent=8.10.0-1bookworm"))

    assert machine.piece("prefer") == (
        'Package: puppet-agent\nPin: origin "apt.puppet.com"\nPin-Priority: 995\n\n'
    )


@pytest.mark.parametrize("manager", ["dnf", "yum"])
def test_enterprise_linux_installs_by_its_own_manager(machine: Machine, manager: str) -> None:
    machine.give(replace(PLAIN, install="openvox"))
    machine.write("etc/os-release", "ID=rocky\nVERSION_ID=9.4\n")
    machine.stub(manager)

    machine.piece(f"with_yum {manager}")

    base = "https://yum.voxpupuli.org/openvox8-release-el-9.noarch.rpm"
    assert machine.calls.read_text().splitlines() == [
        f"{manager} -y install {base}",
        f"{manager} -y install openvox-agent",
    ]


def test_none_without_puppet_in_the_image_says_so(machine: Machine) -> None:
    machine.give(replace(PLAIN, install="none"))

    said = machine.piece("PATH=$root/bin:/bin; find_puppet() { false; }; install_agent", expect=1)

    assert "this image has no puppet" in said


@pytest.mark.parametrize("seconds", [1, 15, 300])
def test_waits_are_spread_between_half_and_all_of_the_span(machine: Machine, seconds: int) -> None:
    drawn = machine.piece(f"for i in 1 2 3 4 5 6 7 8; do jittered {seconds}; done")

    assert all(seconds // 2 <= int(each) <= seconds for each in drawn.split())


END = replace(PLAIN, expires_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_a_life_arms_a_timer_that_is_on_disk(machine: Machine) -> None:
    machine.give(END)
    machine.stub("systemctl")
    (machine.root / "run/systemd/system").mkdir(parents=True)

    machine.piece("arm")

    timer = machine.read("etc/systemd/system/rolecall-expire.timer")
    assert "OnCalendar=2030-01-02 03:04:05 UTC\n" in timer
    assert "Persistent=true\n" in timer
    assert "systemctl enable rolecall-expire.timer" in machine.calls.read_text()


def test_no_life_arms_nothing(machine: Machine) -> None:
    machine.stub("systemctl")
    (machine.root / "run/systemd/system").mkdir(parents=True)

    machine.piece("arm")

    assert list((machine.root / "etc/systemd/system").iterdir()) == []
    assert not machine.calls.exists()


@pytest.mark.parametrize(("instance", "goes"), [(INSTANCE, "off"), ("i-0baked", "on")])
def test_powers_off_only_the_instance_whose_time_is_over(
    machine: Machine, instance: str, goes: str
) -> None:
    machine.give(replace(END, expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    machine.write("var/lib/rolecall/instance", f"{instance}\n")
    stubs = "shutdown() { echo off; exit; }; poweroff() { echo off; exit; }; sync() { :; }"

    assert machine.piece(f"{stubs}; expire; echo on").splitlines()[-1] == goes


def test_does_not_power_off_before_its_time(machine: Machine) -> None:
    machine.give(END)
    stubs = "shutdown() { echo off; exit; }; poweroff() { echo off; exit; }; sync() { :; }"

    assert machine.piece(f"{stubs}; expire; echo on") == "on\n"


@pytest.mark.parametrize(("mark", "done"), [(INSTANCE, "yes"), ("i-0baked", "no")])
def test_a_marker_counts_only_on_the_instance_that_set_it(
    machine: Machine, mark: str, done: str
) -> None:
    machine.write("var/lib/rolecall/bootstrapped", f"{mark}\n")

    assert machine.piece("done_here && echo yes || echo no") == f"{done}\n"


def test_a_log_that_has_grown_is_put_aside(machine: Machine) -> None:
    log = machine.write("var/log/rolecall-bootstrap.log", "x" * 1_000_000)

    machine.piece("logged say hello")

    assert log.read_text().endswith("hello\n")
    assert log.stat().st_size < 100
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.with_suffix(".log.1").stat().st_size == 1_000_000
