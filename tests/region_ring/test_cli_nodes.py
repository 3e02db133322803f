"""ls, show and history over an inventory that has something of everything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
import yaml

from tests.region.handle import Region
from tests.region_ring.cli import Done
from tests.region_ring.looking import (
    ALIVE,
    CLOSED,
    DEAD,
    DNS,
    FOREIGN,
    FORMATS,
    GONE,
    OLD,
    YOUNG,
    Tried,
    look,
    rows,
)
from tests.region_ring.operators import Operators

# Every command that is tried, by a name for it.
WORDS = {
    "ls": "ls",
    **{f"ls {form}": f"ls --format {form}" for form in FORMATS},
    "ls role": "ls --role web",
    "ls state": "ls --state ready",
    "ls market": "ls --market on-demand",
    "ls together": "ls --role web --state ready --market spot",
    "ls kind": "ls --kind fleet",
    "ls prefix": "ls -q ip-10-0-0",
    "ls capitals": "ls -q IP-10-0-0",
    "ls none": "ls --state failed",
    "ls none json": "ls --state failed --format json",
    "ls none csv": "ls --state failed --format csv",
    "show": f"show {OLD}",
    **{f"show {form}": f"show {OLD} --format {form}" for form in FORMATS},
    "show name": f"show {DNS}",
    "show address": "show vpc-1:10.0.0.7",
    "show archived": f"show {GONE}",
    "show archived json": f"show {GONE} --format json",
    "show dead": f"show {DEAD}",
    "show closed": f"show {CLOSED}",
    "show closed json": f"show {CLOSED} --format json",
    "show alive": f"show {ALIVE}",
    "history": "history",
    **{f"history {form}": f"history --format {form}" for form in FORMATS},
    "life": f"history {OLD}",
    "life json": f"history {DNS} --format json",
    "life short": f"history {OLD} -n 1 --format csv",
    "life archived": f"history {GONE}",
}


@pytest.fixture(scope="module")
def tried(region_server: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as operators:
        yield look(operators, WORDS)


@pytest.fixture
def done(tried: Tried) -> dict[str, Done]:
    return tried.done


def test_looking_changes_nothing_and_asks_ec2_nothing(tried: Tried) -> None:
    assert tried.operator.stored() == tried.before
    assert tried.operator.calls() == []


@pytest.mark.parametrize("name", WORDS)
def test_looking_always_succeeds(done: dict[str, Done], name: str) -> None:
    assert done[name].code == 0, done[name]


@pytest.mark.parametrize("name", [name for name in WORDS if name.endswith("json")])
def test_json_is_alone_on_stdout(done: dict[str, Done], name: str) -> None:
    json.loads(done[name].out)


@pytest.mark.parametrize("name", ["ls yaml", "show yaml", "history yaml"])
def test_yaml_says_the_same_as_json(done: dict[str, Done], name: str) -> None:
    assert yaml.safe_load(done[name].out) == done[name.replace("yaml", "json")].json


@pytest.mark.parametrize("name", ["ls csv", "history csv"])
def test_csv_says_the_same_as_json(done: dict[str, Done], name: str) -> None:
    found = list(csv.DictReader(io.StringIO(done[name].out)))

    said = done[name.replace("csv", "json")].json
    assert found == [{k: "" if v is None else str(v) for k, v in row.items()} for row in said]


def test_nodes_are_listed_oldest_first_one_a_line(done: dict[str, Done]) -> None:
    header, *listed = rows(done["ls"])

    assert [row[0] for row in listed] == [OLD, YOUNG, FOREIGN]
    # What is empty is a dash, so that every line has as many words as the titles.
    assert {len(row) for row in listed} == {len(header)}
    assert listed[0][header.index("AGE")] == "1d6h"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ls role", [OLD, FOREIGN]),
        ("ls state", [OLD, FOREIGN]),
        ("ls market", [YOUNG]),
        ("ls together", [OLD]),
        ("ls kind", [YOUNG]),
        ("ls prefix", [OLD]),
        ("ls capitals", [OLD]),
    ],
)
def test_a_filter_leaves_only_what_it_names(
    done: dict[str, Done], name: str, expected: list[str]
) -> None:
    assert [row[0] for row in rows(done[name])[1:]] == expected


def test_an_empty_list_is_explained_on_stderr_and_empty_on_stdout(done: dict[str, Done]) -> None:
    assert done["ls none"].out == ""
    assert "no node matches; 'provisioner ls' lists all" in done["ls none"].err
    assert done["ls none json"].json == []
    assert done["ls none csv"].out.splitlines() == [done["ls csv"].out.splitlines()[0]]


def test_ls_warns_of_a_launch_whose_command_died_and_of_no_other(done: dict[str, Done]) -> None:
    [warning] = [line for line in done["ls"].err.splitlines() if "launch" in line]

    assert warning.startswith(f"warning: launch {DEAD} (web) was cut short")
    assert f"'provisioner retire {DEAD}' finds and ends all of it" in warning


@pytest.mark.parametrize("name", ["show", "show name", "show address"])
def test_a_node_is_shown_by_certname_by_name_and_by_address(
    done: dict[str, Done], name: str
) -> None:
    assert done[name].out == done["show"].out
    assert ["certname", OLD] in rows(done[name])
    assert ["private_dns", DNS] in rows(done[name])


def test_what_is_not_known_is_left_out_for_people_and_null_for_programs(
    done: dict[str, Done],
) -> None:
    assert "expires_at" not in done["show"].out
    assert done["show json"].json["expires_at"] is None


def test_no_line_ends_in_blanks(done: dict[str, Done]) -> None:
    lines = [line for ended in done.values() for line in ended.out.splitlines()]

    assert [line for line in lines if line != line.rstrip()] == []


def test_an_archived_node_is_shown_with_its_end(done: dict[str, Done]) -> None:
    found = done["show archived json"].json

    assert (found["state"], found["reason"]) == ("archived", "it was old")
    assert found["hours"] == pytest.approx(5, abs=0.1)
    assert [one["what"] for one in found["life"]] == ["test", "archived"]
    assert "it was old" in done["show archived"].out


def test_no_secret_of_a_launch_is_shown(done: dict[str, Done]) -> None:
    assert "0" * 64 not in done["show closed json"].out
    assert "key" not in done["show closed json"].json


def test_a_launch_says_how_it_stands(done: dict[str, Done]) -> None:
    assert "cut short" in done["show dead"].out
    assert f"'provisioner retire {DEAD}'" in done["show dead"].out
    assert "under way" in done["show alive"].out
    assert "note" not in done["show closed"].out


def test_a_launch_names_its_machines(done: dict[str, Done]) -> None:
    assert [one["certname"] for one in done["show closed json"].json["nodes"]] == [OLD]


def test_history_lists_what_has_ended_and_lives_of_each(done: dict[str, Done]) -> None:
    assert [row[0] for row in rows(done["history"])] == ["NODE", GONE]
    assert "it was old" in done["history"].out
    assert "archived" in done["life archived"].out
    assert [one["what"] for one in done["life json"].json] == ["test"]
    assert len(done["life short"].out.splitlines()) == 2


def test_a_narrow_terminal_hides_columns_and_breaks_no_name(tried: Tried) -> None:
    with tried.operator.terminal("ls", columns=60) as terminal:
        assert terminal.end() == 0
    shown = terminal.plain

    listed = [line for line in shown.splitlines() if OLD in line]
    assert len(listed) == 1
    assert len(listed[0]) <= 60
    assert "no room for" in shown
    assert "--format json has all" in shown


def test_a_wide_terminal_shows_everything_in_colour(tried: Tried) -> None:
    with tried.operator.terminal("ls", columns=220) as terminal:
        assert terminal.end() == 0
    shown = terminal.plain

    assert DNS in shown
    assert "no room for" not in shown
    assert "\x1b[32mready" in terminal.shown


def test_who_wants_no_colour_gets_none(tried: Tried) -> None:
    with tried.operator.terminal("ls", columns=220, NO_COLOR="1") as terminal:
        assert terminal.end() == 0

    assert "\x1b[" not in terminal.shown
