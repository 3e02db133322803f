"""The Puppet module as it is published: its archive, its pages, its metadata."""

from __future__ import annotations

import configparser
import json
import tarfile
from pathlib import Path

import pytest
import yaml

from puppet import archive as archiving
from puppet import reference

PUPPET = Path(__file__).parents[2] / "puppet"
MODULE = PUPPET / "rolecall"
NAME = f"rolecall-rolecall-{json.loads((MODULE / 'metadata.json').read_text())['version']}"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archiving.build(tmp_path_factory.mktemp("dist"))


class TestTheArchive:
    def test_is_named_as_the_forge_wants_it_and_has_one_folder_of_that_name(
        self, archive: Path
    ) -> None:
        assert archive.name == f"{NAME}.tar.gz"
        with tarfile.open(archive) as content:
            assert {name.split("/")[0] for name in content.getnames()} == {NAME}

    def test_has_what_a_module_needs(self, archive: Path) -> None:
        with tarfile.open(archive) as content:
            names = set(content.getnames())
        for path in (
            *("metadata.json", "README.md", "REFERENCE.md", "CHANGELOG.md", "LICENSE"),
            *("hiera.yaml", "data/common.yaml", "files/enc", "manifests/init.pp"),
            "lib/puppet/reports/rolecall.rb",
        ):
            assert f"{NAME}/{path}" in names

    def test_has_no_tests_links_or_traces_of_who_built_it(self, archive: Path) -> None:
        with tarfile.open(archive) as content:
            entries = content.getmembers()
        assert all(entry.isfile() for entry in entries)
        assert not [entry.name for entry in entries if "/spec/" in entry.name]
        assert {(entry.uid, entry.uname, entry.mtime) for entry in entries} == {(0, "root", 0)}

    def test_is_the_same_when_it_is_built_again(self, archive: Path, tmp_path: Path) -> None:
        assert archiving.build(tmp_path).read_bytes() == archive.read_bytes()


def test_the_puppetserver_gets_all_of_our_ruby_that_it_loads() -> None:
    """What only the agent's side loads is left out: resource types and functions."""
    data = yaml.safe_load((MODULE / "data/layouts.yaml").read_text())
    lib = MODULE / "lib"
    folders = ("puppet/indirector", "puppet/reports", "puppet_x/rolecall")
    there = {
        str(path.relative_to(lib))
        for folder in folders
        for path in (lib / folder).rglob("*.rb")
        if "conf" not in path.parts and path.name != "secrets.rb"
    }
    assert set(data["rolecall::puppetserver::ruby"]) == there


class TestTheMetadata:
    def test_has_the_version_of_the_product(self) -> None:
        setup = configparser.ConfigParser()
        setup.read(PUPPET.parent / "setup.cfg")

        assert metadata()["version"] == setup["metadata"]["version"]

    def test_bounds_each_dependency_on_both_sides(self) -> None:
        for requirement in metadata()["dependencies"] + metadata()["requirements"]:
            words = requirement["version_requirement"].split()
            assert words[0] == ">="
            assert words[2] == "<"

    def test_names_the_systems_that_the_module_is_compiled_for(self) -> None:
        named = {
            f"{system['operatingsystem']}-{release}".lower()
            for system in metadata()["operatingsystem_support"]
            for release in system["operatingsystemrelease"]
        }
        tried = {path.stem.removesuffix("-openvox") for path in (MODULE / "spec/facts").iterdir()}
        assert named == tried


class TestTheReference:
    def test_is_what_the_manifests_say(self) -> None:
        assert reference.main(["--check"]) == 0

    def test_describes_each_parameter_of_each_public_class(self) -> None:
        page = (MODULE / "REFERENCE.md").read_text()
        for entry in reference.entries():
            assert f"### `{entry.name}`" in page
            for name in entry.parameters:
                assert f"#### `{name}`" in page

    def test_refuses_a_parameter_that_is_not_described(self, tmp_path: Path) -> None:
        manifest = tmp_path / "x.pp"
        manifest.write_text("# @summary Something.\nclass x (\n  String $y,\n) {\n}\n")

        with pytest.raises(reference.UndocumentedError, match=r"x: @param missing \['y'\]"):
            reference.read(manifest)


def metadata() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads((MODULE / "metadata.json").read_text())
    return found
