"""The first page: each role, what it wants and what it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from enc.domain.model import Market, Role, State
from enc.inventory import CorruptError, Inventory, StoreError
from enc.inventory.explanation import told_holds
from enc.web.pages import words
from enc.web.pages.age_plot import edges_for
from enc.web.pages.rendering import Desk
from enc.web.pages.role_row import COMING, Row, max_age_of, row
from enc.web.parameters import asked
from enc.web.problems import corrupt

SHOWN = (State.DRAINING, State.FAILED, State.LOST, State.RETIRING)


def rows(inventory: Inventory, now: datetime) -> list[Row]:
    """Each role, by name. A role that is damaged is shown as that."""
    return rows_of(inventory, *inventory.roles.readable(), now)


def rows_of(
    inventory: Inventory,
    roles: Mapping[str, Role],
    spoilt: Mapping[str, StoreError],
    now: datetime,
) -> list[Row]:
    names = sorted({*roles, *spoilt})
    counts = inventory.roles.counts(names)
    holds = told_holds(inventory, names)
    runs = inventory.roles.runs(names)
    oldest = inventory.roles.oldest(names)
    ages = _ages(inventory, roles, now)
    return [
        replace(
            row(name, roles.get(name), counts[name]),
            hold=holds.get(name),
            spoilt=_why(spoilt.get(name)),
            runs=runs.get(name, {}),
            oldest=max(now - oldest[name], timedelta(0)) if name in oldest else None,
            ages=tuple(ages.get(name, ())),
        )
        for name in names
    ]


def _why(error: StoreError | None) -> str:
    """Without the error's own words, which quote what somebody put there."""
    return corrupt(error).detail if isinstance(error, CorruptError) else ""


def _ages(inventory: Inventory, roles: Mapping[str, Role], now: datetime) -> dict[str, list[int]]:
    """Roles of one max_age share their edges, and a round trip."""
    alike: dict[timedelta, list[str]] = {}
    for name, role in roles.items():
        if max_age := max_age_of(role):
            alike.setdefault(max_age, []).append(name)
    found: dict[str, list[int]] = {}
    for max_age, names in alike.items():
        counted = inventory.roles.ages(names, edges_for(max_age, now))
        found |= {name: counts[::-1] for name, counts in counted.items()}
    return found


@dataclass(frozen=True, kw_only=True)
class Summary:
    nodes: int
    ready: int
    coming: int
    failed: int
    lost: int
    spot: int
    on_demand: int
    launches: int
    held: int
    roleless: int

    @property
    def spot_share(self) -> str:
        return words.percent(self.spot, self.spot + self.on_demand)


def summary(found: list[Row], *, nodes: int, launches: int) -> Summary:
    """``nodes`` is how many there are: more than the roles have, where a role is gone."""
    states = sum((Counter(row.states) for row in found), Counter())
    markets = sum((Counter(row.markets) for row in found), Counter())
    return Summary(
        nodes=nodes,
        ready=states[State.READY],
        coming=sum(states[state] for state in COMING),
        failed=states[State.FAILED],
        lost=states[State.LOST],
        spot=markets[Market.SPOT.value],
        on_demand=markets[Market.ON_DEMAND.value],
        launches=launches,
        held=sum(1 for row in found if row.hold),
        roleless=max(nodes - sum(states.values()), 0),
    )


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/")
    def fleet() -> Response:
        asked(request.args, ())
        now, inventory = desk.begin(), desk.inventory
        found = rows(inventory, now)
        pause = told_holds(inventory, []).get("")
        told = summary(
            found,
            nodes=inventory.queries.total(),
            launches=len(inventory.launches.opened_ids()),
        )
        desk.check()
        return desk.page("fleet.html", now=now, rows=found, told=told, pause=pause, shown=SHOWN)
