"""From the dump of Puppet's parser to node definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from enc.domain.classify import class_name
from provisioner.importing.nodespp.around import Around, around, together, unknown
from provisioner.importing.nodespp.body import Body
from provisioner.importing.nodespp.definition import (
    Definition,
    Manifest,
    Match,
    Remark,
    UnreadableDumpError,
)
from provisioner.importing.nodespp.elsewhere import elsewhere
from provisioner.importing.nodespp.lines import Finder, Statement, Token, places
from provisioner.importing.nodespp.names import Descent, matched, parent_of
from provisioner.importing.nodespp.values import named, operation, trusted
from provisioner.importing.nodespp.words import label, spelt

_NONE_NOW = "Puppet has had no inheritance of nodes since 4.0"
# Of these the file may be full: they change no catalogue by themselves.
_IN_BRACES = frozenset({"class", "define", "function", "plan"})
_DEFINING = _IN_BRACES | {"type-alias", "nop", "type-mapping"}


def read(dump: str, source: str, siblings: Mapping[str, str | None] | None = None) -> Manifest:
    """``dump`` is the parser's JSON of ``source``. Raises UnreadableDumpError.

    ``siblings`` are the dumps of manifests that Puppet reads with it, by their names; None for one
    that the parser does not read.
    """
    try:
        whole = json.loads(dump)
        statements = _statements(whole)
        nodes = [named(operands[0]) for operator, operands in statements if operator == "node"]
        found, others = _places(source, len(nodes))
        placed = list(zip(nodes, found, strict=True))
        descent = Descent(placed)
        dumps = {file: _readable(other) for file, other in (siblings or {}).items()}
        beside = together(around(_whole(whole)), _siblings(dumps))
        return Manifest(
            definitions=tuple(
                one for node, place in placed for one in _definitions(node, place, beside, descent)
            ),
            outside=tuple(_outside(whole, others)),
            own_classes=frozenset(_own_classes(statements)),
            beside=tuple(_nameless(dumps, beside)),
            elsewhere=elsewhere(_whole(whole)),
        )
    except RecursionError as error:
        raise UnreadableDumpError(
            "a value or a conditional is nested too deep to be read: make it flatter"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableDumpError(
            "what Puppet's parser printed is not what is known of it "
            f"({type(error).__name__}); is --puppet another program?"
        ) from error


def _statements(whole: Any) -> list[tuple[str, list[Any]]]:
    return [operation(one) for one in _whole(whole)]


def _whole(whole: Any) -> list[Any]:
    operator, operands = operation(whole)
    return operands if operator == "block" else [whole]


def _places(source: str, count: int) -> tuple[Sequence[Statement | None], Sequence[Token]]:
    """Better no line than a wrong one: those found count only where they are as many."""
    try:
        found, others = places(source)
    except RecursionError:
        return [None] * count, ()
    return (found, others) if len(found) == count else ([None] * count, ())


def _readable(dump: str | None) -> str | None:
    """None for what is not known: another file's fault does not stop this one."""
    try:
        return dump if dump and read(dump, "") else None
    except UnreadableDumpError:
        return None


def _siblings(dumps: Mapping[str, str | None]) -> Iterator[Around]:
    for file, dump in dumps.items():
        if dump is None:
            yield unknown(file, "which could not be read")
        else:
            yield around(_whole(json.loads(dump)), file)


def _nameless(dumps: Mapping[str, str | None], beside: Around) -> Iterator[Definition]:
    for file, dump in dumps.items():
        for operator, operands in _statements(json.loads(dump)) if dump else ():
            for one in _alone(named(operands[0]), beside) if operator == "node" else ():
                if one.match is not Match.NAME:
                    yield replace(one, file=file)


def _alone(node: Mapping[str, Any], beside: Around) -> Iterator[Definition]:
    return _definitions(node, None, beside, Descent([(node, None)]))


def _said(node: Mapping[str, Any]) -> bool:
    return any(operation(one)[0] != "nop" for one in node.get("body", []))


def _own_classes(statements: Sequence[tuple[str, list[Any]]]) -> Iterator[str]:
    for operator, operands in statements:
        if operator == "class":
            yield class_name(str(named(operands[0]).get("name", "")))


def _outside(whole: Any, others: Sequence[Token]) -> Iterator[Remark]:
    """What stands beside the node statements, and is for every node."""
    lines = Finder(others, depth=0)
    for statement in _whole(whole):
        operator, _ = operation(statement)
        if operator in _IN_BRACES:
            lines.skip(operator)
        if operator == "node" or operator in _DEFINING:
            continue
        word, what = label(statement)
        line = lines.line(spelt(statement))
        if word in ("$role", "$rolecall"):
            what += (
                ", which rolecall sets for every node: Puppet refuses to set it twice; rename it"
            )
        yield Remark(line=line, what=what)


def _tell_descent(body: Body, line: int | None, parent: str, lacking: str) -> None:
    if lacking:
        what = f"it inherits {lacking}, which is not a node of this file that can be found"
        body.problems.append(Remark(line=line, what=f"{what}; {_NONE_NOW}"))
    elif parent:
        what = f"it inherits {parent}, whose statements come first; {_NONE_NOW}"
        body.notes.append(Remark(line=line, what=what))


def _definitions(
    node: Mapping[str, Any],
    place: Statement | None,
    beside: Around,
    descent: Descent,
) -> Iterator[Definition]:
    line, parent = place.line if place else None, parent_of(node)
    family, lacking = descent.of(node, place)
    for match in node["matches"]:
        name, how = matched(match)
        body = Body(beside, trusted(name) if how is Match.NAME else {})
        _tell_descent(body, line, parent, lacking)
        for one, where in family:
            body.take(one.get("body", []), where)
        problems = body.problems
        if how is None:
            why = Remark(line=line, what=f"its name is {name}")
            problems, how = [why, *problems], Match.NAME
        yield Definition(
            name=name,
            line=line,
            match=how,
            classes=body.classes,
            parameters=body.parameters,
            problems=tuple(problems),
            notes=tuple(body.notes),
            empty=not any(_said(one) for one, _ in family),
            parent=parent,
        )
