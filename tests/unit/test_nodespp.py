"""Node definitions out of what Puppet prints of a file; a real one is asked in tests/real."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provisioner.importing.nodespp.definition import (
    Definition,
    Manifest,
    Match,
    UnreadableDumpError,
)
from provisioner.importing.nodespp.reading import read
from tests.manifests import EVERY, EVERY_DUMP
from tests.manifests.dumps import call, class_like, given, include, variable


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read(EVERY_DUMP.read_text(), EVERY.read_text())


def named(manifest: Manifest, name: str) -> Definition:
    [found] = [one for one in manifest.definitions if one.name == name]
    return found


def said(definition: Definition) -> list[str]:
    return [str(problem) for problem in definition.problems]


def test_a_list_of_names_is_a_definition_each_in_lower_case(manifest: Manifest) -> None:
    one, two = named(manifest, "web1.example.com"), named(manifest, "web2.example.com")

    assert one.classes == {"role::web": {}, "ntp": {}, "monitoring": {}, "role::extra": {}}
    assert (one.line, one.classes) == (two.line, two.classes)
    assert not one.problems


def test_classes_with_parameters_and_variables_are_values(manifest: Manifest) -> None:
    found = named(manifest, "parameters")

    assert found.classes == {
        "role::db": {
            "size": 4,
            "ratio": 2.5,
            "deep": {"list": [1, "bare", True, None], "neg": -3},
            "label": "front at lyon",
        },
        "a": {},
        "b": {},
    }
    assert found.parameters == {"tier": "front", "label": "front at lyon", "port": 8080}
    assert not found.problems


def test_contain_and_require_are_classes_whose_order_is_lost(manifest: Manifest) -> None:
    found = named(manifest, "contained")

    assert found.classes == {"role::web": {}, "ntp": {}}
    assert [note.line for note in found.notes] == [14, 15, 16]
    assert not found.problems


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "conditional",
            [
                "line 42: a conditional (if);",
                "line 43: a resource (file);",
                "line 44: the function hiera_include();",
            ],
        ),
        ("late", ["line 49: $tier is set after classes"]),
        ("computed", ["line 53: a class has a value that is computed ($facts[...])"]),
        ("shadows", ["line 66: $site is set at the top as well"]),
        ("redeclared", ["line 68: class a is declared a second time"]),
    ],
)
def test_what_an_enc_cannot_say_is_told_with_its_line(
    manifest: Manifest, name: str, expected: list[str]
) -> None:
    told = said(named(manifest, name))

    assert len(told) == len(expected)
    assert all(one.startswith(begin) for one, begin in zip(told, expected, strict=True)), told


def test_default_and_patterns_are_no_names(manifest: Manifest) -> None:
    assert named(manifest, "default").match is Match.DEFAULT
    assert named(manifest, "default").empty
    assert named(manifest, "/^www\\d+'{/").match is Match.PATTERN
    assert named(manifest, "nothing").match is Match.NAME


def test_every_statement_is_told_at_its_own_line(manifest: Manifest) -> None:
    assert [one.split(";")[0] for one in said(named(manifest, "lines"))] == [
        "line 74: a collector",
        "line 76: a relationship (~>)",
        "line 77: a resource (apt-source)",
        "line 78: a method call",
        "line 79: the variable $top has a value that is computed (selector)",
        "line 80: a resource (Apt::Source)",
        "line 81: an override of a resource",
        "line 82: a collector",
        "line 83: a conditional (unless)",
    ]


@pytest.mark.parametrize(("name", "label"), [("own.example.com", "own.x"), ("other", "other.x")])
def test_what_puppet_trusts_of_a_nodes_name_is_known(
    manifest: Manifest, name: str, label: str
) -> None:
    found = named(manifest, name)

    assert found.classes["role::db"] == {"size": name, "label": label}
    assert said(found) == [
        "line 87: the function include() has a value that is computed ($trusted[...])"
    ]


def test_whom_a_node_inherits_from_comes_first(manifest: Manifest) -> None:
    found = named(manifest, "child")

    assert (found.parent, found.classes, found.problems) == ("plain", {"role::web": {}}, ())
    assert str(found.notes[0]).startswith("line 36: it inherits plain, whose statements come first")


def heirs(*nodes: tuple[str, str, str]) -> dict[str, Definition]:
    """Of names, whom each inherits from, and the class that each includes."""
    whole = [
        {"^": ["node", {"#": ["matches", [name], "parent", above, "body", [include(of)]]}]}
        if above
        else {"^": ["node", {"#": ["matches", [name], "body", [include(of)]]}]}
        for name, above, of in nodes
    ]
    found = read(json.dumps({"^": ["block", *whole]}), "").definitions
    return {one.name: one for one in found}


def test_the_eldest_comes_first_wherever_it_stands() -> None:
    found = heirs(("c", "B", "z"), ("b", "a", "y"), ("a", "", "x"))

    assert list(found["c"].classes) == ["x", "y", "z"]
    assert [one.parent for one in found.values()] == ["b", "a", ""]


@pytest.mark.parametrize(
    "nodes",
    [
        [("c", "gone", "z")],
        [("c", "c", "z")],
        [("c", "b", "z"), ("b", "c", "y")],
        [("c", "b", "z"), ("b", "", "y"), ("b", "", "x")],
    ],
)
def test_who_inherits_from_nobody_that_is_known_is_not_importable(
    nodes: list[tuple[str, str, str]],
) -> None:
    [problem] = heirs(*nodes)["c"].problems

    assert problem.what.startswith(f"it inherits {nodes[0][1]}") or "it inherits c" in problem.what
    assert "no inheritance of nodes since 4.0" in problem.what


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (call("import", "nodes/*"), "its node definitions stand in nodes/*: import is not"),
        (call("lookup", "classes"), "classes seem to come from Hiera (lookup)"),
        (variable("role", {"^": ["access", {"^": ["var", "trusted"]}, "x"]}), "come from $trusted"),
        ({"^": ["class", {"#": ["name", "a", "body", [call("lookup", "x")]]}]}, ""),
        (include("base"), ""),
    ],
)
def test_where_classes_come_from_is_told_where_something_says_it(statement: Any, says: str) -> None:
    found = read(json.dumps({"^": ["block", statement]}), "").elsewhere

    assert says in found
    assert bool(found) is bool(says)


@pytest.mark.parametrize("name", ['{"^":["default"]}', '{"^":["regexp","^a"]}'])
def test_of_many_nodes_no_trusted_name_is_known(name: str) -> None:
    trusted = {"^": ["access", {"^": ["var", "trusted"]}, "certname"]}
    body = json.dumps([class_like("a", given("x", trusted))])
    [found] = read(f'{{"^":["node",{{"#":["matches",[{name}],"body",{body}]}}]}}', "").definitions

    assert "a value that is computed ($trusted[...])" in said(found)[0]


@pytest.mark.parametrize("name", ['"default"', '"DEFAULT"', '{"^":["default"]}'])
def test_default_is_puppets_default_however_it_is_written(name: str) -> None:
    """Seen with Puppet 7.23: node 'DEFAULT' is the node statement of who has no other."""
    node = f'{{"^":["node",{{"#":["matches",[{name}],"body",[]]}}]}}'
    [own] = read(node, "").definitions
    [beside] = read('{"^":["nop"]}', "", {"site.pp": node}).beside

    assert (own.name, own.match) == ("default", Match.DEFAULT)
    assert (beside.name, beside.match) == ("default", Match.DEFAULT)


@pytest.mark.parametrize("name", ["defaults", "default.example.com"])
def test_a_name_that_begins_with_default_is_a_name(name: str) -> None:
    node = f'{{"^":["node",{{"#":["matches",["{name}"],"body",[]]}}]}}'
    [found] = read(node, "").definitions

    assert (found.name, found.match) == (name, Match.NAME)


def test_a_name_twice_is_two_definitions(manifest: Manifest) -> None:
    found = [one for one in manifest.definitions if one.name == "twice"]

    assert [(one.line, one.classes) for one in found] == [(56, {"one": {}}), (57, {"two": {}})]


def test_comments_texts_and_heredocs_hold_no_definitions(manifest: Manifest) -> None:
    names = {one.name for one in manifest.definitions}

    assert not names & {"fake", "commented", "inside"}
    assert named(manifest, "heredoc").line == 59


def test_what_stands_beside_them_is_for_every_node(manifest: Manifest) -> None:
    assert [(one.line, one.what) for one in manifest.outside] == [
        (2, "the variable $site"),
        (3, "the variable $when"),
        (4, "defaults of a resource type"),
    ]
    assert manifest.own_classes == {"local"}


def test_a_top_variable_that_rolecall_sets_is_told() -> None:
    dump = '{"^":["=",{"^":["var","role"]},"web"]}'
    [remark] = read(dump, "$role = 'web'").outside

    assert "rolecall sets for every node" in remark.what


def test_lines_that_do_not_fit_the_dump_are_not_told(manifest: Manifest) -> None:
    other = read(EVERY_DUMP.read_text(), EVERY.read_text() + "\nnode more { }\n")

    assert {one.line for one in other.definitions} == {None}
    assert [one.name for one in other.definitions] == [one.name for one in manifest.definitions]


@pytest.mark.parametrize(
    "dump",
    [
        "",
        "{",
        "[1]{}",
        '{"^":["node",{"#":["body",[]]}]}',
        '{"^":["node",7]}',
        '{"^":["node"]}',
        '{"^":["="]}',
        "[" * 100_000,
    ],
)
def test_a_dump_of_another_kind_is_an_error_and_no_empty_file(dump: str) -> None:
    with pytest.raises(UnreadableDumpError):
        read(dump, "node a { }")


def test_an_empty_file_has_no_definitions() -> None:
    assert read('{"^":["nop"]}', "").definitions == ()


def test_what_is_nested_too_deep_says_so() -> None:
    deep = '{"^":["array",' * 900 + "1" + "]}" * 900

    with pytest.raises(UnreadableDumpError, match="nested too deep"):
        read('{"^":["=",{"^":["var","a"]},' + deep + "]}", "")
