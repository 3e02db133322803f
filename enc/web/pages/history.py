"""The record of machines that have ended: figures and plots of a span, and each of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from flask import Blueprint, Response

from enc.domain.durations import Duration, for_people
from enc.domain.model import ArchivedNode, Launch
from enc.domain.retention import KEPT
from enc.domain.summary import Figures, summarize
from enc.inventory import BadCursorError, Inventory
from enc.inventory.paging import LOOKED_AT
from enc.web.documents import BAD_PARAMETER
from enc.web.pages import words
from enc.web.pages.charts import Charts
from enc.web.pages.latest import CHUNK, Latest
from enc.web.pages.rendering import Damage, Desk, given, link, looked
from enc.web.parameters import CURSOR, LIMIT, ROLE, Parameter
from enc.web.parameters import asked as values_of
from enc.web.problems import ProblemError

SINCE = ("1d", "7d", "30d", "90d", f"{KEPT.days}d")
_DEFAULT = Duration("30d")
# To read an ended machine costs a tenth of a millisecond, in a worker that has Puppet to answer.
COUNTED, LAUNCHES = 5_000, 1_000


def _span(text: str) -> Duration:
    try:
        span = Duration(text)
    except ValueError:
        raise ValueError("must be a duration, as in 12h or 7d") from None
    if span > KEPT:
        raise ValueError(f"must be at most {KEPT.days} days: older records are deleted")
    return span


_SINCE = Parameter(
    name="since",
    about="that ended within this time",
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
        now, inventory, damage = desk.begin(), desk.inventory, Damage()
        since = now - span
        try:
            page = inventory.nodes.archive_page(
                found["limit"], cursor, since=since, role=role, spoilt=damage
            )
        except BadCursorError as error:
            raise ProblemError(BAD_PARAMETER, f"cursor: {error}") from error
        figures = {} if cursor else figures_of(inventory, since, now, role, damage)
        names = inventory.roles.names()
        desk.check()
        flat = {name: asked[name] for name in asked if name != "cursor"}
        return desk.page(
            "history.html", now=now, damage=damage.told, since=str(span), spans=SINCE, role=role,
            roles=names if role in (None, *names) else [role, *names], machines=page.nodes,
            looked=looked(page.nodes, found["limit"], page.cursor, LOOKED_AT),
            cursor=cursor, first=link(".history", flat), **figures,
            following=link(".history", flat, cursor=page.cursor) if page.cursor else None,
        )  # fmt: skip


def figures_of(
    inventory: Inventory,
    since: datetime,
    now: datetime,
    role: str | None,
    damage: Damage,
    *,
    counted: int = COUNTED,
    most: int = LAUNCHES,
) -> dict[str, Any]:
    """Of the last ones to end, so many that a page does not keep the worker from its work."""
    charts = Charts(since, now)
    ended = _ended(inventory, since, role, counted, damage)
    launches = _launches(inventory, role, most, damage)

    def is_counted(launch: Launch) -> bool:
        """Launches go back no further than the machines, which are counted first."""
        until = charts.first if ended.is_cut else since
        return until is None or launch.opened_at >= until

    opened = takewhile(is_counted, launches.every())
    found = summarize(charts.count(ended.every()), opened, now=now, since=since)
    return {
        "charts": charts,
        "is_cut": ended.is_cut,
        "launches": launches,
        "total": told(found.total),
        "by_role": {name: told(figures) for name, figures in found.roles.items()},
    }


def _ended(
    inventory: Inventory, since: datetime, role: str | None, most: int, damage: Damage
) -> Latest[ArchivedNode]:
    def read(cursor: str | None) -> tuple[Sequence[ArchivedNode], str | None]:
        page = inventory.nodes.archive_page(CHUNK, cursor, since=since, role=role, spoilt=damage)
        return page.nodes, page.cursor

    return Latest(read, most)


def _launches(inventory: Inventory, role: str | None, most: int, damage: Damage) -> Latest[Launch]:
    def read(cursor: str | None) -> tuple[Sequence[Launch], str | None]:
        page = inventory.launches.page(CHUNK, cursor, role=role, spoilt=damage)
        return page.launches, page.cursor

    return Latest(read, most)


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
