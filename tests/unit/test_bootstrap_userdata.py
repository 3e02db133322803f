"""What is in user-data, and how large it may be."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from provisioner.bootstrap import LIMIT, Bootstrap, UserDataTooLarge, render
from tests.unit.bootstrap_machine import KEY, PEM, PLAIN, config_of, files_of, settings_of


def test_is_plain_cloud_config_that_leaves_etc_hosts_to_the_script() -> None:
    config = config_of(render(PLAIN))

    assert set(config) == {"manage_etc_hosts", "bootcmd", "write_files", "runcmd"}
    assert config["manage_etc_hosts"] is False
    assert config["runcmd"] == [["/bin/sh", "/var/lib/rolecall/bootstrap", "start"]]


def test_writes_secrets_for_root_alone_and_the_script_executable() -> None:
    files = files_of(render(PLAIN))

    assert {name: file["permissions"] for name, file in files.items()} == {
        "settings": "0600",
        "launch-key": "0600",
        "ca.pem": "0644",
        "bootstrap": "0700",
    }
    assert files["launch-key"]["content"] == KEY
    assert files["ca.pem"]["content"] == PEM


def test_has_the_key_in_one_place_only() -> None:
    text = render(PLAIN)

    assert text.count(KEY) == 1
    assert KEY not in repr(PLAIN)


def test_the_same_values_give_the_same_text() -> None:
    extra = "#cloud-config\npackages: [jq]\n"

    assert render(PLAIN) == render(replace(PLAIN))
    assert render(replace(PLAIN, extra_user_data=extra)) == render(
        replace(PLAIN, extra_user_data=extra)
    )


def test_settings_are_what_was_asked_for() -> None:
    settings = settings_of(render(PLAIN))

    assert settings["PUPPET_HOST"] == "puppet.example.com"
    assert settings["PUPPET_ADDRESS"] == "10.0.0.10"
    assert settings["PUPPET_PORT"] == "8140"
    assert settings["PIN_CA"] == "yes"
    assert settings["RUN_PUPPET"] == "yes"
    assert (settings["INSTALL"], settings["PACKAGE"]) == ("packages", "puppet-agent")
    assert settings["EXPIRES_AT"] == ""


def test_an_image_without_puppet_gets_neither_key_nor_ca_but_its_end_of_life() -> None:
    end = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    text = render(replace(PLAIN, run_puppet=False, puppet_host=None, puppet_address=None,
                          expires_at=end))  # fmt: skip

    assert set(files_of(text)) == {"settings", "bootstrap"}
    assert "puppet" not in str(config_of(text)["bootcmd"])
    assert KEY not in text
    assert settings_of(text)["RUN_PUPPET"] == ""
    assert settings_of(text)["EXPIRES_CALENDAR"] == "2026-12-01 12:00:00 UTC"


def test_a_life_ends_in_utc_whatever_zone_it_was_given_in_and_never_early() -> None:
    zone = timezone(timedelta(hours=2))
    end = datetime(2026, 12, 1, 1, 59, 59, 1, tzinfo=zone)
    settings = settings_of(render(replace(PLAIN, expires_at=end)))

    assert settings["EXPIRES_CALENDAR"] == "2026-12-01 00:00:00 UTC"
    assert int(settings["EXPIRES_AT"]) == datetime(2026, 12, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("install", "package", "installed", "deb", "rpm"),
    [
        ("packages", "puppet", "puppet", "", ""),
        ("none", "puppet-agent", "puppet-agent", "", ""),
        (
            "aio",
            "puppet-agent",
            "puppet-agent",
            "https://apt.puppet.com/puppet8-release-",
            "https://yum.puppet.com/puppet8-release",
        ),
        (
            "openvox",
            "puppet-agent",
            "openvox-agent",
            "https://apt.voxpupuli.org/openvox8-release-",
            "https://yum.voxpupuli.org/openvox8-release",
        ),
        (
            "openvox",
            "openvox-agent=8.11.0-1+debian12",
            "openvox-agent=8.11.0-1+debian12",
            "https://apt.voxpupuli.org/openvox8-release-",
            "https://yum.voxpupuli.org/openvox8-release",
        ),
    ],
)
def test_each_way_to_install_has_its_package_and_repository(
    install: Any, package: str, installed: str, deb: str, rpm: str
) -> None:
    settings = settings_of(render(replace(PLAIN, install=install, package=package)))

    assert settings["PACKAGE"] == installed
    assert (settings["APT_RELEASE"], settings["YUM_RELEASE"]) == (deb, rpm)


def test_a_mirror_stands_in_for_the_vendors_addresses() -> None:
    text = render(replace(PLAIN, install="openvox", repository="https://mirror.example/vox/"))

    assert settings_of(text)["APT_RELEASE"] == "https://mirror.example/vox/openvox8-release-"
    assert settings_of(text)["YUM_RELEASE"] == "https://mirror.example/vox/openvox8-release"
    assert settings_of(text)["APT_HOSTS"] == "apt.voxpupuli.org mirror.example"


def test_a_mirror_does_not_turn_distribution_packages_into_a_vendors() -> None:
    text = render(replace(PLAIN, install="packages", repository="https://mirror.example"))

    assert settings_of(text)["APT_RELEASE"] == ""


def test_text_between_certificates_is_dropped() -> None:
    text = render(replace(PLAIN, ca_pem=f"CN=root $(touch pwned)\n{PEM}\nissuer: x\n{PEM}"))

    assert files_of(text)["ca.pem"]["content"] == PEM + PEM


# What neither YAML nor a shell nor a file can carry does not get that far.


def test_fits_with_a_ca_of_two_certificates_and_leaves_room() -> None:
    certificate = base64.encodebytes(b"x" * 1500).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{certificate}-----END CERTIFICATE-----\n" * 2

    assert len(render(replace(PLAIN, ca_pem=pem))) < LIMIT - 4096


def test_the_limit_is_met_to_the_byte_and_not_passed() -> None:
    def with_extra(length: int) -> Bootstrap:
        return replace(PLAIN, extra_user_data="#!/bin/sh\n" + "x" * length)

    most = LIMIT - len(render(with_extra(0)))

    assert len(render(with_extra(most))) == LIMIT
    with pytest.raises(UserDataTooLarge) as caught:
        render(with_extra(most + 1))
    assert (caught.value.size, caught.value.limit) == (LIMIT + 1, 16384)
    assert f"{most + 11} are extra_user_data, 75 the certificates of" in str(caught.value)
    assert f"and {LIMIT - most - 85} rolecall's own; take 1 bytes out of" in str(caught.value)
