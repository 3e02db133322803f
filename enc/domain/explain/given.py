"""What Puppet gets, each with where it stands: the role, the node's own, or rolecall's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from enc.domain.classify import UnclassifiableError, classes_of, facts, render, role_text
from enc.domain.damage import Unreadable
from enc.domain.explain.words import at
from enc.domain.model import ANSWERED, Node, Role

_OURS = "rolecall itself"


class What(StrEnum):
    CLASS = "class"
    CLASS_PARAMETER = "class parameter"
    PARAMETER = "parameter"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, kw_only=True)
class Given:
    """One thing that Puppet is told, and where that was said.

    ``of`` is the class of a class parameter, "" for all else; ``name`` is "" for the environment.
    ``value`` is a JSON value; None for a class, which has its parameters beside it.
    """

    what: What
    name: str = ""
    of: str = ""
    value: Any = None
    source: str


def given(node: Node, role: Role | Unreadable | None) -> tuple[Given, ...]:
    """In the order of the answer. Raises UnclassifiableError where there is none to give."""
    if node.state not in ANSWERED:
        return ()
    if role is None:
        raise UnclassifiableError(f"role {node.role} is gone")
    if isinstance(role, Unreadable):
        raise UnclassifiableError(f"role {node.role} cannot be read")
    # Whatever cannot be written down for Puppet is refused here in the same words.
    render(node, role_text(role))
    return tuple(_every(node, role))


def _every(node: Node, role: Role) -> Iterator[Given]:
    said = source(role)
    parameters = role.definition.get("parameters") or {}
    for name, values in classes_of(role).items():
        yield Given(what=What.CLASS, name=name, source=said)
        for key, value in values.items():
            yield Given(what=What.CLASS_PARAMETER, name=key, of=name, value=value, source=said)
    for name, value in parameters.items():
        yield Given(what=What.PARAMETER, name=name, value=value, source=said)
    yield Given(what=What.PARAMETER, name="role", value=node.role, source=_role_source(node))
    yield Given(what=What.PARAMETER, name="rolecall", value=facts(node), source=_OURS)
    yield from _environment(node, role, said)


def _environment(node: Node, role: Role, said: str) -> Iterator[Given]:
    of_role = role.definition.get("environment") or ""
    if node.environment:
        over = f", over the role's {of_role}" if of_role not in ("", node.environment) else ""
        own = f"the node's own ('provisioner assign --environment'){over}"
        yield Given(what=What.ENVIRONMENT, value=node.environment, source=own)
    elif of_role:
        yield Given(what=What.ENVIRONMENT, value=of_role, source=said)


def _role_source(node: Node) -> str:
    return f"{_OURS}: the role of node {node.certname}"


def source(role: Role) -> str:
    """Which role, in which revision, applied by whom and when."""
    when = f" on {at(role.applied_at)}" if role.applied_at else ""
    who = f" by {role.applied_by}" if role.applied_by else ""
    applied = f", applied{when}{who}" if when or who else ""
    return f"role {role.name} rev {role.rev}{applied}"
