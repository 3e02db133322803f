"""What the pages show of a role: what it wants and what it has. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from markupsafe import Markup

from enc.domain.durations import for_people
from enc.domain.model import Hold, Kind, Market, Role, State
from enc.domain.stored_fleet import fleet_of
from enc.web.pages import plots
from enc.web.pages.age_plot import ages_plot

COMING = (State.PENDING, State.RUNNING)
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
    fleet_coming: int = 0
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
    def mark(self) -> str:
        """A class for its colour: what is on its way is no lack."""
        if not self.is_short:
            return "ready"
        return "coming" if self.fleet_ready + self.fleet_coming >= (self.wanted or 0) else "short"

    @property
    def is_too_old(self) -> bool:
        return bool(self.oldest and self.max_age and self.oldest > self.max_age)

    @property
    def besides(self) -> list[tuple[Kind, int]]:
        """What does not count towards the size."""
        kinds = (Kind.EXTRA, Kind.BURST, Kind.FOREIGN)
        return [(kind, self.kinds[kind]) for kind in kinds if self.kinds.get(kind)]

    @property
    def spot(self) -> int:
        return self.markets.get(Market.SPOT.value, 0)

    @property
    def on_demand(self) -> int:
        return self.markets.get(Market.ON_DEMAND.value, 0)

    @property
    def oldest_text(self) -> str:
        return for_people(self.oldest) if self.oldest is not None else ""

    @property
    def max_age_text(self) -> str:
        return for_people(self.max_age) if self.max_age else ""

    @property
    def told_runs(self) -> list[tuple[str, int]]:
        return [(status, self.runs[status]) for status in RUNS if self.runs.get(status)]

    @property
    def ready_bar(self) -> Markup:
        return plots.filled(
            [plots.Part("ready", self.fleet_ready), plots.Part("coming", self.fleet_coming)],
            self.wanted or 0,
            title=f"{self.fleet_ready} of {self.wanted} ready, {self.fleet_coming} coming",
            width=96,
        )

    @property
    def market_bar(self) -> Markup:
        return market_bar(self.markets, width=96)

    @property
    def ages_plot(self) -> Markup:
        return ages_plot(self.ages, self.max_age, width=140, height=28)


def row(name: str, role: Role | None, counts: Mapping[str, int]) -> Row:
    """``counts`` per ``kind:state:market``. ``role`` is None where it cannot be read."""
    states: Counter[State] = Counter()
    kinds: Counter[Kind] = Counter()
    markets: Counter[str] = Counter()
    of_fleet: Counter[State] = Counter()
    for text, count in counts.items():
        parts = _parts(text)
        if parts is None:
            continue
        kind, state, market = parts
        states[state] += count
        kinds[kind] += count
        markets[market] += count
        of_fleet[state] += count if kind is Kind.FLEET else 0
    definition = role.definition if role else {}
    description = definition.get("description")
    return Row(
        name=name,
        description=description if isinstance(description, str) else "",
        wanted=fleet_of(definition).size,
        max_age=max_age_of(role),
        fleet_ready=of_fleet[State.READY],
        fleet_coming=sum(of_fleet[state] for state in COMING),
        states=states,
        kinds=kinds,
        markets=markets,
    )


def max_age_of(role: Role | None) -> timedelta | None:
    return fleet_of(role.definition).max_age if role else None


def _parts(text: str) -> tuple[Kind, State, str] | None:
    """None for a field that is none of ours: converge counts it away."""
    try:
        kind, state, market = text.split(":")
        return Kind(kind), State(state), market
    except ValueError:
        return None


def market_bar(markets: Mapping[str, int], *, width: int) -> Markup:
    spot, on_demand = (markets.get(market.value, 0) for market in Market)
    parts = [plots.Part("spot", spot), plots.Part("on-demand", on_demand)]
    return plots.share(parts, title=f"{spot} spot, {on_demand} on-demand", width=width)
