"""Pieces of what Puppet's parser prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from provisioner.importing.nodespp.definition import Definition
from provisioner.importing.nodespp.reading import read


def body(*statements: Any) -> Definition:
    node = {"^": ["node", {"#": ["matches", ["a"], "body", list(statements)]}]}
    [found] = read(json.dumps(node), "node a {\n}").definitions
    return found


def include(*arguments: Any) -> dict[str, Any]:
    return call("include", *arguments)


def call(name: str, *arguments: Any) -> dict[str, Any]:
    words = {"#": ["functor", {"^": ["qn", name]}, "args", list(arguments)]}
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
