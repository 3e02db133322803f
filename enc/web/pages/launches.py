"""Launches: what was wanted, what came, and what each pool answered to each attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup

from enc.domain.model import Attempt, Launch, LaunchState, Market
from enc.domain.retention import KEPT
from enc.inventory import BadCursorError, CorruptError, Inventory
from enc.inventory.paging import LOOKED_AT
from enc.web.documents import BAD_PARAMETER, UNKNOWN_LAUNCH
from enc.web.operations import LAUNCHES
from enc.web.pages import plots, words
from enc.web.pages.rendering import Damage, Desk, given, link, looked
from enc.web.parameters import asked as values_of
from enc.web.problems import ProblemError, corrupt


@dataclass(frozen=True, kw_only=True)
class LaunchRow:
    """A launch without its key, which is nobody's to see."""

    launch: Launch
    markets: Mapping[Market, int]

    @classmethod
    def of(cls, launch: Launch) -> LaunchRow:
        return cls(launch=launch, markets=came(launch.attempts))

    @property
    def bar(self) -> Markup:
        launch = self.launch
        parts = [plots.Part(market.value, self.markets.get(market, 0)) for market in Market]
        missing = max(launch.want - sum(self.markets.values()), 0)
        title = f"{launch.got} of {launch.want}"
        return plots.share([*parts, plots.Part("missing", missing)], title=title, width=96)

    @property
    def fell_back(self) -> bool:
        """It asked for spot first and got machines on-demand."""
        return self.launch.market is Market.SPOT and bool(self.markets.get(Market.ON_DEMAND))


def came(attempts: Sequence[Attempt]) -> Mapping[Market, int]:
    found: Counter[Market] = Counter()
    for attempt in attempts:
        found[attempt.market] += len(attempt.got)
    return found


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/launches")
    def launches() -> Response:
        return _list(desk)

    @routes.get("/launches/<path:name>")
    def launch(name: str) -> Response:
        values_of(request.args, ())
        now, inventory = desk.begin(), desk.inventory
        try:
            found = inventory.launches.get(name)
            told = _told(inventory, found, now) if found else {}
        except CorruptError as error:
            raise corrupt(error) from error
        desk.check()
        if not found:
            kept = f"launches are kept for {KEPT.days} days"
            raise ProblemError(
                UNKNOWN_LAUNCH, f"no launch is called {words.clean(name[:255])}; {kept}"
            )
        return desk.page("launch.html", now=now, told=LaunchRow.of(found), **told)


def _list(desk: Desk) -> Response:
    asked = given()
    found = values_of(asked, LAUNCHES.parameters)
    role, state, cursor = found["role"], found["state"], found["cursor"]
    now, inventory, damage = desk.begin(), desk.inventory, Damage()
    try:
        page = inventory.launches.page(
            found["limit"], cursor, role=role, state=state, spoilt=damage
        )
    except BadCursorError as error:
        raise ProblemError(BAD_PARAMETER, f"cursor: {error}") from error
    names = inventory.roles.names()
    desk.check()
    flat = {name: asked[name] for name in asked if name != "cursor"}
    return desk.page(
        "launches.html", now=now, damage=damage.told,
        launches=[LaunchRow.of(one) for one in page.launches],
        roles=names if role in (None, *names) else [role, *names], states=tuple(LaunchState),
        looked=looked(page.launches, found["limit"], page.cursor, LOOKED_AT),
        role=role, state=state, cursor=cursor, first=link(".launches", flat),
        following=link(".launches", flat, cursor=page.cursor) if page.cursor else None,
    )  # fmt: skip


def _told(inventory: Inventory, launch: Launch, now: datetime) -> dict[str, Any]:
    names = list(dict.fromkeys(name for attempt in launch.attempts for name in attempt.got))
    nodes, _ = inventory.nodes.readable(names)
    is_over = launch.state is not LaunchState.OPEN
    last = launch.attempts[-1].at if launch.attempts else launch.opened_at
    return {
        "nodes": nodes,
        "names": names,
        "ended": inventory.nodes.ended([name for name in names if name not in nodes]),
        "is_over": is_over,
        "took": words.age(launch.opened_at, last if is_over else now),
    }
