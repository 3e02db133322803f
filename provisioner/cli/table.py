"""Tables for people: columns under titles, nothing cut, nothing folded.

A terminal that is too narrow gets fewer columns, never a broken name: names are there to be copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.cli.texts import readable

# Between two columns; the same in awk's eyes as one blank.
GAP = "  "
# A longer value is whole, and sticks out of its column: else all lines would be padded to it.
_WIDEST = 200
# Stands for nothing, so that programs can count columns.
NOTHING = "-"
_TITLES = {"certname": "NODE", "instance_type": "TYPE", "retire_step": "NEXT-STEP"}
Paint = Callable[[str, str, str], str]


@dataclass(frozen=True)
class Column:
    """``key`` is the field of a record. ``spare``: a narrow terminal does without it."""

    key: str
    spare: bool = False

    @property
    def title(self) -> str:
        return _TITLES.get(self.key, self.key.replace("_", "-").upper())


def columns(*keys: str) -> tuple[Column, ...]:
    """Columns by their keys; one in brackets, as in ``[zone]``, is spare."""
    return tuple(Column(key.strip("[]"), spare=key.startswith("[")) for key in keys)


@dataclass(frozen=True)
class Table:
    """``lines`` begin with the titles; ``hidden`` are titles that had no room."""

    lines: tuple[str, ...]
    hidden: tuple[str, ...] = ()


def plainly(_key: str, _value: str, text: str) -> str:
    return text


def lay_out(
    records: Sequence[Mapping[str, Any]],
    shown: Sequence[Column],
    *,
    width: int | None = None,
    paint: Paint = plainly,
) -> Table:
    """``width`` in characters; None is endless. ``paint(key, value, text)`` colours a cell."""
    filled = [_Filled.of(column, records) for column in shown]
    kept = _that_fit(filled, width)
    rows = zip(*(column.cells(paint) for column in kept), strict=True)
    hidden = tuple(one.column.title for one in filled if one not in kept)
    return Table(tuple(GAP.join(row).rstrip() for row in rows), hidden)


@dataclass(frozen=True)
class _Filled:
    column: Column
    values: tuple[str, ...]
    width: int

    @classmethod
    def of(cls, column: Column, records: Sequence[Mapping[str, Any]]) -> _Filled:
        values = tuple(readable(record.get(column.key)) or NOTHING for record in records)
        usual = (len(value) for value in values if len(value) <= _WIDEST)
        return cls(column, values, max((len(column.title), *usual)))

    def cells(self, paint: Paint) -> list[str]:
        key, width = self.column.key, self.width
        title = paint("", self.column.title, f"{self.column.title:<{width}}")
        return [title, *(paint(key, value, f"{value:<{width}}") for value in self.values)]


def _that_fit(filled: Sequence[_Filled], width: int | None) -> list[_Filled]:
    """The spare columns go from the right until the rest has room."""
    kept = list(filled)
    for one in reversed(filled):
        if width is None or _width(kept) <= width:
            break
        if one.column.spare:
            kept.remove(one)
    return kept


def _width(filled: Sequence[_Filled]) -> int:
    return sum(one.width for one in filled) + len(GAP) * (len(filled) - 1)
