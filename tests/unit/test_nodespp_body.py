"""What stands in a node statement, in the words of the parser's dump."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests.dumps import DEFAULT, body, class_like, classes_like, given, include, variable


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


@pytest.mark.parametrize("name", ["apt-source", "file"])
def test_a_resource_type_that_is_a_text_is_named(name: str) -> None:
    """With a hyphen, as Puppet 2 had them, or in quotes."""
    words = {"#": ["type", name, "bodies", []]}

    [problem] = body({"^": ["resource", words]}).problems
    assert problem.what == f"a resource ({name}); an ENC has only classes"


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


def test_a_variable_with_colons_is_never_the_nodes_own() -> None:
    top = {"^": ["var", "::tier"]}
    [problem] = body(variable("tier", "t"), class_like("b", given("x", top))).problems

    assert "$::tier, which is not a constant of this file" in problem.what


def test_a_variable_is_noted_to_become_top_scope() -> None:
    found = body(variable("tier", "t"), include("a"))

    assert [note.what for note in found.notes] == ["$tier becomes top-scope: $::tier is it, too"]
    assert not found.problems


@pytest.mark.parametrize("name", ["hostname", "fqdn", "domain", "ipaddress", "osfamily", "os"])
def test_a_variable_that_is_called_as_a_fact_is_a_problem(name: str) -> None:
    [problem] = body(variable(name, "t"), include("a")).problems

    assert f"${name} is called as a fact" in problem.what


SPLAT = {"^": ["splat-hash", {"^": ["hash", {"^": ["=>", "x", 1]}]}]}


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([variable("v", 1), variable("v", 2)], "$v is set a second time"),
        ([class_like("a", given("x", 1), given("x", 2))], "the parameter x twice"),
        ([class_like("a", SPLAT, given("x", 2))], "the parameter x twice"),
        ([classes_like((DEFAULT, given("x", 1)), ("a",), (DEFAULT,))], "default stands twice"),
        ([include("::::a")], "a name that no class can have (::::a)"),
    ],
)
def test_what_puppet_refuses_for_a_node_is_a_problem(statements: Any, says: str) -> None:
    [problem] = body(*statements).problems

    assert says in problem.what
