"""User-data: what is in it, and that no value can put anything else in."""

import base64
import email
import gzip
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import yaml

from provisioner.bootstrap import (
    LIMIT,
    Bootstrap,
    BootstrapError,
    ImpossibleValueError,
    UserDataTooLarge,
    render,
    userdata,
)

KEY = "0123456789abcdef" * 4
PEM = "-----BEGIN CERTIFICATE-----\nTm90IGEgcmVhbCBvbmU=\n-----END CERTIFICATE-----\n"
PLAIN = Bootstrap(
    launch_key=KEY,
    puppet_host="puppet.example.com",
    puppet_address="10.0.0.10",
    puppet_port=8140,
    ca_pem=PEM,
    install="packages",
    package="puppet-agent",
    run_puppet=True,
    expires_at=None,
    extra_user_data=None,
)

NASTY = (
    "",
    " ",
    "a b",
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "a\ntouch pwned\n",
    "a\r\ntouch pwned",
    "a\0b",
    "-rf",
    "--option=x",
    "a: b",
    "- a",
    "{a: b}",
    "!!python/object/apply:os.system ['touch pwned']",
    "&anchor *anchor",
    "%YAML 1.1",
    "---\nruncmd: [touch, pwned]",
    "#cloud-config",
    "## template: jinja\n{{ 7 * 7 }}",
    "{{ v1.instance_id }}",
    "null",
    "yes",
    "é",
    "\u202e",
    "\ud800",
    "x" * 5000,
    "../../etc/passwd",
    "\\",
    "|",
    "> /etc/passwd",
    "--==\nContent-Type: text/x-shellscript\n\n#!/bin/sh\ntouch pwned",
)
SETTINGS = (
    "RUN_PUPPET",
    "PUPPET_HOST",
    "PUPPET_ADDRESS",
    "PUPPET_PORT",
    "PIN_CA",
    "INSTALL",
    "PACKAGE",
    "APT_RELEASE",
    "APT_HOSTS",
    "YUM_RELEASE",
    "EXPIRES_AT",
    "EXPIRES_CALENDAR",
)
TEXT_FIELDS = (
    "launch_key",
    "puppet_host",
    "puppet_address",
    "ca_pem",
    "install",
    "package",
    "extra_user_data",
    "repository",
)


def config_of(text: str) -> Any:
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)


def files_of(text: str) -> dict[str, dict[str, str]]:
    files = config_of(text)["write_files"]
    return {file["path"].removeprefix("/var/lib/rolecall/"): file for file in files}


def settings_of(text: str) -> dict[str, str]:
    """What a shell reads out of the settings, and that reading them does nothing else."""
    body = files_of(text)["settings"]["content"]
    show = "".join(f'printf "%s\\0" "${name}"\n' for name in SETTINGS)
    done = subprocess.run(
        ["sh", "-eu"], check=False, input=f"{body}{show}".encode(), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return dict(zip(SETTINGS, done.stdout.decode().split("\0"), strict=False))


def script_of(text: str) -> str:
    file = files_of(text)["bootstrap"]
    assert file["encoding"] == "gz+b64"
    return gzip.decompress(base64.b64decode(file["content"])).decode()


def parts_of(text: str) -> list[Any]:
    message = email.message_from_string(text)
    assert message.is_multipart()
    assert not message.defects
    return list(message.get_payload())


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
    assert "bootcmd" not in config_of(text)
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
CARRIED = [nasty for nasty in NASTY if not set(nasty) & {"\0", "\ud800"}]
SHAPE = {"manage_etc_hosts", "bootcmd", "write_files", "runcmd"}
# What a host name may well be, however it looks.
POSSIBLE = {
    ("puppet_host", "null"),
    ("puppet_host", "yes"),
    ("package", "null"),
    ("package", "yes"),
}


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: ascii(nasty[:20]))
def test_a_nasty_value_is_refused_by_name(field: str, nasty: str) -> None:
    if (field, nasty) in POSSIBLE:
        assert nasty in settings_of(render(replace(PLAIN, **{field: nasty}))).values()
        return
    with pytest.raises(ImpossibleValueError) as caught:
        render(replace(PLAIN, **{field: nasty}))
    assert caught.value.field == field


@pytest.mark.parametrize("nasty", CARRIED, ids=lambda nasty: ascii(nasty[:20]))
def test_even_unchecked_a_nasty_value_stays_one_value(nasty: str) -> None:
    """The second line of defence: were a check wrong, the quoting would still hold."""
    fields = ("puppet_host", "puppet_address", "package", "install")
    text = userdata._cloud_config(replace(PLAIN, **dict.fromkeys(fields, nasty)))
    settings = settings_of(text)

    assert set(config_of(text)) == SHAPE
    assert [settings[field.upper()] for field in fields] == [nasty] * len(fields)


@pytest.mark.parametrize("nasty", CARRIED, ids=lambda nasty: ascii(nasty[:20]))
def test_even_unchecked_a_nasty_key_stays_the_content_of_its_file(nasty: str) -> None:
    text = userdata._cloud_config(replace(PLAIN, launch_key=nasty))

    assert set(config_of(text)) == SHAPE
    assert files_of(text)["launch-key"]["content"] == nasty


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("launch_key", "AB" * 16),
        ("puppet_host", "puppet"),
        ("puppet_host", "puppet_1.eu-west-1.compute.internal"),
        ("puppet_address", "2001:db8::1"),
        ("puppet_address", None),
        ("ca_pem", None),
        ("package", "puppet-agent-8.10.0-1.el9"),
        ("puppet_port", 65535),
        ("repository", "http://[::1]:8000/a"),
    ],
)
def test_takes_what_exists_in_the_world(field: str, good: Any) -> None:
    assert render(replace(PLAIN, **{field: good}))


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("puppet_host", None),
        ("puppet_port", 0),
        ("puppet_port", 65536),
        ("puppet_port", True),
        ("puppet_port", "8140"),
        ("puppet_address", "10.0.0.256"),
        ("puppet_address", "fe80::1%eth0"),
        ("expires_at", datetime(2026, 12, 1)),  # noqa: DTZ001  # the very thing that is refused
        ("ca_pem", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"),
        ("run_puppet", "no"),
        ("extra_user_data", "packages: [jq]"),
        ("extra_user_data", "#cloud-config\n- a list\n"),
        ("extra_user_data", "#cloud-config\nmerge_how: dict(replace)\nruncmd: [id]\n"),
        ("extra_user_data", "#cloud-config\n\tpackages: [jq]\n"),
        ("extra_user_data", "## template: jinja\n#cloud-config\npackages: [jq]\n"),
        ("retry_first", 0),
        ("retry_first", 301),
    ],
)
def test_refuses_what_no_machine_could_use_and_names_it(field: str, bad: Any) -> None:
    with pytest.raises(ImpossibleValueError, match=f"^{field}: "):
        render(replace(PLAIN, **{field: bad}))


def test_errors_never_show_the_key() -> None:
    with pytest.raises(BootstrapError) as caught:
        render(replace(PLAIN, launch_key=KEY + "!"))

    assert KEY not in str(caught.value)


EXTRAS = (
    "#cloud-config\npackages: [jq]\n",
    "#cloud-config\npackages: [jq]",
    "#cloud-config\nruncmd: ['echo é']\n",
    "#!/bin/sh\necho hello\n",
    "#!/bin/sh\necho 'From me'\nFrom you\n.\n\n\n",
    "#!/bin/sh\r\necho hello\r\n",
    "#!/bin/sh\n--==x==\nContent-Type: text/plain\n\n--==x==--\n",
    "#!/bin/sh\nprintf '\\0' é ü \x01\n",
    "#!/bin/sh\n" + "x" * 3000,
)


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: ascii(extra[:30]))
def test_a_part_of_the_users_arrives_as_it_was_written(extra: str) -> None:
    ours, theirs = parts_of(render(replace(PLAIN, extra_user_data=extra)))

    assert ours.get_payload() == render(PLAIN)
    assert theirs.get_payload(decode=True).decode() == extra


def test_a_users_part_is_what_its_first_line_says() -> None:
    _, config = parts_of(render(replace(PLAIN, extra_user_data=EXTRAS[0])))
    _, script = parts_of(render(replace(PLAIN, extra_user_data=EXTRAS[3])))

    assert config.get_content_type() == "text/cloud-config"
    assert script.get_content_type() == "text/x-shellscript"


def test_a_users_script_comes_after_ours_in_the_order_of_names() -> None:
    _, script = parts_of(render(replace(PLAIN, extra_user_data=EXTRAS[3])))

    assert script.get_filename() > "runcmd"


def test_a_boundary_taken_from_an_earlier_rendering_divides_nothing() -> None:
    first = render(replace(PLAIN, extra_user_data=EXTRAS[3]))
    boundary = email.message_from_string(first).get_boundary()
    hostile = f"#!/bin/sh\n\n--{boundary}--\n--{boundary}\nContent-Type: text/plain\n\nx\n"

    _, theirs = parts_of(render(replace(PLAIN, extra_user_data=hostile)))

    assert theirs.get_payload() == hostile


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
    assert "extra_user_data" in str(caught.value)
