"""`provisioner import`: what it says, what it writes and how it ends.

The parser's answers are recorded, and given by a script in its place; tests/real asks a real one.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.manifests import EVERY, EVERY_DUMP
from tests.region_ring.cli import Done, Operator
from tests.servers import wait_until

PARSER = """#!/bin/sh
for last; do :; done
exec cat "$last.json"
"""
REFUSES = """#!/bin/sh
red=$(printf '\\033[1;31m')
echo "${red}Error: --- nodes.pp" >&2
echo "${red}Error: Syntax error at end of input" >&2
"""
MUTE = "#!/bin/sh\nexit 1\n"
TALKS = "#!/bin/sh\necho '[1, 2'\n"
LONE = "#!/bin/sh\necho '\"x\"'\n"
STRANGE = '#!/bin/sh\necho \'{"^":["node",7]}\'\n'
EC2 = "ip-10-99-0-7.ec2.internal"
# Of every.pp.
GOOD = {
    *("child", "contained", "heredoc", "own", "parameters"),
    *("web1.example.com", "web2.example.com"),
}


def program(operator: Operator, text: str) -> str:
    path = Path(operator.file(text, "puppet"))
    path.chmod(0o755)
    return str(path)


def given(operator: Operator, *names: str) -> str:
    """A file with these nodes, and the dump of it."""
    include = '{"^":["invoke",{"#":["functor",{"^":["qn","include"]},"args",["role::plain"]]}]}'
    nodes = [
        f'{{"^":["node",{{"#":["matches",[{json.dumps(name)}],"body",[{include}]]}}]}}'
        for name in names
    ]
    operator.file('{"^":["block",' + ",".join(nodes) + "]}", "nodes.pp.json")
    source = "".join(f"node '{name}' {{ include role::plain }}\n" for name in names)
    return operator.file(source, "nodes.pp")


def ask(operator: Operator, file: str, *words: str) -> Done:
    puppet = program(operator, PARSER)
    path = ("--modulepath", str(operator.folder))
    return operator.run("import", file, "--puppet", puppet, *path, *words)


def run(operator: Operator, file: str, *words: str) -> Done:
    """Without EC2, whose regions take their time."""
    return ask(operator, file, "--no-ec2", *words)


def rows(done: Done) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in done.json}


@pytest.fixture
def every(operator: Operator) -> str:
    shutil.copy(EVERY_DUMP, operator.folder / "every.pp.json")
    return operator.file(EVERY.read_bytes(), "every.pp")


def test_the_way_over_loses_nothing(operator: Operator, every: str) -> None:
    before = operator.stored()
    too_early = run(operator, every, "--apply")
    assert too_early.code == 1
    assert "nothing was created: 'provisioner import" in too_early.said[0]
    written = run(operator, every, "--roles", "new.yaml")
    assert written.code == 3
    assert operator.stored() == before

    assert operator.run("roles", "apply", "new.yaml").code == 0
    applied = run(operator, every, "--apply", "--format", "json")
    again = run(operator, every, "--apply", "--format", "json")
    found = rows(applied), rows(again)
    assert {name for name, row in found[0].items() if row["verdict"] == "created"} == GOOD
    assert {name for name, row in found[1].items() if row["verdict"] == "unchanged"} == GOOD
    assert operator.nodes() == sorted(GOOD)
    assert (applied.code, again.code) == (3, 3)


def test_all_that_stops_an_entry_is_told_with_its_line(operator: Operator, every: str) -> None:
    done = run(operator, every)

    assert "line 42: a conditional (if)" in done.out
    assert "(lines 56, 57), they differ" in done.out
    assert "is set for every node by rolecall itself" in done.out
    assert "stays in " in done.err
    assert "line 4: defaults of a resource type" in done.err
    assert "unknown class ntp (of web1.example.com, web2.example.com, contained)" in done.err
    assert "unknown class local" not in done.err
    assert done.said[0].startswith("provisioner: ")
    assert "7 create" in done.said[0]


def test_on_a_terminal_a_warning_has_a_line_of_its_own(operator: Operator, every: str) -> None:
    puppet = program(operator, PARSER)
    path = ("--modulepath", str(operator.folder))
    with operator.terminal("import", every, "--no-ec2", "--puppet", puppet, *path) as terminal:
        assert terminal.end() == 3

    assert "asking Puppet's parser" in terminal.shown
    assert re.search(r"(\n|\x1b\[K)stays in ", terminal.shown)


@pytest.mark.parametrize("form", ["table", "json", "csv", "yaml"])
def test_what_others_wrote_is_shown_and_not_obeyed(operator: Operator, form: str) -> None:
    done = run(operator, given(operator, "a\x1b]0;owned\x07", "=1+1"), "--format", form)

    assert done.code == 3
    assert "\x1b" not in done.out + done.err
    assert "\x07" not in done.out + done.err


def test_a_clean_file_ends_with_0(operator: Operator) -> None:
    file = given(operator, "a", "b")
    planned, applied = run(operator, file), run(operator, file, "--apply")
    again = run(operator, file)

    assert (planned.code, applied.code, again.code) == (0, 0, 0)
    assert "2 create; --apply creates them" in planned.err
    assert "2 created" in applied.err
    assert "2 unchanged" in again.err
    assert {row[2] for row in map(str.split, again.out.splitlines()[1:])} == {"plain"}


@pytest.mark.parametrize(
    ("function", "says"),
    [("import", "stand in nodes/*: import is not followed"), ("lookup", "from Hiera (lookup)")],
)
def test_a_file_that_names_no_node_says_where_they_are(
    operator: Operator, function: str, says: str
) -> None:
    words = {"#": ["functor", {"^": ["qn", function]}, "args", ["nodes/*"]]}
    operator.file(json.dumps({"^": ["invoke", words]}), "nodes.pp.json")
    done = run(operator, operator.file(f"{function}('nodes/*')\n", "nodes.pp"))

    assert done.code == 3
    assert "nodes.pp names no node: " in done.said[-1]
    assert says in done.said[-1]


def test_a_live_instance_is_shown_and_a_dead_ones_name_is_not_created(operator: Operator) -> None:
    client = operator.region.client("ec2", operator.place)
    [made] = client.run_instances(
        ImageId=operator.world.image,
        InstanceType="c5.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=operator.world.one_per_zone[0],
    )["Instances"]
    live = made["PrivateDnsName"]
    found = rows(ask(operator, given(operator, live, EC2), "--format", "json"))

    assert found[live]["verdict"] == "create"
    assert found[live]["ec2"] == [f"{made['InstanceId']} (running, {operator.place})"]
    assert found[EC2]["verdict"] == "conflict"


def test_ec2_that_denies_makes_nobody_dead(operator: Operator) -> None:
    operator.fault("DescribeInstances", "UnauthorizedOperation", times=-1)
    file = given(operator, EC2, "db1")
    denied = ask(operator, file, "--apply", "--format", "json")
    without = run(operator, file, "--apply", "--format", "json")

    assert denied.code == 3
    assert "warning: EC2 could not be asked: region" in denied.err
    assert "could not be asked" in rows(denied)[EC2]["reason"]
    assert rows(denied)["db1"]["verdict"] == "created"
    assert (without.code, rows(without)[EC2]["verdict"]) == (0, "created")


@pytest.mark.parametrize(
    ("parser", "says"),
    [
        (REFUSES, "nodes.pp: Puppet does not parse it: Syntax error at end of input"),
        (MUTE, "it said nothing, and ended with exit code 1"),
        (TALKS, "has no statement in it"),
        (LONE, "has no statement in it"),
        (STRANGE, "not what is known of"),
    ],
)
def test_a_parser_that_does_not_answer_is_exit_2(
    operator: Operator, parser: str, says: str
) -> None:
    file = given(operator, "a")
    done = operator.run("import", file, "--puppet", program(operator, parser))

    assert (done.code, done.out) == (2, "")
    assert says in done.said[0]
    assert "\x1b" not in done.err
    assert "[1;31m" not in done.err


def test_without_puppet_it_says_what_to_install(operator: Operator) -> None:
    done = operator.run("import", given(operator, "a"), "--puppet", "/nonexistent/puppet")

    assert done.code == 2
    assert "install the package puppet-agent" in done.said[0]


@pytest.mark.parametrize(
    ("name", "says"), [("none.pp", "there is no file"), (".", "is not a file")]
)
def test_what_is_no_file_is_exit_2(operator: Operator, name: str, says: str) -> None:
    done = run(operator, name)

    assert (done.code, done.out) == (2, "")
    assert says in done.said[0]


def test_a_file_is_never_written_over(operator: Operator, every: str) -> None:
    operator.file("mine\n", "new.yaml")
    done = run(operator, every, "--roles", "new.yaml")

    assert done.code == 2
    assert "exists already" in done.said[0]
    assert (operator.folder / "new.yaml").read_text() == "mine\n"


def test_a_roles_file_that_would_be_refused_is_not_written(operator: Operator) -> None:
    """1000 roles are what one takes."""
    names = [f"n{n}" for n in range(1001)]
    file = given(operator, *names)
    dump = operator.folder / "nodes.pp.json"
    numbers = itertools.count()
    dump.write_text(re.sub("role::plain", lambda _: f"c{next(numbers)}", dump.read_text()))
    done = run(operator, file, "--roles", "new.yaml")

    assert done.code == 1
    assert "new.yaml is not written" in done.said[0]
    assert "1001 roles" in done.said[0]
    assert not (operator.folder / "new.yaml").exists()


def test_a_roles_file_is_as_secret_as_what_it_comes_from(operator: Operator, every: str) -> None:
    Path(every).chmod(0o600)
    run(operator, every, "--roles", "new.yaml")

    assert (operator.folder / "new.yaml").stat().st_mode & 0o777 == 0o600
    assert [path for path in operator.folder.iterdir() if path.name.startswith(".new")] == []
    assert run(operator, every, "--roles", "-").code == 2


def test_one_that_was_killed_goes_on_where_it_was(operator: Operator) -> None:
    names = [f"host{n:05}" for n in range(3000)]
    file = given(operator, *names)
    puppet = program(operator, PARSER)
    words = ("import", file, "--puppet", puppet, "--no-ec2", "--apply", "--format", "json")
    begun = operator.start(*words)
    wait_until("some nodes", lambda: len(operator.nodes()) > 20, timeout=60)
    begun.signal(signal.SIGKILL)
    begun.end()
    there = set(operator.nodes())
    done = operator.run(*words)

    assert 20 < len(there) < len(names)
    assert {n for n, row in rows(done).items() if row["verdict"] == "unchanged"} == there
    assert operator.nodes() == names
