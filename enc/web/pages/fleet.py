"""The first page: each role, what it wants and what it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Blueprint, Response, request
from markupsafe import Markup

from enc.inventory import Inventory, Query, StoreError
from enc.model import Hold, Kind, Market, Role, State
from enc.web.pages import plots, words
from enc.web.pages.agesplot import ages_plot, edges_for
from enc.web.pages.desk import Desk
from enc.web.parameters import Parameters

COMING = (State.PENDING, State.RUNNING)
SHOWN = (State.DRAINING, State.FAILED, State.LOST, State.RETIRING)
# By what a person looks for first.
RUNS = ("failed", "cached", "noop", "changed", "unchanged", "none")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A role as the fleet page shows it; ``spoilt`` is why its definition cannot be read."""

    name: str
    description: str = ""
    spoilt: str = ""
    wanted: int | None = None
    fleet_ready: int = 0
    states: Mapping[State, int] = field(default_factory=dict)
    kinds: Mapping[Kind, int] = field(default_factory=dict)
    markets: Mapping[str, int] = field(default_factory=dict)
    max_age: timedelta | None = None
    oldest: timedelta | None = None
    runs: Mapping[str, int] = field(default_factory=dict)
    ages: tuple[int, ...] = ()
    hold: Hold | None = None

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def coming(self) -> int:
        return sum(self.states.get(state, 0) for state in COMING)

    @property
    def is_short(self) -> bool:
        return self.wanted is not None and self.fleet_ready < self.wanted

    @property
    def is_too_old(self) -> bool:
        return bool(self.oldest and self.max_age and self.oldest > self.max_age)

    @property
    def besides(self) -> list[tuple[Kind, int]]:
        """What does not count towards the size."""
        kinds = (Kind.EXTRA, Kind.BURST, Kind.FOREIGN)
        return [(kind, self.kinds[kind]) for kind in kinds if self.kinds.get(kind)]

    @property
    def told_runs(self) -> list[tuple[str, int]]:
        return [(status, self.runs[status]) for status in RUNS if self.runs.get(status)]

    @property
    def ready_bar(self) -> Markup:
        wanted = self.wanted or 0
        name = "short" if self.is_short else "ready"
        title = f"{self.fleet_ready} of {wanted} ready"
        return plots.filled(self.fleet_ready, wanted, title=title, name=name, width=96)

    @property
    def market_bar(self) -> Markup:
        return market_bar(self.markets, width=96)

    @property
    def ages_plot(self) -> Markup:
        return ages_plot(self.ages, self.max_age, width=140, height=28)


def row(name: str, role: Role | None, counts: Mapping[str, int], **more: object) -> Row:
    """``counts`` per ``kind:state:market``; what is none of ours is left out of the sums."""
    states: Counter[State] = Counter()
    kinds: Counter[Kind] = Counter()
    markets: Counter[str] = Counter()
    ready = 0
    for text, count in counts.items():
        kind, state, market = _parts(text)
        states[state] += count
        kinds[kind] += count
        markets[market] += count
        ready += count if (kind, state) == (Kind.FLEET, State.READY) else 0
    told = _defined(role) if role else {}
    return Row(
        name=name, states=states, kinds=kinds, markets=markets, fleet_ready=ready, **told, **more
    )  # type: ignore[arg-type]


def _parts(text: str) -> tuple[Kind, State, str]:
    kind, state, market = text.split(":")
    return Kind(kind), State(state), market


def _defined(role: Role) -> dict[str, object]:
    definition = role.definition
    description = words.within(definition, "description")
    return {
        "description": description if isinstance(description, str) else "",
        "wanted": words.number(words.within(definition, "fleet", "size")),
        "max_age": words.duration(words.within(definition, "fleet", "max_age")),
    }


def market_bar(markets: Mapping[str, int], *, width: int) -> Markup:
    spot, on_demand = (markets.get(market.value, 0) for market in Market)
    parts = [plots.Part("spot", spot), plots.Part("on-demand", on_demand)]
    return plots.share(parts, title=f"{spot} spot, {on_demand} on-demand", width=width)


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
    holds = inventory.holds.all(names)
    runs = inventory.roles.runs(names)
    oldest = inventory.roles.oldest(names)
    ages = _ages(inventory, roles, now)
    return [
        row(
            name,
            roles.get(name),
            counts[name],
            hold=holds.get(name),
            spoilt=_why(spoilt.get(name)),
            runs=runs.get(name, {}),
            oldest=max(now - oldest[name], timedelta(0)) if name in oldest else None,
            ages=tuple(ages.get(name, ())),
        )
        for name in names
    ]


def _why(error: StoreError | None) -> str:
    return str(error) if error else ""


def _ages(inventory: Inventory, roles: Mapping[str, Role], now: datetime) -> dict[str, list[int]]:
    """Roles of one max_age share their edges, and a round trip."""
    alike: dict[timedelta, list[str]] = {}
    for name, role in roles.items():
        max_age = words.duration(words.within(role.definition, "fleet", "max_age"))
        if max_age:
            alike.setdefault(max_age, []).append(name)
    found: dict[str, list[int]] = {}
    for max_age, names in alike.items():
        found |= inventory.roles.ages(names, edges_for(max_age, now))
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
        Parameters(request.args, ())
        now, inventory = desk.begin(), desk.inventory
        found = rows(inventory, now)
        pause = inventory.holds.all([]).get("")
        told = summary(
            found,
            nodes=inventory.queries.count(Query()),
            launches=len(inventory.launches.opened_ids()),
        )
        desk.check()
        return desk.page("fleet.html", now=now, rows=found, told=told, pause=pause, shown=SHOWN)
