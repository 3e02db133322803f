"""From what a node definition declares to the role that says the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from enc.domain.classify import class_name

_LONGEST = 63
_HASH = 6
# Namespaces in which people keep what a machine is: the name of the role is what stands behind.
_ROLES = ("role::", "roles::")
_LAYERS = (*_ROLES, "profile::", "profiles::")


@dataclass(frozen=True, kw_only=True)
class Content:
    """What Puppet is told: classes with their parameters, and top-scope parameters."""

    classes: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        """Equal for what Puppet takes for the same; unlike ==, this tells 1 from true and 1.0.

        Puppet takes an ENC's classes with parameters first, and those without behind them, each in
        their order; a map in a value keeps its own. Only the names that are given have none.
        """
        classes = [
            (class_name(name), _by_name(given or {})) for name, given in self.classes.items()
        ]
        classes.sort(key=lambda one: not one[1])
        return json.dumps([classes, _by_name(self.parameters)])


def _by_name(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(given.items(), key=lambda one: one[0])


def _classes_key(content: Content) -> str:
    return Content(classes=content.classes, parameters={}).key


def _parameter_keys(content: Content) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in content.parameters.items()}


@dataclass(frozen=True, kw_only=True)
class StoredRole:
    """A role of the inventory. ``environment`` "" leaves the choice to the agent."""

    name: str
    content: Content
    environment: str = ""


@dataclass(frozen=True, kw_only=True)
class NewRole:
    """A role that nobody has stored yet."""

    name: str
    content: Content
    nodes: tuple[str, ...] = ()


class Naming:
    """A role for each content: a stored one, else a new one with a name that no other has.

    The first to want a name gets it; later ones get a part of a digest behind it, which hangs on
    nothing but what they contain.
    """

    def __init__(self, stored: Iterable[StoredRole]) -> None:
        # The one that leaves the environment to the agent, as nodes.pp does, goes before others.
        known = sorted(stored, key=lambda role: (role.environment != "", role.name))
        self._taken = {role.name for role in known}
        self._stored: dict[str, StoredRole] = {}
        for role in known:
            self._stored.setdefault(role.content.key, role)
        self._new: dict[str, NewRole] = {}
        self._by_classes: dict[str, list[StoredRole]] = {}
        for role in known:
            self._by_classes.setdefault(_classes_key(role.content), []).append(role)

    def role_of(self, content: Content) -> StoredRole | NewRole:
        key = content.key
        if key in self._stored:
            return self._stored[key]
        if key not in self._new:
            name = self._free(proposed(content.classes), key)
            self._taken.add(name)
            self._new[key] = NewRole(name=name, content=content)
        return self._new[key]

    def nearly(self, content: Content) -> tuple[str, list[str]]:
        """A stored role that says the same and sets variables besides, and those; else ""."""
        wanted = _parameter_keys(content)
        for role in self._by_classes.get(_classes_key(content), []):
            has = _parameter_keys(role.content)
            if wanted.items() < has.items():
                return role.name, sorted(has.keys() - wanted.keys())
        return "", []

    def _free(self, wanted: str, key: str) -> str:
        if wanted not in self._taken:
            return wanted
        digest = hashlib.sha256(key.encode()).hexdigest()
        for length in range(_HASH, len(digest)):
            name = f"{wanted[: _LONGEST - length - 1]}-{digest[:length]}"
            if name not in self._taken:
                return name
        raise ValueError(f"no name is left for a role like {wanted}")


def proposed(classes: Iterable[str]) -> str:
    """By the class that says what a machine is, else by the first one."""
    names: Sequence[str] = list(classes)
    chosen = next((name for name in names if name.startswith(_ROLES)), names[0])
    for layer in _LAYERS:
        chosen = chosen.removeprefix(layer)
    words = re.sub(r"[^a-z0-9_]+", "-", chosen.lower()).strip("-_")
    return (words if words[:1].isalpha() else f"role-{words}")[:_LONGEST].rstrip("-")
