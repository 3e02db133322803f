"""The bootstrap script's pieces: installing, waiting, the end of a life, the log."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.bootstrap_machine import INSTANCE, PLAIN, Machine


@pytest.fixture(params=["sh", "bash"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    shell = shutil.which(request.param)
    assert shell
    return Machine(tmp_path, shell).give(PLAIN)


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
    drawn = machine.piece(f"for i in 1 2 3 4 5 6 7 8; do jittered {seconds}; done").split()

    assert len(drawn) == 8
    assert all(seconds // 2 <= int(each) <= seconds for each in drawn)
    assert len(set(drawn)) > 1 or seconds == 1


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
