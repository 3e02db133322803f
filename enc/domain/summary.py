"""What became of machines: spot's share, fallbacks, interruptions, and how long they took. Pure.

A fold over iterators: memory grows with the number of roles, not with that of machines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import ArchivedNode, Kind, Launch, Market, Node

# EC2's own words (its StateReason), and ours for its notices.
TAKEN_BACK = re.compile(r"SpotInstance(Termination|Shutdown)|Spot instance|EC2 takes it back")
_HOUR = timedelta(hours=1)
# Above so many seconds, times are kept to three digits: half a percent off at most.
_EXACT = 1000


class Spread:
    """How often each span of time was seen, in bounded memory; nothing negative."""

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()

    def add(self, span: timedelta) -> None:
        self._seen[_rounded(max(round(span.total_seconds()), 0))] += 1

    def __len__(self) -> int:
        return self._seen.total()

    def quantile(self, part: float) -> int | None:
        """Seconds that so large a part of them did not exceed; None where there are none."""
        rank, seen = part * len(self), 0
        for seconds, count in sorted(self._seen.items()):
            seen += count
            if seen >= rank:
                return seconds
        return None


@dataclass(kw_only=True)
class Figures:
    """Of one role, or of all. ``hours`` are those within the time that was asked for.

    ``living`` of the ``machines`` have not ended. ``interruptions``: spot machines that EC2 took
    back. ``fallbacks`` of ``spot_launches`` (launches that asked spot first) got machines
    on-demand, ``fallback_machines`` of them. ``ready``: from launch to ready.
    """

    machines: int = 0
    living: int = 0
    spot: int = 0
    hours: float = 0.0
    spot_hours: float = 0.0
    interruptions: int = 0
    spot_launches: int = 0
    fallbacks: int = 0
    fallback_machines: int = 0
    ready: Spread = field(default_factory=Spread)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """``since`` None: from the beginning of what is kept. Roles stand in the order of names."""

    since: datetime | None
    until: datetime
    total: Figures
    roles: Mapping[str, Figures]


def summarize(
    machines: Iterable[Node | ArchivedNode],
    launches: Iterable[Launch],
    *,
    now: datetime,
    since: datetime | None = None,
) -> Summary:
    """Fold machines that lived, and launches that were opened, between ``since`` and ``now``.

    Those of another time are left out, and so are foreign nodes, which nobody launched. A machine
    became ready, or was taken back, when its own time of that lies within.
    """
    total, roles = Figures(), dict[str, Figures]()
    for one in machines:
        node = one.node if isinstance(one, ArchivedNode) else one
        if node.kind is not Kind.FOREIGN and _lived(one, since):
            for figures in (total, roles.setdefault(node.role, Figures())):
                _add_machine(figures, one, since, now)
    for launch in launches:
        if since is None or launch.opened_at >= since:
            for figures in (total, roles.setdefault(launch.role, Figures())):
                _add_launch(figures, launch)
    ordered = {name: roles[name] for name in sorted(roles)}
    return Summary(since=since, until=now, total=total, roles=ordered)


def interrupted(ended: ArchivedNode) -> bool:
    """Whether EC2 took a spot machine back."""
    return ended.node.market is Market.SPOT and TAKEN_BACK.search(ended.reason) is not None


def fell_back(launch: Launch) -> int:
    """How many machines a launch that asked spot first got on-demand."""
    if launch.market is not Market.SPOT:
        return 0
    return sum(len(one.got) for one in launch.attempts if one.market is Market.ON_DEMAND)


def figures_shape(found: Figures) -> dict[str, Any]:
    """As JSON values: shares between 0 and 1, times in seconds, None where nothing was counted."""
    return {
        "machines": found.machines,
        "living": found.living,
        "spot_share": _share(found.spot, found.machines),
        "hours": round(found.hours, 2),
        "spot_hours_share": _share(found.spot_hours, found.hours),
        "interruptions": found.interruptions,
        "spot_launches": found.spot_launches,
        "fallbacks": found.fallbacks,
        "fallback_machines": found.fallback_machines,
        "ready": len(found.ready),
        "ready_median_s": found.ready.quantile(0.5),
        "ready_p95_s": found.ready.quantile(0.95),
    }


def _lived(one: Node | ArchivedNode, since: datetime | None) -> bool:
    return since is None or not isinstance(one, ArchivedNode) or one.ended_at >= since


def _add_machine(
    figures: Figures, one: Node | ArchivedNode, since: datetime | None, now: datetime
) -> None:
    ended = one if isinstance(one, ArchivedNode) else None
    node = one.node if isinstance(one, ArchivedNode) else one
    hours = _hours(node.launched_at, ended.ended_at if ended else now, since)
    spot = node.market is Market.SPOT
    figures.machines += 1
    figures.living += ended is None
    figures.spot += spot
    figures.hours += hours
    figures.spot_hours += hours if spot else 0.0
    figures.interruptions += ended is not None and interrupted(ended)
    if node.ready_at is not None and (since is None or node.ready_at >= since):
        figures.ready.add(node.ready_at - node.launched_at)


def _add_launch(figures: Figures, launch: Launch) -> None:
    on_demand = fell_back(launch)
    figures.spot_launches += launch.market is Market.SPOT
    figures.fallbacks += on_demand > 0
    figures.fallback_machines += on_demand


def _hours(began: datetime, ended: datetime, since: datetime | None) -> float:
    """Within the time that was asked for; a clock that ran wrong takes nothing away."""
    begin = max(began, since) if since else began
    return max(ended - begin, timedelta(0)) / _HOUR


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(seconds: int) -> int:
    unit = 1
    while seconds // unit >= _EXACT:
        unit *= 10
    return round(seconds / unit) * unit
