"""Plots as SVG: text from numbers. Pure.

What a plot says it says in words, too (its ``title``). Colours are classes, which the style sheet
gives for light and dark; sizes are attributes, as the pages' policy allows no inline style.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_GAP = 1.5
_LEAST = 2.0
_FOOT = 16.0
_HEAD = 14.0


@dataclass(frozen=True)
class Part:
    """A part of a whole, and the class that colours it."""

    name: str
    value: int


@dataclass(frozen=True)
class Column:
    """One place on the x-axis: its label, and its parts from the bottom up."""

    label: str
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        return sum(part.value for part in self.parts)


def share(parts: Sequence[Part], *, title: str, width: int = 120, height: int = 8) -> Markup:
    """A bar that is cut into parts; all of it empty where there is nothing."""
    total = sum(part.value for part in parts)
    drawn, x = Markup(), 0.0
    for part in parts:
        wide = width * part.value / total if total else 0.0
        drawn += _rect(part.name, x, 0, wide, height) if part.value else Markup()
        x += wide
    track = _rect("track", 0, 0, width, height)
    return _svg(track + drawn, "share", width, height, title)


def filled(parts: Sequence[Part], whole: int, *, title: str, width: int = 120) -> Markup:
    """How much of what is wanted is there; more than all of it is a full bar."""
    left, there = max(whole, 0), []
    for part in parts:
        value = min(max(part.value, 0), left)
        there.append(Part(part.name, value))
        left -= value
    return share([*there, Part("missing", left)], title=title, width=width)


def bars(  # each is one thing about the drawing
    columns: Sequence[Column],
    *,
    title: str,
    width: int = 640,
    height: int = 160,
    marker: float | None = None,
    marked: str = "",
    labels: int = 6,
) -> Markup:
    """Columns beside each other, each of stacked parts; every so many have their label below.

    ``marker`` is a line at so many columns from the left, with ``marked`` written at its head.
    """
    foot, head = (_FOOT if labels else 0.0), (_HEAD if marked else _LEAST)
    most = max((column.total for column in columns), default=0)
    step = width / max(len(columns), 1)
    room = height - foot - head
    drawn = _rect("axis", 0, height - foot, width, 1)
    for place, column in enumerate(columns):
        drawn += _column(column, place * step, step, height - foot, room / max(most, 1))
    drawn += _labels(columns, step, width, height, labels)
    if marker is not None:
        drawn += _marker(min(marker * step, width - 1.0), head, height - foot, width, marked)
    return _svg(drawn, "bars", width, height, title)


def _column(column: Column, x: float, step: float, floor: float, scale: float) -> Markup:
    """One that is not empty is seen, however many others have."""
    drawn, y = Markup(), floor
    for part in column.parts:
        tall = max(part.value * scale, _LEAST) if part.value else 0.0
        y -= tall
        drawn += _rect(part.name, x, y, max(step - _GAP, 1.0), tall) if tall else Markup()
    told = ", ".join(f"{part.value:,} {part.name}" for part in column.parts if part.value)
    if not told:
        return drawn
    return Markup("<g><title>{}: {}</title>{}</g>").format(column.label, told, drawn)


def _labels(
    columns: Sequence[Column], step: float, width: float, height: float, labels: int
) -> Markup:
    if not labels or not columns:
        return Markup()
    every = max(-(-len(columns) // labels), 1)
    drawn = Markup()
    for place in range(0, len(columns), every):
        x = place * step
        if x < width - 2 * _FOOT:
            drawn += _text(x, height - 3, columns[place].label)
    return drawn


def _marker(x: float, top: float, floor: float, width: float, marked: str) -> Markup:
    line = Markup('<line class="marker" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
        _n(x), _n(top - _LEAST), _n(floor)
    )
    if not marked:
        return line
    anchor = "end" if x > width / 2 else "start"
    return line + _text(x, top - 4, marked, anchor)


def _svg(drawn: Markup, kind: str, width: int, height: int, title: str) -> Markup:
    return Markup(
        '<svg class="plot {}" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" '
        'height="{}"><title>{}</title>{}</svg>'
    ).format(kind, title, width, height, width, height, title, drawn)


def _rect(name: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        name, _n(x), _n(y), _n(width), _n(height)
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        _n(x), _n(y), anchor, text
    )


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
