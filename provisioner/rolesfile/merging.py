"""A role with the file's ``defaults`` under it. Pure: trees in, a tree out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from enc.domain.classify import class_name
from enc.domain.rolefields import is_class
from provisioner.rolesfile.yamltree import Tree

HASH_CHARACTERS = 16


def merged(name: str, defaults: Mapping[str, Tree], role: Tree) -> Tree:
    """The role as it counts: maps merged deep, lists and single values replaced.

    - ``launch``, ``fleet`` or ``burst`` of null: the section is left out, that of defaults too.
    - A role that launches nothing takes neither burst nor fleet.size from defaults.
    - A tag or volume of null: the one of defaults is not taken.
    - No ``classes``: the class that is named like the role.
    """
    own = dict(role.value)
    under = dict(defaults)
    if _is_null(own.get("launch", under.get("launch"))):
        under = _without_launch(under)
    own["classes"] = _classes(own.get("classes")) or _named_like(name, role)
    under["classes"] = _classes(under.get("classes")) or _map(role, {})
    if _replaces(role.value.get("classes")):
        del under["classes"]
    both = overlay(_map(role, under), replace(role, value=own))
    return replace(both, value=_tidied(both.value))


def overlay(under: Tree, over: Tree) -> Tree:
    """``over`` on ``under``: deep where both are maps; a null in ``over`` is a value."""
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    value = dict(under.value)
    for key, tree in over.value.items():
        value[key] = overlay(value[key], tree) if key in value else tree
    return replace(over, value=value)


def tree_of(value: Any, place: tuple[str | int, ...], line: int = 1) -> Tree:
    """Plain values as if they stood in the file."""
    if isinstance(value, dict):
        value = {key: tree_of(inner, (*place, key), line) for key, inner in value.items()}
    elif isinstance(value, list):
        value = [tree_of(inner, (*place, i), line) for i, inner in enumerate(value)]
    return Tree(value, line, place)


def spec_hash(launch: Mapping[str, Any]) -> str:
    """Of a launch section as written: neither the order of keys nor what is null or empty counts.

    A certificate is to stand in it as ``ca_pem``: where it was read from does not count either.
    """
    server = launch.get("puppet_server")
    if isinstance(server, dict) and server.get("ca_pem"):
        launch = {**launch, "puppet_server": {**server, "ca": None}}
    text = json.dumps(_said(launch), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARACTERS]


def _is_null(tree: Tree | None) -> bool:
    return tree is None or tree.value is None


def _map(like: Tree, value: dict[str, Tree]) -> Tree:
    return replace(like, value=value)


def _without_launch(under: dict[str, Tree]) -> dict[str, Tree]:
    kept = {key: tree for key, tree in under.items() if key not in ("launch", "burst")}
    fleet = kept.get("fleet")
    if fleet is not None and isinstance(fleet.value, dict):
        kept["fleet"] = _map(fleet, {k: v for k, v in fleet.value.items() if k != "size"})
    return kept


def _classes(tree: Tree | None) -> Tree | None:
    """A list of names as the map that it stands for; a class without parameters gets an empty map.

    What is neither stays, for the models to refuse; so does a map that has a class with and
    without ``::``. A name that stands twice in a list counts once: to include a class twice is to
    include it.
    """
    if tree is None:
        return None
    if isinstance(tree.value, list) and all(isinstance(item.value, str) for item in tree.value):
        return _map(tree, {_class(item.value): replace(item, value={}) for item in tree.value})
    if not isinstance(tree.value, dict):
        return tree
    given = {k: _map(v, {}) if v.value is None else v for k, v in tree.value.items()}
    named = {_class(name): parameters for name, parameters in given.items()}
    return _map(tree, named if len(named) == len(given) else given)


def _class(written: str) -> str:
    """As Puppet has it; what cannot be a class stays, to be refused as it is written."""
    return class_name(written) if is_class(written) else written


def _named_like(name: str, role: Tree) -> Tree:
    return tree_of({name: {}}, (*role.place, "classes"), role.line)


def _replaces(classes: Tree | None) -> bool:
    """Lists replace; so does an empty map, which is an error of its own."""
    return classes is not None and (isinstance(classes.value, list) or not classes.value)


def _tidied(value: dict[str, Tree]) -> dict[str, Tree]:
    kept = {
        key: tree
        for key, tree in value.items()
        if not (key in ("launch", "fleet", "burst") and tree.value is None)
    }
    launch = kept.get("launch")
    if launch is not None and isinstance(launch.value, dict):
        kept["launch"] = _map(launch, {k: _removed(k, v) for k, v in launch.value.items()})
    return kept


def _removed(key: str, tree: Tree) -> Tree:
    if key not in ("tags", "volumes") or not isinstance(tree.value, dict):
        return tree
    return _map(tree, {k: v for k, v in tree.value.items() if v.value is not None})


def _said(value: Any) -> Any:
    """Without nulls and what is empty: to write those is to say nothing."""
    if not isinstance(value, dict):
        return value
    said = {key: _said(inner) for key, inner in value.items()}
    return {key: inner for key, inner in said.items() if inner not in (None, {}, [])}
