"""Node definitions out of what Puppet prints of a file; a real one is asked in tests/real."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from provisioner.nodespp.definition import Definition, Manifest, Match, UnreadableDumpError
from provisioner.nodespp.reading import read
from tests.manifests import EVERY, EVERY_DUMP


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
        ("child", ["line 36: it inherits plain: "]),
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
        (4, "the function include()"),
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


def body(*statements: Any) -> Definition:
    node = {"^": ["node", {"#": ["matches", ["a"], "body", list(statements)]}]}
    [found] = read(json.dumps(node), "node a {\n}").definitions
    return found


def include(*arguments: Any) -> dict[str, Any]:
    words = {"#": ["functor", {"^": ["qn", "include"]}, "args", list(arguments)]}
    return {"^": ["invoke", words]}


def class_like(title: Any, *operations: Any, form: str = "") -> dict[str, Any]:
    return classes_like((title, *operations), form=form)


def classes_like(*bodies: Sequence[Any], form: str = "") -> dict[str, Any]:
    """Each body is its title and operations."""
    inner = [{"#": ["title", title, "ops", list(operations)]} for title, *operations in bodies]
    more = ["form", form] if form else []
    words = {"#": ["type", {"^": ["qn", "class"]}, "bodies", inner, *more]}
    return {"^": ["resource", words]}


def given(name: str, value: Any) -> dict[str, Any]:
    return {"^": ["=>", name, value]}


def variable(name: str, value: Any) -> dict[str, Any]:
    return {"^": ["=", {"^": ["var", name]}, value]}


DEFAULT = {"^": ["default"]}


@pytest.mark.parametrize(
    "statement",
    [
        {"^": ["->", {"^": ["qn", "a"]}, {"^": ["qn", "b"]}]},
        {"^": ["call-method", {"#": []}]},
        {"^": ["qn", "b"]},
        {"^": ["some-later-thing", 1]},
        {"^": ["=", {"^": ["array", {"^": ["var", "a"]}]}, {"^": ["array", 1]}]},
        {"^": ["=", {"^": ["var", "a"]}, {"^": ["+", 1, 2]}]},
        {"^": ["=", {"^": ["var", "a"]}, {"^": ["hash", {"^": ["=>", 1, 2]}]}]},
        include({"^": ["->", {"^": ["qn", "b"]}, {"^": ["qn", "c"]}]}),
        include(3),
        class_like("b", {"^": ["+>", "x", 1]}),
        class_like("b", {"^": ["splat-hash", {"^": ["var", "h"]}]}),
        class_like("b", form="virtual"),
        "a text",
    ],
)
def test_whatever_is_not_known_is_a_problem_and_never_passed_over(statement: Any) -> None:
    found = body(include("good"), statement)

    assert len(found.problems) == 1


def test_a_splat_of_constants_is_parameters() -> None:
    hash_of = {"^": ["hash", {"^": ["=>", "x", 1]}]}
    found = body(class_like("b", {"^": ["splat-hash", hash_of]}))

    assert (found.classes, found.problems) == ({"b": {"x": 1}}, ())


def test_class_references_are_names() -> None:
    reference = {"^": ["access", {"^": ["qr", "Class"]}, "::b"]}

    assert body(include(reference)).classes == {"b": {}}


def test_a_class_with_parameters_behind_one_without_is_a_problem() -> None:
    """Puppet takes an ENC's classes with parameters first."""
    first, behind = class_like("app", given("w", 2)), include("globals")

    [problem] = body(behind, first).problems
    assert "class app has parameters and stands behind globals" in problem.what
    [told] = body(classes_like(("a",), ("b", given("x", 1)))).problems
    assert "class b has parameters" in told.what
    assert not body(first, behind).problems
    assert not body(behind, class_like("app", given("w", None))).problems


@pytest.mark.parametrize(
    ("statements", "noted"),
    [
        ([include("a"), include("b")], True),
        ([class_like("a", given("x", 1)), include("b")], True),
        ([classes_like(("a",), ("b",))], True),
        ([include("a", "b")], False),
        ([include("a"), include("a")], False),
        ([class_like("a", given("x", 1))], False),
    ],
)
def test_separate_declarations_are_noted_and_no_problem(statements: Any, noted: bool) -> None:
    found = body(*statements)

    assert found.problems == ()
    assert ["become one" in note.what for note in found.notes] == [True] * noted


def test_default_is_for_the_bodies_before_it_as_well() -> None:
    found = body(classes_like(("sec",), (DEFAULT, given("x", 5)), ("other", given("x", 6))))

    assert found.classes == {"sec": {"x": 5}, "other": {"x": 6}}
    assert not found.problems
