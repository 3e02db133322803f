"""What people call the statements of a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provisioner.nodespp.values import kind, named, operation

# They write into a log and leave the catalogue as it is.
LOGGING = frozenset({"alert", "crit", "debug", "emerg", "err", "info", "notice", "warning"})
_CONDITIONAL = frozenset({"if", "unless", "case", "?"})
_STATEMENTS = {
    "->": "a relationship (->)",
    "~>": "a relationship (~>)",
    "resource-override": "an override of a resource",
    "collect": "a collector",
    "exported-query": "a collector",
    "virtual-query": "a collector",
    "call-method": "a method call",
}


def label(statement: Any) -> tuple[str, str]:
    """The word that a statement begins with, "" for one without; and what people call it."""
    operator, operands = operation(statement)
    if operator in ("invoke", "call"):
        _, words = operation(named(operands[0]).get("functor"))
        word = str(words[0]) if words else ""
        return word, f"the function {word}()"
    if operator == "resource":
        _, words = operation(named(operands[0]).get("type"))
        word = str(words[0]) if words else ""
        return word, "a class" if word == "class" else f"a resource ({word})"
    if operator == "resource-defaults":
        _, words = operation(named(operands[0]).get("type"))
        return str(words[0]) if words else "", "defaults of a resource type"
    if operator == "=":
        name = variable(operands)
        return f"${name}" if name else "", f"the variable ${name}" if name else "an assignment"
    if operator in _CONDITIONAL:
        return operator, f"a conditional ({operator})"
    word = operator if operator.isalpha() else ""
    return word, _STATEMENTS.get(operator, kind(statement))


def variable(operands: Sequence[Any]) -> str:
    """The name on the left of an assignment; "" where several are."""
    operator, words = operation(operands[0])
    return str(words[0]) if operator == "var" else ""
