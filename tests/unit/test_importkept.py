"""Node statements that stay, and the imported nodes that they would meet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.importing.kept import Kept
from provisioner.importing.nodespp.definition import Definition, Match


def statement(name: str, match: Match = Match.NAME, *, empty: bool = False) -> Definition:
    return Definition(name=name, line=4, match=match, empty=empty)


def said(kept: Kept, name: str) -> list[str]:
    return [str(note) for note in kept.notes(name)]


@pytest.mark.parametrize(
    ("pattern", "meets"),
    [
        (r"/^w\d+$/", ["w1", "w2"]),
        (r"/\Aw\d\z/", ["w1", "w2"]),
        (r"/^w\h$/", ["w1", "w2"]),
        ("/b/", ["db1"]),
        ("/^x/", []),
        ("/^$/", []),
    ],
)
def test_a_pattern_tells_the_names_of_the_file_that_it_meets(
    pattern: str, meets: list[str]
) -> None:
    one = statement(pattern, Match.PATTERN)
    names = ["w1", "w2", "db1"]
    kept = Kept([*map(statement, names), one])

    assert (f"it meets {', '.join(meets)}, to which" in kept.why(one)) is bool(meets)
    assert [name for name in names if kept.notes(name)] == meets


def test_of_many_names_a_few_are_told() -> None:
    one = statement("/^w/", Match.PATTERN)
    kept = Kept([*(statement(f"w{n}") for n in range(5)), one])

    assert "it meets w0, w1, w2 and 2 more" in kept.why(one)


def test_a_pattern_that_cannot_be_tried_says_so() -> None:
    one = statement("/(?<!a+)[/", Match.PATTERN)

    assert "could not be tried" in Kept([statement("a"), one]).why(one)


def test_a_default_that_stays_is_added_to_every_node_that_no_pattern_meets() -> None:
    default, pattern = statement("default", Match.DEFAULT), statement("/^w/", Match.PATTERN)
    kept = Kept([statement("w1"), statement("db1"), pattern, default])

    assert "empty it before switching" in kept.why(default)
    assert said(kept, "db1") == [
        "line 4: default, if it stays, is added once this statement is out of the file"
    ]
    assert said(kept, "w1")[0].startswith("line 4: /^w/, if it stays")


def test_an_empty_default_is_added_to_none() -> None:
    kept = Kept([statement("a"), statement("default", Match.DEFAULT, empty=True)])

    assert kept.notes("a") == ()


def test_what_stands_in_a_manifest_beside_is_added_too() -> None:
    default = Definition(name="default", line=None, match=Match.DEFAULT, file="site.pp")
    empty = replace(default, empty=True)
    far = Definition(name="/^x/", line=None, match=Match.PATTERN, file="site.pp")
    [told] = Kept([statement("a"), default, far]).added([default, far])

    assert told.startswith("default of site.pp: default is for nodes")
    assert said(Kept([statement("a"), default]), "a")[0].startswith("default of site.pp, if it")
    assert list(Kept([statement("a"), empty]).added([empty])) == []
