"""How old the nodes of a role are, beside the age at which they are replaced. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from enc.domain.durations import for_people
from enc.web.pages.plots import Column, Part, bars

# Up to max_age, and two beyond it, of which the last is open.
BUCKETS, BEYOND = 16, 2


def edges_for(max_age: timedelta, now: datetime) -> list[datetime]:
    """Launch times that lie between the columns, rising: the first is for the oldest nodes."""
    return [now - max_age * step / BUCKETS for step in range(BUCKETS + BEYOND - 1, 0, -1)]


def ages_plot(
    counts: Sequence[int],
    max_age: timedelta | None,
    *,
    width: int,
    height: int,
    large: bool = False,
) -> Markup:
    """``counts`` are those between ``edges_for``'s, the youngest first; nothing without max_age."""
    if not max_age or not counts:
        return Markup()
    columns = [_column(place, count, max_age) for place, count in enumerate(counts)]
    over = sum(counts[BUCKETS:])
    title = f"Ages of {sum(counts):,} nodes; {over:,} are past max_age, {for_people(max_age)}"
    marked = f"max_age {for_people(max_age)}" if large else ""
    return bars(
        columns, title=title, width=width, height=height,
        marker=BUCKETS, marked=marked, labels=5 if large else 0,
    )  # fmt: skip


def _column(place: int, count: int, max_age: timedelta) -> Column:
    name = "old" if place >= BUCKETS else "young"
    return Column(for_people(max_age * place / BUCKETS), (Part(name, count),))
