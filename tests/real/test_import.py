"""Coming over from nodes.pp: what the real compiler makes of each node before and after."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.manifests import DEFAULT, EVERY, EVERY_DUMP, TOP, sick, write_modules
from tests.real.compiling import Compiler
from tests.real.importing import Provisioner
from tests.region.handle import Region, World
from tests.servers import RedisServer, Service

COUNT = 300
SITE = "import"
DEAD = tuple(f"ip-10-99-0-{n}.ec2.internal" for n in range(1, 20))


@dataclass
class House(Provisioner):
    """A file as shell scripts left it, machines of EC2, an empty store, and the service over it."""

    service: Service
    compiler: Compiler
    file: Path
    names: tuple[str, ...]
    live: tuple[str, ...]

    def read(self, *words: str) -> dict[str, Any]:
        path = ("--modulepath", str(self.compiler.modules))
        done = self.run("import", str(self.file), *path, "--format", "json", *words)
        assert done.returncode == 3, done
        return {row["name"]: row for row in json.loads(done.stdout)}

    def manifest(self, name: str, text: str) -> Path:
        # Puppet reads every manifest of the folder of one.
        path = self.folder / name / "nodes.pp"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture(scope="module")
def house(
    region: Region, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("import")
    redis = RedisServer(folder / "redis").start()
    service = Service(
        folder / "service", redis.url, f"unix:{folder}/enc.sock", {"ROLECALL_SITE": SITE}
    )
    try:
        service.start()
        live = live_names(region, world)
        text = sick(COUNT, live, DEAD)
        house = House(
            folder=folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(folder),
                "REDIS_URL": redis.url,
                "ROLECALL_SITE": SITE,
                **region.env(),
            },
            service=service,
            compiler=Compiler(folder / "puppet", write_modules(folder / "modules")),
            file=folder / "nodes.pp",
            names=text.names,
            live=live,
        )
        house.file.write_text(text.whole)
        house.manifest("healthy", text.healthy)
        assert house.run("init").returncode == 0
        yield house
    finally:
        service.end()
        redis.end()


def live_names(region: Region, world: World) -> tuple[str, ...]:
    """Of machines that somebody launched without rolecall."""
    subnet = world.one_per_zone[0]
    made = region.client("ec2").run_instances(
        ImageId=world.image, InstanceType="c5.large", MinCount=3, MaxCount=3, SubnetId=subnet
    )
    return tuple(one["PrivateDnsName"] for one in made["Instances"])


@pytest.fixture(scope="module")
def planned(house: House) -> dict[str, Any]:
    return house.read("--roles", "imported.yaml")


@pytest.fixture(scope="module")
def applied(house: House, planned: dict[str, Any]) -> dict[str, Any]:
    done = house.run("roles", "apply", "imported.yaml")
    assert done.returncode == 0, done
    return house.read("--apply")


def test_the_recorded_dump_is_what_this_puppet_prints() -> None:
    """The unit tests stand on it."""
    done = subprocess.run(
        ["puppet", "parser", "dump", "--format", "json", str(EVERY)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == json.loads(EVERY_DUMP.read_text())


def test_faults_of_a_shell_script_are_told_and_everything_else_is_to_be_created(
    house: House, planned: dict[str, Any]
) -> None:
    conflicts = {name for name, row in planned.items() if row["verdict"] == "conflict"}
    created = {name for name, row in planned.items() if row["verdict"] == "create"}

    assert conflicts == {"", "twice.example.com", "differs.example.com", *DEAD}
    assert created == set(house.names)
    assert planned["default"]["verdict"] == "stays"
    assert {row["unknown_classes"] == [] for row in planned.values() if row["classes"]} == {True}


def test_a_live_instance_is_shown_and_a_dead_hosts_name_is_not_created(
    house: House, planned: dict[str, Any]
) -> None:
    assert all("running" in planned[name]["ec2"][0] for name in house.live)
    assert all("no live instance has it" in planned[name]["reason"] for name in DEAD)


def test_after_the_import_each_catalogue_is_what_it_was(
    house: House, applied: dict[str, Any]
) -> None:
    before = house.compiler.compile(house.folder / "healthy" / "nodes.pp", house.names)
    bare = house.manifest("bare", TOP + DEFAULT)
    url = house.service.url
    after = house.compiler.compile(bare, house.names, enc_url=url, terminus="rolecall")
    # The script costs a process for each: enough that every kind of entry is among them.
    script = house.compiler.compile(bare, house.names[::20], enc_url=url)

    assert {row["verdict"] for name, row in applied.items() if name in house.names} == {"created"}
    assert not [found for found in before.values() if "error" in found]
    assert len({json.dumps(found) for found in before.values()}) > 10
    assert after == before
    assert script == {name: before[name] for name in house.names[::20]}


def test_a_second_import_finds_everything_unchanged(house: House, applied: dict[str, Any]) -> None:
    again = house.read("--apply")

    assert {again[name]["verdict"] for name in house.names} == {"unchanged"}


def test_while_both_say_it_includes_agree_and_parameters_conflict(
    house: House, applied: dict[str, Any]
) -> None:
    """The README says to take an entry out of the file once it is imported: this is why."""
    manifest = house.folder / "healthy" / "nodes.pp"
    found = house.compiler.compile(manifest, house.names[:7], enc_url=house.service.url)

    errors = [n for n, name in enumerate(house.names[:7]) if "error" in found[name]]
    assert errors == [5, 6]
    assert all("Duplicate declaration" in found[house.names[n]]["error"] for n in errors)


@pytest.mark.parametrize(
    ("rest", "works"),
    [(DEFAULT, True), ("node 'other' { }\n", False), ("", True), ("node /^x/ { }\n", False)],
)
def test_node_statements_without_default_leave_imported_nodes_without_catalogue(
    house: House, applied: dict[str, Any], rest: str, works: bool
) -> None:
    manifest = house.manifest(f"rest{len(rest)}", TOP + rest)
    [found] = house.compiler.compile(manifest, house.names[:1], enc_url=house.service.url).values()

    assert ("error" not in found) is works
    assert works or "Could not find node statement" in found["error"]


def test_a_node_that_the_enc_does_not_know_gets_nothing_though_the_file_names_it(
    house: House, applied: dict[str, Any]
) -> None:
    manifest = house.manifest("unknown", "node 'stranger' { include web }\n" + DEFAULT)
    [found] = house.compiler.compile(manifest, ["stranger"], enc_url=house.service.url).values()

    assert "Failed to find stranger via exec" in found["error"]


def test_what_is_assigned_and_keeps_its_statement_gets_both(
    house: House, applied: dict[str, Any]
) -> None:
    assert house.run("assign", "kept.example.com", "web").returncode == 0
    kept = "node 'kept.example.com' { if true { include ntp } }\n"
    manifest = house.manifest("kept", TOP + kept + DEFAULT)
    name = "kept.example.com"
    [found] = house.compiler.compile(manifest, [name], enc_url=house.service.url).values()

    assert found["classes"] == ["base", "ntp", "web"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("node 'twice.example.com' { }\nnode 'twice.example.com' { }\n", "is already defined"),
        ("node '' { include web }\n", "Class '' is already defined"),
        ("node 'DEFAULT' { include web }\n", "Node 'default' is already defined"),
        ("node a inherits b { }\n", "Node inheritance is not supported"),
    ],
)
def test_what_the_plan_calls_a_fault_the_compiler_refuses(
    house: House, fault: str, says: str
) -> None:
    manifest = house.manifest(f"fault{len(fault)}", TOP + fault + DEFAULT)
    [found] = house.compiler.compile(manifest, ["any.example.com"]).values()

    assert says in found["error"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"node a { include b }\nnode c { incl", "Syntax error at end of input"),
        (b"\xef\xbb\xbfnode a { include b }\n", "Byte Order mark"),
        (b"# caf\xe9\nnode a { include b }\n", "iconv"),
        (b"node a { include 'b }\n", "Unclosed quote"),
    ],
)
def test_what_puppet_does_not_parse_is_exit_2_with_its_words(
    house: House, text: bytes, says: str
) -> None:
    path = house.folder / "broken.pp"
    path.write_bytes(text)
    done = house.run("import", str(path), "--no-ec2")

    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "broken.pp" in done.stderr
    assert "\x1b" not in done.stderr


def test_line_ends_of_windows_are_read(house: House) -> None:
    path = house.folder / "crlf.pp"
    path.write_bytes(b"# x\r\nnode 'a.example.com' {\r\n  include web\r\n}\r\n")
    done = house.run("import", str(path), "--no-ec2", "--format", "json")

    [row] = json.loads(done.stdout)
    assert (row["name"], row["lines"], row["classes"]) == ("a.example.com", [2], {"web": {}})


def test_classes_are_looked_for_where_puppet_looks(house: House) -> None:
    path = house.folder / "unknown.pp"
    path.write_text("class own { }\nnode a { include own, web, nosuch, web::nosuch }\n")
    modules = str(house.compiler.modules)
    done = house.run("import", str(path), "--no-ec2", "--modulepath", modules)

    told = [line for line in done.stderr.splitlines() if "unknown class" in line]
    assert told == [
        "warning: unknown class nosuch (of a)",
        "warning: unknown class web::nosuch (of a)",
    ]


def test_a_large_file_of_few_nodes_is_read(house: House) -> None:
    path = house.folder / "large.pp"
    path.write_text(("# " + "x" * 97 + "\n") * 100_000 + "node a { include web }\n")
    done = house.run("import", str(path), "--no-ec2", "--format", "json")

    assert [row["lines"] for row in json.loads(done.stdout)] == [[100_001]]
