"""history and explain over an inventory that has something of everything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
import yaml

from tests.region.handle import Region
from tests.region_ring.cli import Done
from tests.region_ring.looking import (
    CLOSED,
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
    "history json": "history --format json",
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
