"""What stands in the braces of a node statement, one statement after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from enc.domain.classify import class_name
from enc.domain.core_facts import FACTS
from provisioner.importing.nodespp.around import Around
from provisioner.importing.nodespp.definition import Remark
from provisioner.importing.nodespp.lines import Finder, Statement
from provisioner.importing.nodespp.values import (
    NotConstantError,
    constant,
    named,
    operation,
)
from provisioner.importing.nodespp.words import LOGGING, label, spelt, variable

_DECLARING = frozenset({"include", "contain", "require"})


class Body:
    """Collects what the statements declare, and what of them an ENC cannot say."""

    def __init__(
        self,
        around: Around,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes: dict[str, dict[str, Any]] = {}
        self.parameters: dict[str, Any] = {}
        self.problems: list[Remark] = []
        self.notes: list[Remark] = []
        self._around, self._known = around, {**around.constants, **(known or {})}
        self._separate = False

    def take(self, statements: Sequence[Any], place: Statement | None) -> None:
        lines = Finder(place.inside if place else (), depth=1)
        for statement in statements:
            operator, operands = operation(statement)
            word, what = label(statement)
            if operator == "nop":
                continue
            # One that cannot be found has the node's.
            line = lines.line(spelt(statement)) or (place.line if place else None)
            try:
                self._one(operator, operands, word, what, line)
            except NotConstantError as error:
                self.problems.append(Remark(line=line, what=f"{what} has {error}"))

    def _one(
        self, operator: str, operands: Sequence[Any], word: str, what: str, line: int | None
    ) -> None:
        inner = named(operands[0]) if operands else {}
        if operator == "invoke" and word in _DECLARING:
            self._declare(word, inner.get("args", []), line)
        elif operator == "invoke" and word in LOGGING:
            self.notes.append(Remark(line=line, what=f"{what} is left out: it only logs"))
        elif operator == "resource" and word == "class" and "form" not in inner:
            self._declare_like_resources(inner.get("bodies", []), line)
        elif operator == "=":
            self._assign(operands, line)
        else:
            self.problems.append(Remark(line=line, what=f"{what}; an ENC has only classes"))

    def _declare(self, word: str, arguments: Sequence[Any], line: int | None) -> None:
        names = [name for one in arguments for name in _names(one, self._known)]
        if word != "include":
            self.notes.append(
                Remark(line=line, what=f"{word} becomes include: an ENC has no order of classes")
            )
        elif set(names) - self.classes.keys():
            self._note_separate(line)
        for name in names:
            self.classes.setdefault(name, {})

    def _note_separate(self, line: int | None) -> None:
        """A class in the first that asks for one of a later sees another answer."""
        if self.classes and not self._separate:
            what = "separate declarations become one: an ENC's are all declared before any is used"
            self.notes.append(Remark(line=line, what=what))
            self._separate = True

    def _declare_like_resources(self, bodies: Sequence[Any], line: int | None) -> None:
        parts = [named(body) for body in bodies]
        is_default = [operation(one.get("title"))[0] == "default" for one in parts]
        if sum(is_default) > 1:
            twice = "default stands twice in a class statement: Puppet refuses that"
            self.problems.append(Remark(line=line, what=twice))
        given = [_once(_parameters(one.get("ops", []), self._known)) for one in parts]
        # Those of ``default`` are for the bodies before it as well.
        shared = {k: v for n, one in enumerate(given) if is_default[n] for k, v in one.items()}
        for n, one in enumerate(parts):
            for name in () if is_default[n] else _names(one.get("title"), self._known):
                # Puppet takes undef for a parameter that is not given.
                whole = {k: v for k, v in {**shared, **given[n]}.items() if v is not None}
                self._declare_one(name, whole, line)

    def _declare_one(self, name: str, given: dict[str, Any], line: int | None) -> None:
        plain = next((other for other, has in self.classes.items() if not has), "")
        if name in self.classes:
            twice = f"class {name} is declared a second time: Puppet refuses that"
            self.problems.append(Remark(line=line, what=twice))
        elif given and plain:
            late = (
                f"class {name} has parameters and stands behind {plain}, which has none: "
                "Puppet takes an ENC's classes with parameters first"
            )
            self.problems.append(Remark(line=line, what=late))
        else:
            self._note_separate(line)
        self.classes[name] = given

    def _assign(self, operands: Sequence[Any], line: int | None) -> None:
        name = variable(operands)
        if not name:
            raise NotConstantError("several variables on its left")
        value = constant(operands[1], self._known)
        for what in self._against(name):
            self.problems.append(Remark(line=line, what=what))
        self.notes.append(
            Remark(line=line, what=f"${name} becomes top-scope: $::{name} is it, too")
        )
        self.parameters[name] = self._known[name] = value

    def _against(self, name: str) -> Iterator[str]:
        if against := self._around.against(name):
            yield against
        if self.classes:
            yield f"${name} is set after classes were declared: those did not see it, and would"
        if name in self.parameters:
            yield f"${name} is set a second time: Puppet refuses that"
        if name in FACTS:
            yield f"${name} is called as a fact, which an ENC's would replace: rename it"


def _names(expression: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """Class names: a word, a text, ``Class[...]``, or a list of these."""
    operator, operands = operation(expression)
    if operator == "array":
        for item in operands:
            yield from _names(item, known)
        return
    if operator == "access" and operation(operands[0]) == ("qr", ["Class"]):
        for item in operands[1:]:
            yield from _names(item, known)
        return
    found = constant(expression, known)
    for name in found if isinstance(found, list) else [found]:
        if not isinstance(name, str):
            raise NotConstantError("a class name that is not a text")
        plain = class_name(name)
        if plain.startswith("::"):
            raise NotConstantError(f"a name that no class can have ({name})")
        yield plain


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotConstantError(f"the parameter {name} twice, which Puppet refuses")
        found[name] = value
    return found


def _parameters(operations: Sequence[Any], known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for one in operations:
        operator, operands = operation(one)
        if operator == "splat-hash":
            given = constant(operands[0], known)
            if not isinstance(given, dict):
                raise NotConstantError("parameters (*) that are not a map")
            yield from given.items()
        elif operator == "=>":
            yield str(operands[0]), constant(operands[1], known)
        else:
            raise NotConstantError(f"a parameter with {operator}")
