"""The user's reference and the example say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from enc.domain.model import Market
from enc.domain.rolespec import (
    OURS,
    BurstSpec,
    Check,
    FleetSpec,
    LaunchSpec,
    LimitsSpec,
    MachineOptions,
    PuppetInstall,
    PuppetServer,
    RoleSpec,
    VolumeSpec,
)
from provisioner.adapters.ec2_template import MACHINE, VOLUME
from provisioner.rolesfile.loading import RolesFile, load

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "roles.md").read_text()
EXAMPLE = ROOT / "puppet" / "example"
SECTIONS = {
    "## A role": RoleSpec,
    "## launch": LaunchSpec,
    "### launch.volumes": VolumeSpec,
    "### launch.puppet_server": PuppetServer,
    "### launch.puppet": PuppetInstall,
    "## fleet": FleetSpec,
    "## burst": BurstSpec,
    "## limits": LimitsSpec,
    "## checks": Check,
}
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \|", re.MULTILINE)


def documented(heading: str) -> dict[str, str]:
    section = REFERENCE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return {key: default.strip("`") for key, default in ROW.findall(section)}


def default_of(model: type[BaseModel], key: str) -> str:
    default = model.model_fields[key].default
    if default is PydanticUndefined:
        return "the class named like the role" if key == "classes" else "required"
    if isinstance(default, BaseModel):
        return "{}"
    if isinstance(default, tuple):
        return "[]"
    return json.dumps(default) if default is None or default == "" else plain(default)


def plain(default: object) -> str:
    return json.dumps(default) if isinstance(default, bool | dict) else str(default)


def loaded(text: str) -> RolesFile:
    return load(text, source="roles.yaml", read_file=str)


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_reference_has_every_key_with_its_default_and_no_other(heading: str) -> None:
    model = SECTIONS[heading]
    ours = {place[-1] for place in OURS} - {"name"}
    keys = [key for key in model.model_fields if key not in ours]
    if model is RoleSpec:
        keys.remove("name")

    assert documented(heading) == {key: default_of(model, key) for key in keys}


def test_the_reference_and_the_adapter_have_every_option_with_ec2_s_name() -> None:
    volumes = {
        f"volumes.….{name}": f"BlockDeviceMappings.Ebs.{aws}" for name, aws in VOLUME.items()
    }
    section = REFERENCE.split("\n### As EC2 calls them\n", 1)[1].split("\n#", 1)[0]

    assert (
        dict(re.findall(r"^\| `(\S+)` \| `(\S+)` \|", section, re.MULTILINE)) == MACHINE | volumes
    )
    assert MACHINE.keys() == MachineOptions.model_fields.keys()
    assert VOLUME.keys() == VolumeSpec.model_fields.keys()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.+?)```", REFERENCE, re.DOTALL))
def test_what_the_reference_shows_loads(text: str) -> None:
    assert loaded(text).warnings == ()


def test_the_reference_has_something_to_show() -> None:
    assert REFERENCE.count("```yaml") == 3


def test_the_example_loads_without_a_warning_and_falls_back_from_spot() -> None:
    file = load((EXAMPLE / "roles.yaml").read_bytes(), source="roles.yaml", read_file=str)

    assert file.warnings == ()
    assert {name: spec.fleet.size for name, spec in file.roles.items()} == {"pdf2swf": 2, "web": 1}
    for spec in file.roles.values():
        assert spec.launch is not None
        assert (spec.launch.market, spec.launch.fallback) == (Market.SPOT, "on-demand")
        assert spec.launch.spot_deadline.total_seconds() <= 3


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_every_class_of_the_example_has_a_manifest(environment: str) -> None:
    roles = loaded((EXAMPLE / "roles.yaml").read_text()).roles
    modules = EXAMPLE / "environments" / environment / "modules"

    for spec in roles.values():
        for name in spec.classes:
            module, _, rest = name.partition("::")
            manifest = (modules / module / "manifests" / f"{rest}.pp").read_text()
            assert f"class {name} (" in manifest
