"""No value can put anything into user-data but itself."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from provisioner.bootstrap import BootstrapError, ImpossibleValueError, render, userdata
from tests.unit.bootstrap_machine import KEY, PLAIN, config_of, files_of, settings_of

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
    "> pwned",
    "--==\nContent-Type: text/x-shellscript\n\n#!/bin/sh\ntouch pwned",
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
