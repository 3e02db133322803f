"""What is claimed of platforms: one matrix, and each place that repeats it."""

from __future__ import annotations

import configparser
import json
import re
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from provisioner.doctor.redis_info import OLDEST
from tests import redis_binaries
from tests.platforms import ready
from tests.platforms.matrix import WHOLE, Matrix, Puppet, System, table

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "puppet" / "rolecall"
MATRIX = Matrix.read()


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def metadata() -> dict[str, list[dict[str, object]]]:
    return dict(json.loads((MODULE / "metadata.json").read_text()))


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_readme_has_the_table() -> None:
    """`python -m tests.platforms.matrix` prints it."""
    assert table(MATRIX) in (ROOT / "README.md").read_text()


def test_the_classifiers_are_its_pythons() -> None:
    said = re.findall(r"Python :: (3\.\d+)$", setup_cfg()["metadata"]["classifiers"], re.MULTILINE)

    assert said == [python.version for python in MATRIX.pythons]


def test_pip_takes_the_oldest_python_and_none_before() -> None:
    oldest = min((python.version for python in MATRIX.pythons), key=number)

    assert setup_cfg()["options"]["python_requires"] == f">={oldest}"


def test_metadata_has_its_systems_and_no_other() -> None:
    said = metadata()["operatingsystem_support"]

    claimed = {
        name: [system.release for system in systems]
        for name, systems in groupby(MATRIX.systems, lambda system: system.name)
    }
    assert {each["operatingsystem"]: each["operatingsystemrelease"] for each in said} == claimed


@pytest.mark.parametrize("puppet", MATRIX.puppets, ids=lambda puppet: puppet.version)
def test_metadata_takes_its_puppets(puppet: Puppet) -> None:
    (said,) = [each for each in metadata()["requirements"] if each["name"] == "puppet"]
    lowest, below = re.findall(r"[\d.]+", str(said["version_requirement"]))

    assert number(lowest) <= number(puppet.agent) < number(below)


@pytest.mark.parametrize("system", MATRIX.systems, ids=lambda each: f"{each.name} {each.release}")
def test_the_module_is_compiled_with_facts_of_each(system: System) -> None:
    facts = [yaml.safe_load(path.read_text())["os"] for path in MODULE.glob("spec/facts/*.yaml")]

    assert [f for f in facts if (f["name"], f["release"]["major"]) == (system.name, system.release)]


def test_the_oldest_redis_is_what_doctor_takes() -> None:
    oldest = min(number(store.version) for store in MATRIX.stores if store.name == "Redis")

    assert oldest == OLDEST == redis_binaries.OLDEST


def test_the_oldest_python_is_what_make_run_takes() -> None:
    assert min(number(python.version) for python in MATRIX.pythons) == ready.OLDEST


def test_a_root_is_made_of_each_release_that_is_tried_whole() -> None:
    script = (ROOT / "tests/platforms/root.sh").read_text()
    (taken,) = re.findall(r"^case \$release in (.*)\) ;;", script, re.MULTILINE)

    tried = {system.codename for system in MATRIX.systems if system.tried == WHOLE}
    assert tried <= set(taken.split(" | "))


def test_an_entry_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "matrix.toml"
    file.write_text('[[system]]\nname = "Debian"\nrelease = "14"\ntired = "whole"\n')

    with pytest.raises(TypeError, match="tired"):
        Matrix.read(file)
