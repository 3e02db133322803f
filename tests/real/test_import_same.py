"""An import promises each catalogue as it was: nodes whose classes see what an ENC may change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.manifests import DEFAULT
from tests.real.compiling import Compiler
from tests.real.importing import Provisioner
from tests.region.handle import Region
from tests.servers import RedisServer, Service

pytestmark = pytest.mark.differs

SITE = "same"
BEYOND_ASCII = "ä 日本 😀"
MODULES = {
    "globals": "class globals { $user = 'gu' }\n",
    "app": 'class app($w = 1) { notify { "app ${w} ${globals::user}": } }\n',
    "one": 'class one { $v = 1 notify { "one ${two::v}": } }\n',
    "two": 'class two { $v = 2 notify { "two ${one::v}": } }\n',
    "shown": 'class shown($x = undef) { notify { "shown ${x} ${tier} ${::tier}": } }\n',
    "sec": 'class sec($x = 1) { notify { "sec ${x}": } }\n',
    "greets": 'class greets { notify { "greets ${greeting}": } }\n',
    "lock": 'class lock { notify { "locked": } }\n',
}
# By the name of each node, and whether it can be imported.
ORDERS = {
    "behind": ("include globals  class { 'app': w => 2 }", False),
    "onetwo": ("include one, two", True),
    "twoone": ("include two, one", True),
    "maps1": ("class { 'shown': x => { a => 1, b => 2 } }", True),
    "maps2": ("class { 'shown': x => { b => 2, a => 1 } }", True),
    "own.example.com": (
        "class { 'sec': x => $trusted['certname'] } class { 'app': w => $trusted['hostname'] }",
        True,
    ),
    "domain.example.com": ("class { 'sec': x => $trusted['domain'] }", True),
    "bare": ("class { 'shown': x => [$trusted['domain']] }", True),
    "default1": ("class { 'sec': ; default: x => 5 }", True),
}


@dataclass
class House(Provisioner):
    service: Service
    compiler: Compiler

    def file(self, folder: str, text: str, name: str = "nodes.pp") -> Path:
        path = self.folder / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def imported(self, file: Path) -> dict[str, Any]:
        """Its rows; what can be is created."""
        words = ("import", str(file), "--no-ec2", "--modulepath", str(self.compiler.modules))
        found = self.rows(*words, "--roles", f"{file}.yaml")
        if "create" not in {row["verdict"] for row in found.values()}:
            return found
        if Path(f"{file}.yaml").exists():
            assert self.run("roles", "apply", f"{file}.yaml").returncode == 0
        return self.rows(*words, "--apply")

    def rows(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--format", "json")
        assert done.stdout, done
        return {row["name"]: row for row in json.loads(done.stdout)}

    def after(self, manifest: Path, *names: str) -> dict[str, Any]:
        url = self.service.url
        return self.compiler.compile(manifest, names, enc_url=url, terminus="rolecall")


@pytest.fixture(scope="module")
def house(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("same")
    for name, text in MODULES.items():
        (folder / "modules" / name / "manifests").mkdir(parents=True)
        (folder / "modules" / name / "manifests" / "init.pp").write_text(text)
    redis = RedisServer(folder / "redis").start()
    service = Service(
        folder / "service", redis.url, f"unix:{folder}/enc.sock", {"ROLECALL_SITE": SITE}
    )
    try:
        service.start()
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "REDIS_URL": redis.url,
            "ROLECALL_SITE": SITE,
            **region.env(),
        }
        compiler = Compiler(folder / "puppet", folder / "modules")
        house = House(folder=folder, env=env, service=service, compiler=compiler)
        assert house.run("init").returncode == 0
        yield house
    finally:
        service.end()
        redis.end()


def test_what_is_created_has_the_catalogue_that_it_had(house: House) -> None:
    text = "".join(f"node '{name}' {{ {said} }}\n" for name, (said, _) in ORDERS.items())
    file = house.file("orders", text + DEFAULT)
    rows = house.imported(file)
    good = [name for name, (_, fit) in ORDERS.items() if fit]
    before = house.compiler.compile(file, good)

    assert not [found for found in before.values() if "error" in found]
    assert [name for name in ORDERS if rows[name]["verdict"] == "created"] == good
    assert house.after(house.file("bare", DEFAULT), *good) == before


# What stands beside the node statements, in this file or in another of its folder, and whether
# a node's variable can be an ENC's. Each has a node of its own.
AROUND = {
    "alone": ("", "", True),
    "harmless": ("$other = 'x'\n", "Exec { path => '/bin' }\n", True),
    "bucket": (
        "filebucket { 'main': server => 'p', path => false }\nFile { backup => 'main' }\n",
        "",
        True,
    ),
    "collected": ("User <| title == 'deploy' |>\n", "@user { 'deploy': }\n", True),
    "included": ("include shown\n", "", False),
    "branch": ("if true { $tier = 'z' }\n", "", False),
    "list": ("[$q, $tier] = [1, 2]\n", "", False),
    "sibling": ("", "$tier = 'x'\n", False),
    "shared": ("", "include shown\n", False),
}


@pytest.mark.parametrize("name", AROUND)
def test_a_variable_is_imported_where_nothing_beside_the_nodes_meets_it(
    house: House, name: str
) -> None:
    top, sibling, fit = AROUND[name]
    site = house.file(name, sibling, "site.pp")
    file = house.file(name, f"{top}node '{name}' {{ $tier = 'y' include globals }}\n{DEFAULT}")
    row = house.imported(file)[name]
    before = house.compiler.compile(file.parent, [name])
    file.write_text(top + DEFAULT)

    assert row["verdict"] == ("created" if fit else "not importable"), row
    assert fit or "$tier" in row["reason"]
    assert not fit or house.after(site.parent, name) == before


def test_it_holds_as_well_where_a_variable_that_nobody_set_is_an_error(house: House) -> None:
    text = f"node 'told' {{ $greeting = '{BEYOND_ASCII}' include greets }}\n{DEFAULT}"
    file = house.file("strict", text + "node 'untold' { include greets }\n")
    strict = replace(house.compiler, strict=True)
    row = house.imported(file)["told"]
    before = strict.compile(file, ["told", "untold"])
    house.file("strict", DEFAULT)

    assert row["verdict"] == "created", row
    assert "Unknown variable: 'greeting'" in before["untold"]["error"]
    assert f"Notify[greets {BEYOND_ASCII}]" in str(before["told"])
    url = house.service.url
    assert strict.compile(file, ["told"], enc_url=url) == {"told": before["told"]}


def test_statements_that_stay_meet_the_nodes_that_the_plan_names(house: House) -> None:
    kept = "node /^w\\d+$/ { include lock }\nnode default { include lock }\n"
    file = house.file("kept", "node n13 { include sec }\nnode w1 { include sec }\n" + kept)
    rows = house.imported(file)
    after = house.after(house.file("kept", kept), "n13", "w1")

    assert "it meets w1, to which" in rows["/^w\\d+$/"]["reason"]
    assert "empty it before switching" in rows["default"]["reason"]
    assert ["default, if it stays" in rows["n13"]["notes"][-1]] == [True]
    assert all("lock" in found["classes"] for found in after.values())


def test_a_default_in_another_file_of_the_folder_is_told(house: House) -> None:
    house.file("far", "node default { include lock }\n", "site.pp")
    file = house.file("far", "node far { include sec }\n")
    told = house.run("import", str(file), "--no-ec2").stderr

    assert "Puppet also reads default of site.pp: " in told
    assert "empty it before switching" in told
    assert house.imported(file)["far"]["notes"][-1].startswith("default of site.pp, if it stays")
