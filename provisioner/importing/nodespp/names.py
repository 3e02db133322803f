"""What a node statement goes by, and from whom it inherits, as Puppet did before 4.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.importing.nodespp.definition import Match
from provisioner.importing.nodespp.lines import Statement
from provisioner.importing.nodespp.values import NotConstantError, constant, operation

Placed = tuple[Mapping[str, Any], Statement | None]


def matched(expression: Any) -> tuple[str, Match | None]:
    """A name as Puppet compares it; None for one that is computed."""
    operator, operands = operation(expression)
    if operator == "regexp":
        return f"/{operands[0]}/", Match.PATTERN
    try:
        name = "default" if operator == "default" else str(constant(expression, {})).lower()
    except NotConstantError as error:
        return str(error), None
    # Quoted, and however it is written, it is Puppet's default node.
    return name, Match.DEFAULT if name == "default" else Match.NAME


def parent_of(node: Mapping[str, Any]) -> str:
    """Whom it inherits from; "" for nobody."""
    return matched(node["parent"])[0] if "parent" in node else ""


class Descent:
    """The node statements of a file by their names."""

    def __init__(self, nodes: Iterable[Placed]) -> None:
        self._by_name: dict[str, list[Placed]] = {}
        for node, place in nodes:
            for match in node["matches"]:
                self._by_name.setdefault(matched(match)[0], []).append((node, place))

    def of(self, node: Mapping[str, Any], place: Statement | None) -> tuple[list[Placed], str]:
        """It and those that it inherits from, the eldest first; and who of them is not there.

        Who stands twice is not there, nor who inherits from itself.
        """
        family: list[Placed] = [(node, place)]
        while name := parent_of(family[0][0]):
            above = self._by_name.get(name, [])
            if len(above) != 1 or any(above[0][0] is one for one, _ in family):
                return family, name
            family.insert(0, above[0])
        return family, ""
