"""Where nodes have their classes from, in a file that names none of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from provisioner.importing.nodespp.values import named, operation

_HIERA = frozenset({"lookup", "hiera", "hiera_array", "hiera_hash", "hiera_include"})
# They only define.
_APART = frozenset({"class", "define", "function", "plan"})
_OF_A_NODE = frozenset({"trusted", "facts"})
_ASSIGN = "make each node known by 'provisioner assign NAME ROLE', from a list of them"


def elsewhere(statements: Sequence[Any]) -> str:
    """For people, with what to do; "" where nothing says it."""
    if files := [shown for one in statements for shown in _imported(one)]:
        return (
            f"its node definitions stand in {', '.join(files)}: import is not followed, and Puppet "
            "has had none since 4.0; import those files, one by one"
        )
    used = [one for one in statements if operation(one)[0] not in _APART]
    seen = {what for one in used for what in _sources(one)}
    if seen & _HIERA:
        return f"classes seem to come from Hiera ({min(seen & _HIERA)}): that may stay; {_ASSIGN}"
    if names := sorted(f"${name}" for name in seen & _OF_A_NODE):
        return f"classes seem to come from {' and '.join(names)}: {_ASSIGN}"
    return ""


def _imported(statement: Any) -> Iterator[str]:
    operator, operands = operation(statement)
    inner = named(operands[0]) if operator in ("invoke", "call") else {}
    if operation(inner.get("functor")) == ("qn", ["import"]):
        yield from (one for one in inner.get("args", []) if isinstance(one, str))


def _sources(tree: Any) -> Iterator[str]:
    """Functions and variables by their names."""
    match tree:
        case {"^": ["qn" | "var", str(name)]}:
            yield name.removeprefix("::")
        case {"^": [*parts]} | {"#": [*parts]} | [*parts]:
            yield from _every(parts)


def _every(trees: Iterable[Any]) -> Iterator[str]:
    for tree in trees:
        yield from _sources(tree)
