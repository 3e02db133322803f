"""What the real tools say of it: cloud-init of the schema, shellcheck, systemd of the units."""

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from provisioner.bootstrap import render
from provisioner.bootstrap.userdata import script_source
from tests.real.conftest import cannot_run
from tests.real.newborn import PLAIN

pytestmark = pytest.mark.differs

END = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def said_by(*command: str) -> tuple[int, str]:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        cannot_run(f"not installed: {command[0]}; run: make debs")
        raise
    return done.returncode, done.stdout + done.stderr


VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"ca_pem": None, "puppet_address": None},
    {"install": "openvox", "expires_at": END},
    {"run_puppet": False, "puppet_host": None, "puppet_address": None, "expires_at": END},
)


@pytest.mark.parametrize("values", VARIANTS, ids=lambda values: ",".join(values) or "plain")
def test_cloud_init_finds_the_user_data_valid(values: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text(render(replace(PLAIN, **values)))

    code, said = said_by("cloud-init", "schema", "--config-file", str(file))

    # Of 22.4; 25.1 says "Valid schema".
    assert (code, said.startswith(("Valid cloud-config", "Valid schema"))) == (0, True), said


def test_cloud_init_would_say_so_were_it_not(tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text(render(PLAIN).replace("permissions: '0600'", "permissions: [0600]"))

    code, said = said_by("cloud-init", "schema", "--config-file", str(file))

    assert code == 1
    assert "write_files.0.permissions" in said


def test_shellcheck_finds_nothing_in_the_script(tmp_path: Path) -> None:
    file = tmp_path / "bootstrap"
    file.write_text(script_source())

    assert said_by("shellcheck", "--shell=sh", str(file)) == (0, "")


def units_of(script: str) -> dict[str, str]:
    """The unit files that the script writes, by name."""
    found = re.findall(r'cat >"\$units/([a-z.-]+)" <<UNIT\n(.*?)\nUNIT\n', script, re.DOTALL)
    return {
        name: text.replace("$EXPIRES_CALENDAR", "2030-01-02 03:04:05 UTC").replace(
            "$state", "/var/lib/rolecall"
        )
        for name, text in found
    }


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = units_of(script_source())
    for name, text in units.items():
        (tmp_path / name).write_text(f"{text}\n")

    code, said = said_by("systemd-analyze", "verify", *(str(tmp_path / name) for name in units))

    assert sorted(units) == [
        "rolecall-bootstrap.service",
        "rolecall-expire.service",
        "rolecall-expire.timer",
    ]
    assert (code, [line for line in said.splitlines() if "rolecall" in line]) == (0, [])


def test_systemd_reads_the_end_of_a_life_as_the_moment_that_was_meant() -> None:
    code, said = said_by("systemd-analyze", "calendar", "2030-01-02 03:04:05 UTC")

    assert code == 0
    assert "Normalized form: 2030-01-02 03:04:05 UTC" in said
