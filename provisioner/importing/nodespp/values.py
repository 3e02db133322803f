"""Constants out of the dump of Puppet's parser: what a text, number, list or map stands for.

An expression is a plain JSON value, or ``{"^": [operator, operand...]}``; named operands stand in
``{"#": [name, value, ...]}``. Seen with Puppet 7.23 (``puppet parser dump --format json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What Puppet itself knows of the node whose catalogue it compiles: ``certname`` and its two parts.
TRUSTED = "trusted facts"


class NotConstantError(ValueError):
    """The value is only known when a catalogue is compiled; the message says what it hangs on."""


def operation(expression: Any) -> tuple[str, list[Any]]:
    """Operator and operands; ("", []) for a plain value."""
    match expression:
        case {"^": [str(operator), *operands]}:
            return operator, operands
    return "", []


def named(expression: Any) -> dict[str, Any]:
    """Named operands."""
    match expression:
        case {"#": list(flat)}:
            return dict(zip(flat[::2], flat[1::2], strict=False))
    return {}


def constant(expression: Any, known: Mapping[str, Any]) -> Any:  # noqa: C901, PLR0911 - a case each
    """Its value; ``known`` are the variables that have one. Raises NotConstantError."""
    if expression is None or isinstance(expression, bool | int | float | str):
        return expression
    operator, operands = operation(expression)
    match operator, operands:
        case "qn", [str(word)]:
            return word
        case "paren", [inner]:
            return constant(inner, known)
        case "int" | "float" | "heredoc", [inner]:
            return _spelt(named(inner), known)
        case "access", [{"^": ["var", "trusted" | "::trusted"]}, key]:
            return _trusted(constant(key, known), expression, known)
        case "var", [str(name)]:
            return _variable(name, known)
        case "array", items:
            return [constant(item, known) for item in items]
        case "hash", pairs:
            return dict(_pair(pair, known) for pair in pairs)
        case "concat", parts:
            return "".join(_part(part, known) for part in parts)
        case "-", [inner]:
            return _negative(constant(inner, known))
    raise NotConstantError(f"a value that is computed ({kind(expression)})")


def kind(expression: Any) -> str:
    """What people call it."""
    operator, operands = operation(expression)
    match operator, operands:
        case "var", [name]:
            return f"${name}"
        case (("call" | "invoke"), [inner]):
            _, words = operation(named(inner).get("functor"))
            return f"function {words[0]}()" if words else "function"
        case "access", [inner, *_]:
            return f"{kind(inner)}[...]"
        case (("qr" | "qn"), [name]):
            return str(name)
    return _KINDS.get(operator, operator or "a value")


_KINDS = {
    "regexp": "a regular expression",
    "default": "default",
    "?": "selector",
    "call-method": "method call",
    "+": "arithmetic",
    "-": "arithmetic",
    "*": "arithmetic",
    "/": "arithmetic",
}


def _spelt(inner: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """A number with another base, or a heredoc."""
    if "value" in inner:
        return inner["value"]
    return constant(inner.get("text"), known)


def _variable(name: str, known: Mapping[str, Any]) -> Any:
    """``known`` has those at the top under their names with :: as well."""
    if name not in known:
        raise NotConstantError(f"${name}, which is not a constant of this file")
    return known[name]


def _trusted(key: Any, expression: Any, known: Mapping[str, Any]) -> Any:
    found: Mapping[Any, Any] = known.get(TRUSTED, {})
    if not isinstance(key, str) or key not in found:
        raise NotConstantError(f"a value that is computed ({kind(expression)})")
    return found[key]


def trusted(name: str) -> dict[str, Any]:
    """Of the node of this name: https://www.puppet.com/docs/puppet/7/lang_facts_builtin_variables.html."""
    hostname, _, domain = name.partition(".")
    return {TRUSTED: {"certname": name, "hostname": hostname, "domain": domain or None}}


def _pair(pair: Any, known: Mapping[str, Any]) -> tuple[str, Any]:
    operator, operands = operation(pair)
    if operator != "=>" or len(operands) != 2:  # noqa: PLR2004 - key and value
        raise NotConstantError("a map that is computed")
    key = constant(operands[0], known)
    if not isinstance(key, str):
        raise NotConstantError(f"a map with the key {key!r}: an ENC has only texts as keys")
    return key, constant(operands[1], known)


def _part(part: Any, known: Mapping[str, Any]) -> str:
    """A piece of a text. How Puppet writes true, 1 or undef in one is left to Puppet."""
    operator, operands = operation(part)
    value = constant(operands[0], known) if operator == "str" else constant(part, known)
    if not isinstance(value, str):
        raise NotConstantError("a text that contains an unknown value")
    return value


def _negative(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotConstantError("arithmetic")
    return -value
