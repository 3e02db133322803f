"""What people call the statements of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from provisioner.importing.nodespp.values import kind, named, operation

# They write into a log and leave the catalogue as it is.
LOGGING = frozenset({"alert", "crit", "debug", "emerg", "err", "info", "notice", "warning"})
_KEYWORDS = frozenset({"if", "unless", "case"})
_CONDITIONAL = _KEYWORDS | {"?"}
_STATEMENTS = {
    "->": "a relationship (->)",
    "~>": "a relationship (~>)",
    "<-": "a relationship (<-)",
    "<~": "a relationship (<~)",
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
        return _resource(named(operands[0]).get("type"))
    if operator == "resource-defaults":
        return "", "defaults of a resource type"
    if operator == "=":
        name = variable(operands)
        return f"${name}" if name else "", f"the variable ${name}" if name else "an assignment"
    if operator in _CONDITIONAL:
        return operator, f"a conditional ({operator})"
    word = operator if operator.isalpha() else ""
    return word, _STATEMENTS.get(operator, kind(statement))


def _resource(type_: Any) -> tuple[str, str]:
    if isinstance(type_, str):  # with a hyphen, as Puppet 2 had them, or in quotes
        return "", f"a resource ({type_})"
    word = kind(type_)
    return word, "a class" if word == "class" else f"a resource ({word})"


def variable(operands: Sequence[Any]) -> str:
    """The name on the left of an assignment; "" where several are."""
    operator, words = operation(operands[0])
    return str(words[0]) if operator == "var" else ""


def spelt(statement: Any) -> Iterator[str]:
    """The words and variables of a statement in the order of the file, with which it begins.

    Not those in texts, whose pieces are no words of the file.
    """
    operator, _ = operation(statement)
    if operator in _KEYWORDS:
        yield operator
    yield from _words(statement)


def _words(tree: Any) -> Iterator[str]:
    match tree:
        case {"^": ["concat" | "heredoc", *_]}:
            return
        case {"^": ["qn" | "qr", str(word)]}:
            yield word
        case {"^": ["var", str(name)]}:
            yield f"${name}"
        case {"^": ["array", *items]}:
            yield "["
            yield from _every(items)
        case {"^": [_, *operands]}:
            yield from _every(operands)
        case {"#": ["type", str(word), *more]}:
            yield word
            yield from _every(more[1::2])
        case {"#": [*flat]}:
            yield from _every(flat[1::2])
        case [*items]:
            yield from _every(items)


def _every(trees: Iterable[Any]) -> Iterator[str]:
    for tree in trees:
        yield from _words(tree)
