"""A role's part of the file against the models: a RoleSpec, or what is wrong, for people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from enc.domain.rolefields import shown
from enc.domain.rolespec import OURS, RoleSpec
from provisioner.rolesfile.problems import Place, Problem, did_you_mean
from provisioner.rolesfile.yamltree import Tree

MISSING = "required, but missing"

_KEY_LOC = "[key]"  # how pydantic says that it means a map's key, not the value behind it
_QUOTED = re.compile("'([^']*)'")
_EXPECTED = MappingProxyType(
    {
        "string_type": "a text",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "dict_type": "a map",
        "model_type": "a map",
        "tuple_type": "a list",
        "literal_error": "a text",
        "enum": "a text",
    }
)
_BOUNDS = MappingProxyType(
    {
        "greater_than_equal": ("ge", "at least"),
        "less_than_equal": ("le", "at most"),
        "too_short": ("min_length", "at least"),
        "too_long": ("max_length", "at most"),
        "string_too_short": ("min_length", "at least"),
        "string_too_long": ("max_length", "at most"),
    }
)


def check(
    tree: Tree, filled: Mapping[str, Any], *, alone: bool = False
) -> tuple[RoleSpec | None, list[Problem]]:
    """The spec of a merged role, only where there is no problem.

    ``filled`` is ``tree`` in plain values, with what we add to it. ``alone`` is for defaults: what
    a role may still complete or outweigh is no problem.
    """
    problems = [_unknown(tree, place) for place in sorted(OURS) if not _nearest(tree, place)[1]]
    try:
        spec = RoleSpec.model_validate_json(json.dumps(filled))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        skipped = ("cross", "missing") if alone else ()
        counted = [e for e in errors if e["type"] not in skipped and not _miscounted(e)]
        return None, problems + [_problem(tree, e) for e in counted]
    return (None if problems else spec), problems


def _miscounted(error: Mapping[str, Any]) -> bool:
    """Whether pydantic counts only the good entries of a list, whose bad one it names as well."""
    return bool(error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"])


def _nearest(tree: Tree, place: Place) -> tuple[Tree, Place]:
    """The deepest tree on the way to a place (relative to ``tree``), and the rest of the way."""
    for i, step in enumerate(place):
        try:
            tree = tree.value[step]
        except (KeyError, IndexError, TypeError):
            return tree, place[i:]
    return tree, ()


def _problem(tree: Tree, error: Mapping[str, Any]) -> Problem:
    place: Place = tuple(step for step in error["loc"] if step != _KEY_LOC)
    if error["type"] == "extra_forbidden":
        return _unknown(tree, place)
    found, rest = _nearest(tree, place)
    message, hint = _words(error)
    return Problem((*found.place, *rest), found.line, message, hint)


def _unknown(tree: Tree, place: Place) -> Problem:
    found, rest = _nearest(tree, place)
    keys = [key for key in _keys_at(place) if (*place[:-1], key) not in OURS]
    hint = did_you_mean(str(place[-1]), keys, otherwise="the keys here are")
    return Problem((*found.place, *rest), found.line, "unknown key", hint)


def _words(error: Mapping[str, Any]) -> tuple[str, str]:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind in ("rolecall", "cross"):
        return context["message"], context["hint"]
    if kind == "missing":
        return MISSING, _example(error["loc"])
    if kind in ("literal_error", "enum") and isinstance(given, str):
        valid = _QUOTED.findall(context["expected"])
        return f"{shown(given)} is not valid here", did_you_mean(given, valid, otherwise="one of")
    if kind in _BOUNDS:
        key, word = _BOUNDS[kind]
        return _out_of_bounds(given, f"{word} {context[key]}")
    expected = _EXPECTED.get(kind)
    if expected is None:
        return str(error["msg"]), ""
    return f"expected {expected}, got {_described(given)}", _hint(kind, given)


def _out_of_bounds(given: Any, bound: str) -> tuple[str, str]:
    if isinstance(given, str | list | dict):
        unit = "characters" if isinstance(given, str) else "entries"
        return f"has {len(given)} {unit}", f"{bound} needed" if not given else bound
    return f"{shown(given)} is out of bounds", bound


def _described(given: Any) -> str:
    match given:
        case None:
            return "nothing"
        case str():
            return f"the text {shown(given)}"
        case bool():
            return f"the boolean {shown(given)}"
        case int() | float():
            return f"the number {shown(given)}"
        case list():
            return "a list"
    return "a map"


def _hint(kind: str, given: Any) -> str:
    if given is None:
        return "leave the key out for its default"
    if kind in ("string_type", "literal_error", "enum") and not isinstance(given, list | dict):
        return "put it in quotes"
    if kind in ("int_type", "float_type") and isinstance(given, str) and given.isdecimal():
        return "write it without quotes"
    if kind == "tuple_type" and isinstance(given, str):
        return f"as in [{given}]" if len(given) <= len("subnet-0123456789abcdef0") else ""
    return ""


def _example(place: Sequence[str | int]) -> str:
    model = _model_at(tuple(place[:-1]))
    examples = model.model_fields[str(place[-1])].examples if model else None
    return f"as in {place[-1]}: {examples[0]}" if examples else ""


def _keys_at(place: Place) -> list[str]:
    model = _model_at(place[:-1])
    return list(model.model_fields) if model else []


def _model_at(place: Place) -> type[BaseModel] | None:
    current: Any = RoleSpec
    for step in place:
        current = _inner(current, step)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _inner(current: Any, step: str | int) -> Any:
    if isinstance(current, type) and issubclass(current, BaseModel):
        return _bare(current.model_fields[str(step)].annotation)
    return _bare((*get_args(current), None)[0 if isinstance(step, int) else 1])


def _bare(annotation: Any) -> Any:
    """The type without Annotated and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    options = [option for option in get_args(annotation) if option is not type(None)]
    optional = type(None) in get_args(annotation)
    return _bare(options[0]) if optional else annotation
