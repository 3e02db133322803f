"""roles.yaml to roles: one reviewed file, taken as a whole or not at all.

docs/roles.md tells users how it is written. ``load`` is pure but for the files that it is given a
way to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic_core import PydanticCustomError

from enc.domain.limits import Limits
from enc.domain.rolefields import is_class, shown
from enc.domain.rolespec import RoleSpec, StoredRoleError
from provisioner.rolesfile.ca import certificates, standing
from provisioner.rolesfile.checking import MISSING, check
from provisioner.rolesfile.differences import diff
from provisioner.rolesfile.doubts import doubts
from provisioner.rolesfile.merging import merged, overlay, spec_hash, tree_of
from provisioner.rolesfile.problems import (
    Problem,
    RolesFileError,
    UnreadableError,
    did_you_mean,
    related,
)
from provisioner.rolesfile.userdata import unusable
from provisioner.rolesfile.yamltree import Tree, read

__all__ = [
    "Problem",
    "RoleSpec",
    "RolesFile",
    "RolesFileError",
    "StoredRoleError",
    "diff",
    "load",
]

MAX_ROLES = 1000
# The service reads a definition whenever it has changed; one that is larger is data, for Hiera.
MAX_DEFINITION = 256 * 1024
# Defaults count again under every role.
MAX_DEFINITIONS = 16 * 1024 * 1024

_TOP = ("defaults", "limits", "roles")
_ROLE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# What defaults need not have: with these under them, their own keys are checked like a role's.
_NEEDED = {
    "classes": {"example": {}},
    "launch": {
        "region": "us-east-1",
        "subnets": ["subnet-0"],
        "image": "ami-0",
        "instance_types": ["c5.large"],
    },
}


@dataclass(frozen=True)
class RolesFile:
    """Every role of the file by name, and what is worth a second look.

    ``limits`` are the site's; None where the file says nothing of them.
    """

    roles: Mapping[str, RoleSpec]
    warnings: tuple[str, ...] = ()
    limits: Limits | None = None


def load(
    given: str | bytes,
    *,
    source: str,
    read_file: Callable[[str], str],
    now: datetime | None = None,
) -> RolesFile:
    """The roles in ``given``. Raises RolesFileError with everything that is wrong.

    ``source`` is the file's name, for messages. ``read_file`` gives the text of the file at a
    path that stands in ``given``; it may raise OSError or UnicodeDecodeError. At ``now`` a CA's
    certificates must be in their time; None does not ask whether they can be used at all.
    """
    try:
        tree, unreadable = read(given)
    except UnreadableError as error:
        raise RolesFileError(source, [error.problem]) from error
    sheet = _Sheet(source, read_file, now, unreadable)
    roles = sheet.roles(tree)
    limits = sheet.limits(tree)
    if sheet.problems:
        raise RolesFileError(source, sheet.problems)
    return RolesFile(roles, tuple(dict.fromkeys(sheet.warnings)), limits)


@dataclass
class _Sheet:
    """One load under way: collects problems instead of stopping at the first."""

    source: str
    read_file: Callable[[str], str]
    now: datetime | None
    problems: list[Problem]
    warnings: list[str] = field(default_factory=list)
    _pinned: dict[str, str | Problem] = field(default_factory=dict)
    _characters: int = 0

    def roles(self, tree: Tree) -> dict[str, RoleSpec]:
        top = self._map(tree, "a map with the keys defaults, limits and roles")
        for key in top.keys() - set(_TOP):
            hint = did_you_mean(key, _TOP, otherwise="the keys here are")
            self._add([Problem((key,), top[key].line, "unknown key", hint)])
        defaults = self._defaults(top.get("defaults"))
        named = self._named(tree, top.get("roles"))
        specs = {name: self._role(name, defaults, named[name]) for name in named}
        return {name: spec for name, spec in specs.items() if spec}

    def limits(self, tree: Tree) -> Limits | None:
        """Checked as those of a role are."""
        found = tree.value.get("limits") if isinstance(tree.value, dict) else None
        if found is None:
            return None
        if found.value is None:
            return Limits()
        plain = tree_of({"classes": {"example": {}}}, found.place, found.line)
        whole = overlay(plain, replace(plain, value={"limits": found}))
        spec, problems = check(whole, whole.plain() | {"name": "example"})
        self._add(problems)
        return spec.limits.limits if spec else None

    def _defaults(self, tree: Tree | None) -> dict[str, Tree]:
        if tree is None or tree.value is None:
            return {}
        defaults = self._map(tree, "a map")
        # Alone first: a mistake in what no role uses is one too.
        whole = merged("example", defaults, tree_of({"launch": {}}, tree.place, tree.line))
        whole = overlay(tree_of(_NEEDED, tree.place, tree.line), whole)
        self._add(check(whole, whole.plain() | {"name": "example"}, alone=True)[1])
        return defaults

    def _named(self, tree: Tree, roles: Tree | None) -> dict[str, Tree]:
        if roles is None:
            if isinstance(tree.value, dict):
                self._add([Problem(("roles",), None, MISSING, "as in roles: {web: {}}")])
            return {}
        named = self._map(roles, "a map of role names")
        if isinstance(roles.value, dict) and not 0 < len(named) <= MAX_ROLES:
            message = f"{len(named)} roles; 1 to {MAX_ROLES} are allowed"
            self._add([Problem(roles.place, roles.line, message)])
            return {}
        return named

    def _role(self, name: str, defaults: dict[str, Tree], tree: Tree) -> RoleSpec | None:
        found = len(self.problems)
        if tree.value is None:
            tree = tree_of({}, tree.place, tree.line)
        self._map(tree, "a map")
        self._name(name, tree)
        if len(self.problems) > found or not isinstance(tree.value, dict):
            return None
        whole = merged(name, defaults, tree)
        filled = self._filled(whole) | {"name": name}
        launch = filled.get("launch")
        filled["spec_hash"] = spec_hash(launch) if isinstance(launch, dict) else ""
        if not self._fits(tree, filled):
            return None
        spec, problems = check(whole, filled)
        self._add(_in_role(tree, problem) for problem in problems)
        if spec is not None and not problems:
            self._add(_untold(tree, spec))
        for doubt in doubts(whole) if spec else ():
            self._warn(*doubt)
        return spec

    def _name(self, name: str, tree: Tree) -> None:
        if not _ROLE_NAME.fullmatch(name):
            hint = "small letters, digits, _ and -, at most 63, the first a letter"
            self._add([Problem(tree.place, tree.line, "not a role name", hint)])
        elif isinstance(tree.value, dict) and "classes" not in tree.value and not is_class(name):
            message = f"no classes, and {shown(name)} cannot be the name of one"
            self._add([Problem(tree.place, tree.line, message, "as in classes: [role::web]")])

    def _filled(self, tree: Tree) -> dict[str, Any]:
        """The role in plain values, with its CA's certificates in their place."""
        filled: dict[str, Any] = tree.plain()
        server = _below(tree, "launch", "puppet_server")
        if server is None or not isinstance(server.value, dict) or "ca_pem" in server.value:
            return filled
        ca = server.value.get("ca")
        if ca is None or ca.value is None:
            self._warn(server, *_NO_CA)
        elif isinstance(ca.value, str) and ca.value:
            filled["launch"]["puppet_server"]["ca_pem"] = self._pem(ca)
        return filled

    def _warn(self, tree: Tree, message: str, hint: str) -> None:
        warning = Problem(tree.place, tree.line, message, hint)
        self.warnings.append(f"{self.source}:{tree.line}: {warning}")

    def _pem(self, ca: Tree) -> str | None:
        if ca.value not in self._pinned:
            self._pinned[ca.value] = self._read(ca)
        pinned = self._pinned[ca.value]
        if isinstance(pinned, str):
            return pinned
        problem = Problem(ca.place, ca.line, pinned.message, pinned.hint)
        self._add([problem])
        return None

    def _read(self, ca: Tree) -> str | Problem:
        try:
            return self._usable(ca, certificates(self.read_file(ca.value)))
        except PydanticCustomError as error:
            words = error.context or {}
            return Problem((), None, f"{shown(ca.value)}: {words['message']}", words["hint"])
        except UnicodeDecodeError:
            return Problem((), None, f"{shown(ca.value)}: not a text", "PEM is a text")
        except OSError as error:
            message = f"{shown(ca.value)} cannot be read: {error.strerror or error}"
            return Problem((), None, message, _NO_CA[1])

    def _usable(self, ca: Tree, pem: str) -> str:
        """A CA by which no agent can trust its server stops every new machine."""
        for flaw in standing(pem, self.now).remarks if self.now else ():
            self._warn(ca, f"{shown(ca.value)}: {flaw.what}", flaw.remedy)
        return pem

    def _fits(self, tree: Tree, filled: Mapping[str, Any]) -> bool:
        size = len(json.dumps(filled))
        self._characters += size
        if self._characters > MAX_DEFINITIONS:
            message = f"all roles together have more than {MAX_DEFINITIONS} characters"
            raise RolesFileError(self.source, [Problem(("roles",), None, message, _HIERA)])
        if size > MAX_DEFINITION:
            message = f"{size} characters with its defaults; at most {MAX_DEFINITION}"
            self._add([Problem(tree.place, tree.line, message, _HIERA)])
        return size <= MAX_DEFINITION

    def _map(self, tree: Tree, expected: str) -> dict[str, Tree]:
        if isinstance(tree.value, dict):
            return tree.value
        given = (
            "nothing" if tree.value is None else "a list" if isinstance(tree.value, list) else ""
        )
        message = f"expected {expected}, got {given or shown(tree.value)}"
        self._add([Problem(tree.place, tree.line, message)])
        return {}

    def _add(self, problems: Iterable[Problem]) -> None:
        """Leaves out what only follows from a value that could not be read."""
        known = [problem.place for problem in self.problems if problem.place]
        self.problems += [p for p in problems if not any(related(p.place, k) for k in known)]


_NO_CA = (
    "no ca: a new machine trusts whoever answers it first under that name",
    "give the path of the Puppet CA's certificate",
)
_NO_LAUNCH = "or launch: null for a role that launches nothing"
_HIERA = "put large data into Hiera"


def _in_role(tree: Tree, problem: Problem) -> Problem:
    """What defaults' launch section lacks is lacking in the role, which may want no launch."""
    if problem.message != MISSING or problem.place[:-1] != ("defaults", "launch"):
        return problem
    place = (*tree.place, *problem.place[1:])
    return replace(problem, place=place, line=tree.line, hint=f"{problem.hint}, {_NO_LAUNCH}")


def _untold(tree: Tree, spec: RoleSpec) -> Iterator[Problem]:
    """User-data that no launch could use: wrong, or too large with all that is in it."""
    if flaw := unusable(spec):
        place = _below(tree, "launch", "extra_user_data") or _below(tree, "launch") or tree
        yield Problem(place.place, place.line, *flaw)


def _below(tree: Tree, *keys: str) -> Tree | None:
    found: Tree | None = tree
    for key in keys:
        found = found.value.get(key) if found and isinstance(found.value, dict) else None
    return found
