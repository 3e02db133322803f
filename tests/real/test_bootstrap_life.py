"""A machine with a life ends it by itself; one without, or with another's, does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from provisioner.bootstrap import render
from tests.real import fakepuppet
from tests.real.newborn import (
    PLAIN,
    SOON,
    STATE,
    boot,
    newborn,
    put_clock_forward,
    unpack,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("tools")]

HOUR = 3600
# Long enough for a script that wants to power off to do so.
A_MOMENT = 2


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_powers_off_when_its_time_comes_though_puppet_never_worked() -> None:
    with newborn(replace(PLAIN, expires_at=in_an_hour()), 1) as host:
        boot(host)
        put_clock_forward(host, HOUR // 2)
        assert not host.wait_off(seconds=A_MOMENT)

        put_clock_forward(host, HOUR)
        assert host.wait_off(seconds=SOON)
        assert host.powered_off


def test_a_reboot_does_not_lengthen_a_life_and_it_needs_no_puppet() -> None:
    without = replace(PLAIN, run_puppet=False, puppet_host=None, puppet_address=None)
    with newborn(replace(without, expires_at=in_an_hour())) as host:
        boot(host)
        boot(host)
        assert not host.wait_off(seconds=A_MOMENT)
        assert fakepuppet.runs(host) == []

        put_clock_forward(host, HOUR)
        assert host.wait_off(seconds=SOON)
        assert host.powered_off


def test_a_time_that_passed_while_the_machine_was_off_ends_it_at_boot() -> None:
    with newborn(replace(PLAIN, expires_at=in_an_hour())) as host:
        boot(host)
        host.stop()
        put_clock_forward(host, HOUR)
        host.boot()

        assert host.wait_off(seconds=SOON)
        assert host.powered_off


def test_a_life_that_was_baked_ends_nothing() -> None:
    """An image made of a machine whose time was over, launched with user-data of others."""
    with newborn(PLAIN) as host:
        unpack(host, render(replace(PLAIN, expires_at=datetime(2020, 1, 1, tzinfo=UTC))))
        host.write(f"{STATE}/instance", "i-0dead\n")
        hook = f"#!/bin/sh\necho asked >/root/hook; sh {STATE}/bootstrap boot\n"
        host.write("/var/lib/cloud/scripts/per-boot/rolecall", hook, mode=0o755)
        host.user_data = "#cloud-config\n{}\n"
        boot(host)

        assert host.read("/root/hook") == "asked\n"
        assert not host.wait_off(seconds=A_MOMENT)
        assert fakepuppet.runs(host) == []
