"""What stands beside the node statements, and what a variable of a node does to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from provisioner.importing.nodespp.reading import read
from tests.manifests.dumps import DEFAULT, class_like, given, include, variable


def beside(top: Sequence[Any], siblings: dict[str, str | None] | None = None) -> list[str]:
    """Why a node cannot have the variable $tier."""
    inside = [variable("tier", "y"), include("a")]
    node = {"^": ["node", {"#": ["matches", ["a"], "body", inside]}]}
    [found] = read(json.dumps({"^": ["block", *top, node]}), "", siblings).definitions
    return [problem.what for problem in found.problems]


def conditional(*then: Any) -> dict[str, Any]:
    return {"^": ["if", {"#": ["test", True, "then", [{"^": ["nop"]}], "else", list(then)]}]}


def several(*names: str) -> dict[str, Any]:
    variables = [{"^": ["var", name]} for name in names]
    return {"^": ["=", {"^": ["array", *variables]}, {"^": ["array", 1, 2]}]}


def resource(name: str, *operations: Any) -> dict[str, Any]:
    """A name with a hyphen is a text to the parser."""
    bodies = [{"#": ["title", "main", "ops", list(operations)]}]
    written = name if "-" in name else {"^": ["qn", name]}
    return {"^": ["resource", {"#": ["type", written, "bodies", bodies]}]}


def call(name: str) -> dict[str, Any]:
    return {"^": ["call", {"#": ["functor", {"^": ["qn", name]}, "args", ["x"]]}]}


def collector(name: str, query: str = "virtual-query") -> dict[str, Any]:
    return {"^": ["collect", {"#": ["type", {"^": ["qr", name]}, "query", {"^": [query]}]}]}


@pytest.mark.parametrize(
    ("top", "says"),
    [
        (include("base"), "(the function include() at the top)"),
        (class_like("base"), "(a class at the top)"),
        (conditional(include("base")), "(a conditional (if) at the top)"),
        (variable("other", {"^": ["concat", {"^": ["str", {"^": ["var", "tier"]}]}]}), "(at the"),
        (variable("::tier", 1), "is set at the top"),
        (conditional(variable("tier", 1)), "is set at the top"),
        (several("q", "tier"), "is set at the top"),
        (resource("apt::source"), "(a resource (apt::source) at the top)"),
        (resource("apt-source"), "(a resource (apt-source) at the top)"),
        (resource("file", given("content", call("template"))), "(a resource (file) at the top)"),
        (resource("file", given("path", {"^": ["var", "tier"]})), "(at the top)"),
        (collector("Apt::Source"), "(a collector at the top)"),
    ],
)
def test_a_variable_that_others_see_or_set_is_a_problem(top: Any, says: str) -> None:
    [told] = beside([top])

    assert says in told
    [told] = beside([], {"site.pp": json.dumps({"^": ["block", top]})})
    assert says.replace("at the top", "in site.pp").replace("(at the", "(in site.pp") in told


@pytest.mark.parametrize(
    "top",
    [
        variable("other", {"^": ["access", {"^": ["var", "facts"]}, "os"]}),
        {"^": ["class", {"#": ["name", "c", "body", [include("base"), variable("tier", 1)]]}]},
        {"^": ["node", {"#": ["matches", ["b"], "body", [include("a"), variable("tier", 1)]]}]},
        {"^": ["invoke", {"#": ["functor", {"^": ["qn", "notice"]}, "args", ["hello"]]}]},
        resource("filebucket", given("server", "puppet")),
        resource("::cron"),
        collector("User"),
        collector("File", "exported-query"),
        {"^": ["resource-defaults", {"#": ["type", {"^": ["qr", "File"]}, "ops", []]}]},
    ],
)
def test_what_neither_sees_nor_sets_a_variable_forbids_none(top: Any) -> None:
    dump = json.dumps({"^": ["block", top]})
    inside = [variable("tier", "y"), include("a")]
    node = {"^": ["node", {"#": ["matches", ["a"], "body", inside]}]}
    found = read(json.dumps({"^": ["block", top, node]}), "", {"site.pp": dump})

    assert found.definitions[-1].problems == ()


@pytest.mark.parametrize("dump", [None, "", "{", '{"^":["node",7]}'])
def test_a_manifest_beside_that_cannot_be_read_forbids_variables_alone(dump: str | None) -> None:
    [told] = beside([], {"site.pp": dump})

    assert "(site.pp, which could not be read)" in told


def test_a_constant_at_the_top_is_made_of_those_before_it() -> None:
    dom, fq = {"^": ["var", "dom"]}, {"^": ["var", "fq"]}
    spelt = {"^": ["concat", "w.", {"^": ["str", dom]}]}
    top = [variable("dom", "x.com"), variable("fq", spelt)]
    node = {"^": ["node", {"#": ["matches", ["a"], "body", [class_like("b", given("x", fq))]]}]}
    [found] = read(json.dumps({"^": ["block", *top, node]}), "").definitions

    assert (found.classes, found.problems) == ({"b": {"x": "w.x.com"}}, ())


def test_node_statements_without_a_name_of_a_manifest_beside_are_told() -> None:
    named_so = [["other"], [DEFAULT], [{"^": ["regexp", "^w"]}]]
    nodes = [{"^": ["node", {"#": ["matches", who, "body", [include("a")]]}]} for who in named_so]
    found = read('{"^":["nop"]}', "", {"site.pp": json.dumps({"^": ["block", *nodes]})})

    assert [(one.name, one.file, one.empty) for one in found.beside] == [
        ("default", "site.pp", False),
        ("/^w/", "site.pp", False),
    ]
    assert found.definitions == ()
