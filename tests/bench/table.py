"""The table that `make bench` prints: what was promised, beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Row:
    what: str
    measured: str
    bound: str
    ok: bool


def show(rows: Sequence[Row]) -> None:
    """Prints the rows in columns, each with whether its promise was kept."""
    lines = [("what", "measured", "bound", "")]
    lines += [(*astuple(row)[:3], "ok" if row.ok else "MISSED") for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
