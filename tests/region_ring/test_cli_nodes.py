"""ls, show, explain and history over an inventory that has something of everything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from enc.model import Kind, LaunchState, Node, State
from tests.builders import event, foreign, launch, node
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, at_once

NOW = datetime.now(UTC)
OLD, YOUNG, GONE = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2", "i-0aaaaaaaaaaaaaaa9"
FOREIGN, DNS = "db1.example.com", "ip-10-0-0-7.ec2.internal"
DEAD, CLOSED, ALIVE = "l-00000000000000d1", "l-00000000000000c1", "l-00000000000000a1"
FORMATS = ("json", "csv", "yaml")

# Every command that is tried, by a name for it.
WORDS = {
    "ls": "ls",
    **{f"ls {form}": f"ls --format {form}" for form in FORMATS},
    "ls role": "ls --role web",
    "ls state": "ls --state ready",
    "ls market": "ls --market on-demand",
    "ls together": "ls --role web --state ready --market spot",
    "ls prefix": "ls -q ip-10-0-0",
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
    "life since": f"history {GONE} --since 30d --format json",
    "history since": "history --since 4h --format json",
    "history role": "history --role batch --living --format json",
    "history no role": "history --role batch",
    "history living": "history --living --format json",
    "summary": "history --summary",
    **{f"summary {form}": f"history --summary --since 400d --format {form}" for form in FORMATS},
    "explain": f"explain {OLD}",
    **{f"explain {form}": f"explain {DNS} --format {form}" for form in FORMATS},
    "explain archived": f"explain {GONE}",
    "explain foreign": f"explain {FOREIGN}",
}


@dataclass
class Tried:
    operator: Operator
    before: dict[str, Any]
    done: dict[str, Done]


def fill(operator: Operator) -> None:
    """An old spot machine with a name, a young one on demand, a foreign one, one that ended."""
    store = operator.inventory
    create = store.nodes.create
    create(born(OLD, hours=30, state=State.READY, private_ip="10.0.0.7", private_dns=DNS), said())
    create(born(YOUNG, hours=1, market="on-demand", role="batch", kind=Kind.FLEET), said())
    create(foreign(FOREIGN, launched_at=NOW, state_since=NOW), said())
    ended = create(born(GONE, hours=5, state=State.RETIRING), said())
    store.nodes.archive(ended, said("archived", why="it was old"))
    store.launches.open(launch(DEAD, opened_at=NOW - timedelta(minutes=9)), said())
    store.launches.open(launch(CLOSED, opened_at=NOW, heartbeat=NOW), said())
    store.launches.close(CLOSED, LaunchState.COMPLETE, said("launch complete"))
    later = NOW + timedelta(hours=1)
    store.launches.open(launch(ALIVE, opened_at=later, heartbeat=later), said())


def born(certname: str, *, hours: float, **fields: Any) -> Node:
    then = NOW - timedelta(hours=hours)
    return node(certname, launched_at=then, state_since=then, launch=CLOSED, **fields)


def said(what: str = "test", **fields: Any) -> Any:
    return event(what, at=NOW, **fields)


@pytest.fixture(scope="module")
def tried(region_server: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as operators:
        operator = operators.new()
        fill(operator)
        before = operator.stored()
        ended = at_once(lambda words: operator.run(*words.split()), WORDS.values())
        yield Tried(operator, before, dict(zip(WORDS, ended, strict=True)))


@pytest.fixture
def done(tried: Tried) -> dict[str, Done]:
    return tried.done


def rows(ended: Done) -> list[list[str]]:
    return [line.split() for line in ended.out.splitlines()]


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
        ("ls prefix", [OLD]),
    ],
)
def test_a_filter_leaves_only_what_it_names(
    done: dict[str, Done], name: str, expected: list[str]
) -> None:
    assert [row[0] for row in rows(done[name])[1:]] == expected


def test_an_empty_list_is_explained_on_stderr_and_empty_on_stdout(done: dict[str, Done]) -> None:
    assert done["ls none"].out == ""
    assert "no node is like that; 'provisioner ls' lists all" in done["ls none"].err
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


def test_a_machine_of_the_past_has_its_pool_its_hours_and_its_end(done: dict[str, Done]) -> None:
    [gone] = done["history json"].json

    assert (gone["role"], gone["market"], gone["pool"]) == (
        "web",
        "spot",
        "spot:c5.large:us-east-1a",
    )
    assert gone["hours"] == pytest.approx(5, abs=0.1)
    assert (gone["reason"], gone["ended_at"] is None) == ("it was old", False)


def test_since_leaves_out_what_ended_before(tried: Tried, done: dict[str, Done]) -> None:
    """It ended when the store was filled, some seconds ago."""
    assert [one["certname"] for one in done["history since"].json] == [GONE]
    tried_late = tried.operator.run("history", "--since", "1s", "--format", "json")
    assert tried_late.json == []
    assert [one["what"] for one in done["life since"].json] == ["test", "archived"]


def test_the_living_are_listed_only_where_they_are_asked_for(done: dict[str, Done]) -> None:
    living = done["history living"].json

    assert [one["certname"] for one in living] == [GONE, OLD, YOUNG, FOREIGN]
    assert [one["ended_at"] is None for one in living] == [False, True, True, True]
    assert [one["certname"] for one in done["history role"].json] == [YOUNG]
    assert done["history no role"].out == ""
    assert "no machine of role batch has ended" in done["history no role"].err


def test_the_summary_has_a_line_for_each_role_and_one_for_all(done: dict[str, Done]) -> None:
    by_role = {one["role"]: one for one in done["summary json"].json}

    assert [*by_role] == ["*", "batch", "web"]
    assert {name: one["machines"] for name, one in by_role.items()} == {
        "*": 3,
        "batch": 1,
        "web": 2,
    }
    assert by_role["*"]["living"] == 2
    assert by_role["*"]["spot_hours_share"] == pytest.approx(35 / 36, abs=0.01)
    header, total, *_ = rows(done["summary"])
    assert total[header.index("SPOT")] == "66.7%"
    assert len(total) == len(header)


def test_explain_says_where_it_came_from_and_what_puppet_gets(done: dict[str, Done]) -> None:
    said = done["explain"].out

    assert f"Launch {CLOSED}: alice@ops:1 asked for" in said
    assert "What is about to happen\n" in said
    given = done["explain json"].json["given"]
    [hiera] = [one["value"] for one in given if one["name"] == "rolecall"]
    assert (hiera["role"], hiera["market"]) == ("web", "spot")
    [source] = [one["source"] for one in given if one["what"] == "class"]
    assert source.startswith("role web rev 1, applied on ")
    assert source in said


def test_explain_and_summary_say_the_same_in_every_format(done: dict[str, Done]) -> None:
    """But for what moves with the clock."""
    from_yaml, from_json = yaml.safe_load(done["explain yaml"].out), done["explain json"].json
    assert from_yaml["given"] == from_json["given"]
    found = list(csv.DictReader(io.StringIO(done["explain csv"].out)))
    assert {row["part"] for row in found} >= {"headline", "origin", "answer", "given", "next"}
    assert [row["source"] for row in found if row["part"] == "given"] == [
        one["source"] for one in from_json["given"]
    ]
    figures = list(csv.DictReader(io.StringIO(done["summary csv"].out)))
    assert [row["role"] for row in figures] == [one["role"] for one in done["summary json"].json]
    assert [*figures[0]] == [*yaml.safe_load(done["summary yaml"].out)[0]]


def test_explain_says_of_the_ended_that_puppet_gets_nothing(done: dict[str, Done]) -> None:
    assert "Puppet gets no answer (410): its life is over." in done["explain archived"].out
    assert "it was old" in done["explain archived"].out
    assert "made it known on" in done["explain foreign"].out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (f"explain {CLOSED}", f"'provisioner show {CLOSED}' has its attempts"),
        ("explain i-0ffffffffffffffff", "there is no node 'i-0ffffffffffffffff'"),
        ("explain ../etc", "cannot be a certname"),
        (f"history {OLD} --summary", "leave out NODE"),
        (f"history {OLD} --role web", "leave out NODE"),
        ("history --summary -n 3", "leave out -n"),
        ("history --since 401d", "401d is longer than 400d"),
        ("history --since yesterday", "is not a duration"),
        ("history --since -5m", "is not a duration"),
        ("history -n 0", "0 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_refused(tried: Tried, words: str, message: str) -> None:
    done = tried.operator.run(*words.split())

    assert (done.code, done.out) == (2, "")
    assert message in done.err


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
