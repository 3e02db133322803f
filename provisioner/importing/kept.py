"""Node statements without a name: once the others are out of the file, they meet their nodes.

Puppet takes the statement of a node's own name, else the first pattern, else ``default``, and adds
it to what the ENC says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from provisioner.importing.nodespp.definition import Definition, Match, Remark

_SHOWN = 3
# Ruby's, where Python has another word.
_RUBY = {r"\z": r"\Z", r"\Z": r"\Z", r"\h": "[0-9a-fA-F]"}


class Kept:
    """What of a file stays where it is."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        patterns = [one for one in definitions if one.match is Match.PATTERN]
        self._patterns = [(one, _compiled(one.name)) for one in patterns]
        self._names = list(dict.fromkeys(d.name for d in definitions if d.match is Match.NAME))
        filled = (one for one in definitions if one.match is Match.DEFAULT and not one.empty)
        self._default = next(filled, None)
        self._heirs: dict[str, list[str]] = {}
        for one in definitions:
            self._heirs.setdefault(one.parent, []).append(one.name)

    def notes(self, name: str) -> tuple[Remark, ...]:
        """What a node would get besides, were its own statement gone."""
        meets = [one for one, how in self._patterns if how and how.search(name)]
        found = meets[0] if meets else self._default
        if found is None:
            return ()
        where = f" of {found.file}" if found.file else ""
        what = f"{found.name}{where}, if it stays, is added once this statement is out of the file"
        return (Remark(line=found.line, what=what),)

    def heirs(self, name: str) -> str:
        """Why a statement from which others inherit is none of a machine; "" for any other."""
        found = self._heirs.get(name, [])
        return (
            f"{_some(found)} inherits from it, so it is taken for a template; if a machine has "
            f"that name, 'provisioner assign {name} ROLE'"
            if found
            else ""
        )

    def added(self, others: Iterable[Definition]) -> Iterator[str]:
        """Of other files: what would be added to nodes of this one."""
        for one in others:
            default = one.match is Match.DEFAULT and not one.empty
            if default or (one.match is Match.PATTERN and self._meeting(one)):
                yield f"{one.name} of {one.file}: {self.why(one)}"

    def why(self, one: Definition) -> str:
        """Why a pattern, or a ``default`` that is not empty, is not importable."""
        if one.match is Match.DEFAULT:
            return (
                "default is for nodes that nobody named, and rolecall answers only for those it "
                "knows; empty it before switching: it would be added to every imported node"
            )
        return "a regular expression names no node; import each by its name, or keep it" + (
            self._meeting(one)
        )

    def _meeting(self, one: Definition) -> str:
        how = _compiled(one.name)
        if how is None:
            return "; whether it meets a name of this file could not be tried"
        meets = [name for name in self._names if how.search(name)]
        if not meets:
            return ""
        return (
            f"; take it out before switching, or narrow it: it meets {_some(meets)}, to which it "
            "would be added"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _compiled(name: str) -> re.Pattern[str] | None:
    """``name`` is /.../; None for what Python does not read."""
    text = re.sub(r"\\.", lambda found: _RUBY.get(found[0], found[0]), name[1:-1])
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return None
