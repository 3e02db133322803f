"""What Puppet is told about a node: the classification, and its text.

The text is YAML that Ruby's Psych (on C Ruby, and on the puppetserver's JRuby) and PyYAML read
alike. Every key and string stands in double quotes, so that none is taken for a number, a boolean
or a date. What they read differently, or wrongly, is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enc.domain.model import Node, Role

# Nothing in it needs an escape; most of what a node is made of, on every request.
_PLAIN = re.compile(r"[A-Za-z0-9 :._/-]*")
# All else: whoever reads the answer may take it for text of its own locale, as Puppet does what a
# script of `exec` prints; and libyaml refuses control characters, or folds them into line breaks.
_NOT_ASCII = re.compile("[^ -~]")
# Halves of a character: C Ruby refuses the document, JRuby reads a question mark.
_SURROGATE = re.compile("[\ud800-\udfff]")
# JRuby's stack overflows somewhere above a hundred; nobody's parameters are that deep.
MAX_DEPTH = 32
_LONGEST_KEY = 1000
# Set for every node below: twice the same key means something else to every reader.
_OURS = ("role", "rolecall")


class UnclassifiableError(ValueError):
    """The node is known, but its role cannot be turned into an answer; says what is wrong."""


@dataclass(frozen=True)
class RoleText:
    """The part of an answer that all nodes of a role share, ready to print."""

    role: str
    classes: str
    parameters: str
    environment: str


def role_text(role: Role) -> RoleText:
    """The role's lines. Raises UnclassifiableError where the definition is not usable."""
    classes = classes_of(role)
    parameters = _mapping(role, "parameters")
    for name in _OURS:
        if name in parameters:
            raise UnclassifiableError(f"role {role.name}: parameter {name} is rolecall's own")
    environment = role.definition.get("environment")
    if not isinstance(environment, str | None):
        raise UnclassifiableError(f"role {role.name}: environment is not a text")
    try:
        lines = _lines(classes), _lines(parameters)
    except UnclassifiableError as error:
        raise UnclassifiableError(f"role {role.name}: {error}") from None
    return RoleText(
        role=role.name, classes=lines[0], parameters=lines[1], environment=environment or ""
    )


def classes_of(role: Role) -> dict[str, dict[str, Any]]:
    """Parameters by class. Raises UnclassifiableError where the definition is not usable.

    A role without a class is refused: an empty list is a catalogue that manages nothing, and
    Puppet would apply it with success.
    """
    written = _mapping(role, "classes")
    if not written:
        raise UnclassifiableError(f"role {role.name} has no classes")
    for name, parameters in written.items():
        if not isinstance(parameters, dict):
            msg = f"class {name} of role {role.name}: parameters are not a map"
            raise UnclassifiableError(msg)
    classes = {class_name(name): parameters for name, parameters in written.items()}
    if len(classes) < len(written):
        raise UnclassifiableError(f"role {role.name} has one class with and without ::")
    return classes


def class_name(written: str) -> str:
    """Without ``::`` in front, for which Puppet refuses the catalogue (7.23: "Invalid tag")."""
    return written.removeprefix("::")


def render(node: Node, text: RoleText) -> str:
    """The whole answer. The ENC script knows by its first lines and its last that it is whole."""
    environment = node.environment or text.environment
    tail = f"environment: {quoted(environment)}\n" if environment else ""
    return (
        f"---\nclasses:\n{text.classes}parameters:\n{text.parameters}"
        f"{_lines({'role': node.role, 'rolecall': facts(node)})}"
        f"{tail}# end {node.certname}\n"
    )


def facts(node: Node) -> dict[str, str]:
    """The top-scope hash ``$rolecall``, for Hiera and for manifests."""
    return {
        "role": node.role,
        "kind": node.kind.value,
        "state": node.state.value,
        "launch": node.launch,
        "market": node.market.value if node.market else "",
        "instance_id": node.instance_id,
        "region": node.region,
        "zone": node.zone,
    }


def quoted(value: Any, *, depth: int = MAX_DEPTH) -> str:
    """A value in one line of flow style. Raises UnclassifiableError for what YAML cannot say."""
    if depth < 0:
        raise UnclassifiableError(f"a value is nested more than {MAX_DEPTH} deep")
    match value:
        case str():
            return _text(value)
        case bool() | int() | None:
            return json.dumps(value)
        case float():
            return _float(value)
        case dict():
            pairs = (_pair(key, item, depth - 1) for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(quoted(item, depth=depth - 1) for item in value) + "]"
    raise UnclassifiableError(f"a {type(value).__name__} has no form in YAML")


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f'"{value}"'
    if _SURROGATE.search(value):
        raise UnclassifiableError("a text has half a character in it (a lone surrogate)")
    return _NOT_ASCII.sub(_escape, json.dumps(value, ensure_ascii=False))


def _pair(key: str, value: Any, depth: int = MAX_DEPTH) -> str:
    # Psych merges a map under this key into the one around it, quotes or not, unless it is told.
    tag = "!!str " if key == "<<" else ""
    written = _text(key)
    # YAML's readers look no further than 1024 characters for the colon, unless "?" announces it.
    mark, gap = ("? ", " ") if len(written) > _LONGEST_KEY else ("", "")
    return f"{mark}{tag}{written}{gap}: {quoted(value, depth=depth)}"


def _float(value: float) -> str:
    """Psych takes a number for a float only when it has a point: 1e+22 would be a string."""
    if not math.isfinite(value):
        raise UnclassifiableError(f"{value} is not a number that a catalogue can hold")
    mantissa, e, exponent = repr(value).partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + e + exponent


def _escape(match: re.Match[str]) -> str:
    # JSON's pairs of surrogates are not YAML.
    return f"\\U{ord(match[0]):08x}" if match[0] > "\uffff" else f"\\u{ord(match[0]):04x}"


def _mapping(role: Role, key: str) -> Mapping[str, Any]:
    value = role.definition.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnclassifiableError(f"role {role.name}: {key} is not a map")
    return value


def _lines(mapping: Mapping[str, Any]) -> str:
    """In block style, where a key that is announced would need lines of its own."""
    for key in mapping:
        if len(_text(key)) > _LONGEST_KEY:
            raise UnclassifiableError(f"a name is longer than {_LONGEST_KEY} characters")
    return "".join(f"  {_pair(key, value)}\n" for key, value in mapping.items())
