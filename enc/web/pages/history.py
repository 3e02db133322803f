"""The record of machines that have ended: figures and plots of a span, and each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask import Blueprint, Response

from enc.durations import Duration, for_people
from enc.inventory import BadCursorError, Inventory
from enc.model import Launch
from enc.summary import Figures, summarize
from enc.web.documents import BAD_PARAMETER
from enc.web.pages import words
from enc.web.pages.charts import Charts
from enc.web.pages.desk import Desk, given, link
from enc.web.parameters import CURSOR, LIMIT, ROLE, Parameter
from enc.web.parameters import asked as values_of
from enc.web.problems import ProblemError

SINCE = ("1d", "7d", "30d", "90d", "400d")
_DEFAULT, _LONGEST = Duration("30d"), timedelta(days=400)
# To read an ended machine costs a tenth of a millisecond, in a worker that has Puppet to answer.
COUNTED, LAUNCHES, _CHUNK = 5_000, 1_000, 200


def _span(text: str) -> Duration:
    try:
        span = Duration(text)
    except ValueError:
        raise ValueError("is no duration: write one as in 12h, 7d or 400d") from None
    if span > _LONGEST:
        raise ValueError("is more than the 400 days that are kept")
    return span


_SINCE = Parameter(
    name="since",
    about="that ended within so long",
    schema={"type": "string", "default": str(_DEFAULT)},
    parse=_span,
    default=_DEFAULT,
)
_TABLE = (_SINCE, ROLE, LIMIT, CURSOR)


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/history")
    def history() -> Response:
        asked = given()
        found = values_of(asked, _TABLE)
        span, role, cursor = found["since"], found["role"], found["cursor"]
        now, inventory = desk.begin(), desk.inventory
        since = now - span
        try:
            page = inventory.nodes.archive_page(found["limit"], cursor, since=since, role=role)
        except BadCursorError as error:
            raise ProblemError(BAD_PARAMETER, f"cursor: {error}") from error
        figures = {} if cursor else figures_of(inventory, since, now, role)
        names = inventory.roles.names()
        desk.check()
        flat = {name: asked[name] for name in asked if name != "cursor"}
        return desk.page(
            "history.html", now=now, since=str(span), spans=SINCE, role=role,
            roles=names if role in (None, *names) else [role, *names], machines=page.nodes,
            cursor=cursor, first=link(".history", flat), **figures,
            following=link(".history", flat, cursor=page.cursor) if page.cursor else None,
        )  # fmt: skip


def figures_of(
    inventory: Inventory,
    since: datetime,
    now: datetime,
    role: str | None,
    *,
    counted: int = COUNTED,
    most_launches: int = LAUNCHES,
) -> dict[str, Any]:
    """Of the last ones to end, so many that a page does not keep the worker from its work."""
    charts = Charts(since, now)
    ended = islice(inventory.nodes.archived_since(since, role=role), counted)
    launches = _Latest(inventory, role, most_launches)
    # The machines are counted first: launches go back no further than these do.
    opened = launches.since(lambda: charts.first if charts.seen == counted else since)
    found = summarize(charts.count(ended), opened, now=now, since=since)
    return {
        "charts": charts,
        "is_cut": charts.seen == counted,
        "launches": launches,
        "total": told(found.total),
        "by_role": {name: told(figures) for name, figures in found.roles.items()},
    }


class _Latest:
    """The latest launches, read as they are asked for; ``seen`` of them until ``first``."""

    def __init__(self, inventory: Inventory, role: str | None, most: int) -> None:
        self._inventory, self._role, self._most = inventory, role, most
        self.seen = 0
        self.first: datetime | None = None
        self.is_cut = False

    def since(self, horizon: Callable[[], datetime | None]) -> Iterator[Launch]:
        """Down to the time that ``horizon`` gives when the first is asked for."""
        until = horizon()
        for launch in self._every():
            if until is not None and launch.opened_at < until:
                return
            if self.seen == self._most:
                self.is_cut = True
                return
            self.seen, self.first = self.seen + 1, launch.opened_at
            yield launch

    def _every(self) -> Iterator[Launch]:
        cursor = None
        while True:
            page = self._inventory.launches.page(_CHUNK, cursor, role=self._role)
            yield from page.launches
            cursor = page.cursor
            if cursor is None:
                return


def told(figures: Figures) -> dict[str, Any]:
    """Figures in words; "" where nothing was counted."""
    median, p95 = figures.ready.quantile(0.5), figures.ready.quantile(0.95)
    return {
        "machines": figures.machines,
        "hours": round(figures.hours),
        "spot": words.percent(figures.spot, figures.machines) if figures.machines else "",
        "spot_hours": _share(figures.spot_hours, figures.hours),
        "interruptions": figures.interruptions,
        "launches": figures.spot_launches,
        "fallbacks": figures.fallbacks,
        "fallback_machines": figures.fallback_machines,
        "median": "" if median is None else for_people(timedelta(seconds=median)),
        "p95": "" if p95 is None else for_people(timedelta(seconds=p95)),
    }


def _share(part: float, whole: float) -> str:
    return words.percent(round(part), round(whole)) if whole else ""
