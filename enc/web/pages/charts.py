"""What the history page draws: machines by the day of their end, and how long they took. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from markupsafe import Markup

from enc.domain.durations import for_people
from enc.domain.model import ArchivedNode, Market
from enc.web.pages.plots import Column, Part, bars

_WIDE, _HIGH = 430, 150
# From launch to ready: the upper edges of the columns; what took longer is the last one.
_MINUTES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60)
# From launch to end.
_HOURS = (1, 2, 4, 8, 12, 24, 48, 96, 168, 336, 720)
_COLUMNS = 60


class Charts:
    """Counts ended machines as they pass by; its size does not grow with their number."""

    def __init__(self, since: datetime, now: datetime) -> None:
        self._since = since
        self._step = max((now - since) / _COLUMNS, timedelta(hours=1))
        self._columns = max(-(-(now - since) // self._step), 1)
        self._ended: dict[str, Counter[int]] = {market.value: Counter() for market in Market}
        self._ready: Counter[int] = Counter()
        self._lived: Counter[int] = Counter()
        self.seen = 0
        self.first: datetime | None = None

    def count(self, machines: Iterable[ArchivedNode]) -> Iterator[ArchivedNode]:
        """The same machines."""
        for one in machines:
            self.seen += 1
            self.first = one.ended_at if self.first is None else min(self.first, one.ended_at)
            self._add(one)
            yield one

    def _add(self, one: ArchivedNode) -> None:
        node, market = one.node, one.node.market
        place = min(max((one.ended_at - self._since) // self._step, 0), self._columns - 1)
        if market:
            self._ended[market.value][place] += 1
        self._lived[_place(one.ended_at - node.launched_at, timedelta(hours=1), _HOURS)] += 1
        if node.ready_at:
            self._ready[
                _place(node.ready_at - node.launched_at, timedelta(minutes=1), _MINUTES)
            ] += 1

    def ended(self) -> Markup:
        form = "%d %b" if self._step >= timedelta(hours=6) else "%d %b %H:%M"
        columns = [
            Column(
                (self._since + self._step * place).strftime(form),
                tuple(Part(name, counts[place]) for name, counts in self._ended.items()),
            )
            for place in range(self._columns)
        ]
        spot, on_demand = (counts.total() for counts in self._ended.values())
        title = f"Machines by their end: {spot:,} spot, {on_demand:,} on-demand"
        return bars(columns, title=title, width=_WIDE, height=_HIGH)

    def ready(self) -> Markup:
        title = f"Time from launch to ready, of {self._ready.total():,} machines"
        return _histogram(self._ready, _MINUTES, timedelta(minutes=1), title)

    def lived(self) -> Markup:
        title = f"Time from launch to end, of {self._lived.total():,} machines"
        return _histogram(self._lived, _HOURS, timedelta(hours=1), title)


def _place(span: timedelta, unit: timedelta, edges: tuple[int, ...]) -> int:
    for place, edge in enumerate(edges):
        if span <= edge * unit:
            return place
    return len(edges)


def _histogram(counts: Counter[int], edges: tuple[int, ...], unit: timedelta, title: str) -> Markup:
    labels = [f"≤ {for_people(edge * unit)}" for edge in edges]
    labels.append(f"> {for_people(edges[-1] * unit)}")
    columns = [Column(label, (Part("young", counts[n]),)) for n, label in enumerate(labels)]
    return bars(columns, title=title, width=_WIDE, height=_HIGH, labels=7)
