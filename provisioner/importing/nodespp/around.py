"""What the statements beside the node statements do to every node: what they set and what they see.

Puppet evaluates them before the node statement, and an ENC's variables are there before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from provisioner.importing.nodespp.types import CORE
from provisioner.importing.nodespp.values import (
    NotConstantError,
    constant,
    named,
    operation,
)
from provisioner.importing.nodespp.words import LOGGING, label

# What stands in them is not evaluated where they stand, and their variables are their own.
_APART = frozenset({"node", "class", "define", "function", "plan"})
# Code of modules may be behind each, which sees any variable: also by way of Hiera.
_RUNNING = frozenset({"invoke", "call", "call-method", "resource", "collect"})


@dataclass(frozen=True, kw_only=True)
class Around:
    """Of all that is for every node.

    ``assigned`` and ``read`` are variables, each with the place; ``running`` is the first statement
    that runs code of others, "" for none; ``constants`` are this file's own.
    """

    assigned: Mapping[str, str]
    read: Mapping[str, str]
    running: str = ""
    constants: Mapping[str, Any]

    def against(self, name: str) -> str:
        """Why a node cannot have an ENC set this variable; "" where it can."""
        if name in self.assigned:
            return (
                f"${name} is set {self.assigned[name]} as well, and an ENC's would be set twice "
                "there"
            )
        seen = self.read.get(name) or self.running
        return (
            f"${name} would be seen by what stands beside the node statements ({seen}), which does "
            "not see it now"
            if seen
            else ""
        )


def around(statements: Sequence[Any], file: str = "") -> Around:
    """Of one file; ``file`` "" is the one that is imported."""
    where = f"in {file}" if file else "at the top"
    inside = [one for one in statements if operation(one)[0] not in _APART]
    running = next((label(one)[1] for one in inside if _runs(one)), "")
    return Around(
        assigned=dict.fromkeys(_assigned(inside), where),
        read=dict.fromkeys(_read(inside), where),
        running=f"{running} {where}" if running else "",
        constants={} if file else _constants(inside),
    )


def together(own: Around, others: Iterable[Around]) -> Around:
    """What the file and those that Puppet reads with it do."""
    every = [own, *others]
    return Around(
        assigned={k: v for one in reversed(every) for k, v in one.assigned.items()},
        read={k: v for one in reversed(every) for k, v in one.read.items()},
        running=next((one.running for one in every if one.running), ""),
        constants=own.constants,
    )


def unknown(file: str, why: str) -> Around:
    """Of a file that cannot be read: it may do anything."""
    return Around(assigned={}, read={}, running=f"{file}, {why}", constants={})


def _operations(tree: Any) -> Iterator[tuple[str, list[Any]]]:
    """All that are evaluated with the tree."""
    operator, operands = operation(tree)
    if operator in _APART:
        return
    if operator:
        yield operator, operands
    if isinstance(tree, dict):
        tree = list(tree.values())
    for inner in tree if isinstance(tree, list) else ():
        yield from _operations(inner)


def _runs(statement: Any) -> bool:
    return any(
        operator in _RUNNING and not _is_harmless(operands)
        for operator, operands in _operations(statement)
    )


def _is_harmless(operands: Sequence[Any]) -> bool:
    inner = named(operands[0]) if operands else {}
    return _word(inner.get("functor")) in LOGGING or _word(inner.get("type")).lower() in CORE


def _word(expression: Any) -> str:
    _, words = operation(expression)
    return _plain(words[0]) if words else ""


def _assigned(trees: Iterable[Any]) -> Iterator[str]:
    """Also in conditionals and lists: whether a branch is taken is not known here."""
    for tree in trees:
        for operator, operands in _operations(tree):
            if operator in ("=", "+=") and operands:
                yield from _left(operands[0])


def _left(target: Any) -> Iterator[str]:
    operator, operands = operation(target)
    if operator == "var":
        yield _plain(operands[0])
    elif operator == "array":
        for one in operands:
            yield from _left(one)


def _read(trees: Iterable[Any]) -> Iterator[str]:
    """Each that is named, on the left of an assignment as well: those are refused anyway."""
    for tree in trees:
        for operator, operands in _operations(tree):
            if operator == "var":
                yield _plain(operands[0])


def _plain(name: Any) -> str:
    return str(name).removeprefix("::")


def _constants(statements: Iterable[Any]) -> dict[str, Any]:
    """One may be made of those before it."""
    known: dict[str, Any] = {}
    for statement in statements:
        operator, operands = operation(statement)
        if operator == "=" and operation(operands[0])[0] == "var":
            with suppress(NotConstantError):
                name, value = _plain(operation(operands[0])[1][0]), constant(operands[1], known)
                # With ::, it is this one also where a node has one of that name.
                known[name] = known[f"::{name}"] = value
    return known
