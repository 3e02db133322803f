"""Launches that are open: ours are moved on by one request a pass, those of the dead are closed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enc.domain.durations import for_people
from enc.domain.model import CONVERGE, Attempt, HoldCause, Kind, Launch, LaunchState, Market
from provisioner.domain.actions import Action, Advance, Close
from provisioner.domain.newcomers import is_dead
from provisioner.domain.quotas import used_up
from provisioner.domain.spot_fallback import (
    FALLBACK_SPAN,
    Course,
    End,
    Progress,
    Turn,
    next_step,
    turned,
)
from provisioner.domain.world import KnownRole, World


@dataclass(frozen=True, kw_only=True)
class Next:
    """What an open launch of ours asks for next; ``market`` None: nothing more, and ``why``."""

    market: Market | None
    why: str
    failed: bool = False


def missing_of(launch: Launch, adopting: Counter[str]) -> int:
    return max(launch.want - launch.got - adopting[launch.id], 0)


def judge(world: World, launch: Launch, adopting: Counter[str]) -> Action | None:
    """What to do with an open launch; None leaves it as it is for now."""
    if not world.readable(launch.region):
        return None
    if launch.owner != CONVERGE:
        return _of_a_command(world, launch)
    missing = missing_of(launch, adopting)
    if not missing:
        why = f"it has all {launch.want}"
        return Close(launch=launch, state=LaunchState.COMPLETE, reason=why)
    last = launch.attempts[-1] if launch.attempts else None
    if _unanswered(world, launch, last):
        return None
    if why := _pointless(world, launch):
        return _closed(launch, adopting, why, failed=False)
    return None if _stopped(world, launch) else _onward(world, launch, adopting, missing)


def _onward(
    world: World, launch: Launch, adopting: Counter[str], missing: int
) -> Advance | Close | None:
    step = next_request(world, launch)
    if step is None:
        return None
    if step.market is None:
        return _closed(launch, adopting, step.why, failed=step.failed)
    return Advance(launch=launch, reason=f"{missing} of {launch.want} missing: {step.why}")


def next_request(world: World, launch: Launch) -> Next | None:
    """As ``launching.next_step`` has it; None: wait for what a lost answer may have made.

    A pass is the wait between two requests, and what lies long in the past buys nothing more.
    """
    last = launch.attempts[-1] if launch.attempts else None
    if world.untimed or _unanswered(world, launch, last):
        return None
    course, progress = _course(world, launch), so_far(launch)
    if spent := progress.market is Market.SPOT and _used_up(world, launch, Market.SPOT):
        progress = replace(progress, hopeless=True, refused=f"its quota is used up: {spent}")
    step = next_step(course, progress, world.now, 0.0)
    if isinstance(step, Turn):
        progress = turned(progress, step)
        step = next_step(course, progress, world.now, 0.0)
    if isinstance(step, End):
        return Next(market=None, why=step.why, failed=True)
    if progress.market is Market.ON_DEMAND:
        return _on_demand(world, launch, progress)
    return Next(market=Market.SPOT, why="spot")


def so_far(launch: Launch) -> Progress:
    """What the launch's attempts tell of it."""
    market = launch.market or Market.SPOT
    bought = [one for one in launch.attempts if one.market is Market.ON_DEMAND]
    falling = bool(bought) and market is Market.SPOT
    last = launch.attempts[-1] if launch.attempts else None
    return Progress(
        market=Market.ON_DEMAND if falling else market,
        got=launch.got,
        tries=len(launch.attempts),
        untried=not launch.attempts,
        hopeless=bool(last and last.hopeless),
        barred=last.barred if last else "",
        refused=", ".join(sorted({code for _, code, _ in last.answers})) if last else "",
        fallback_until=_until(launch, bought[0] if falling else None),
    )


def _until(launch: Launch, first: Attempt | None) -> datetime | None:
    """On-demand is asked at least once, also where whoever opened the launch died before that."""
    if first is not None:
        return first.at + FALLBACK_SPAN
    return launch.deadline if launch.market is Market.ON_DEMAND else None


def _course(world: World, launch: Launch) -> Course:
    known = world.roles.get(launch.role)
    return Course(
        want=launch.want,
        market=launch.market or Market.SPOT,
        falls_back=known is not None and falls_back_on_demand(known),
        deadline=launch.deadline,
    )


def _on_demand(world: World, launch: Launch, progress: Progress) -> Next | None:
    if _stale(world, launch):
        return Next(market=None, why="its deadline lies in the past")
    if family := _used_up(world, launch, Market.ON_DEMAND):
        # Not of ``progress``: by that, a launch that has just left spot has its time before it.
        until = so_far(launch).fallback_until or launch.deadline + FALLBACK_SPAN
        late = world.now >= until
        said = f"the on-demand quota is used up ({family})"
        return Next(market=None, why=said, failed=True) if late else None
    why = f"{progress.fallback_why}, so on-demand" if progress.fallback_why else "on-demand"
    return Next(market=Market.ON_DEMAND, why=why)


def _used_up(world: World, launch: Launch, market: Market) -> str:
    """The families of the role's types, where no quota of this market is left for any."""
    known = world.roles.get(launch.role)
    types = known.spec.launch.instance_types if known and known.spec.launch else ()
    return used_up(market, types, launch.region, world.quotas)


def falls_back_on_demand(known: KnownRole) -> bool:
    return known.spec.launch is not None and known.spec.launch.fallback == "on-demand"


def _of_a_command(world: World, launch: Launch) -> Action | None:
    if not is_dead(world, launch):
        return None
    silent = world.store_now - (launch.heartbeat or launch.opened_at)
    why = f"its command ({launch.owner}) was not heard of for {for_people(silent)}"
    return Close(launch=launch, state=LaunchState.INTERRUPTED, reason=why)


def _unanswered(world: World, launch: Launch, last: Attempt | None) -> bool:
    """Who asked died before the answer was written: what came of it may not be listed yet."""
    answered = last.number if last else 0
    if launch.asked <= answered or launch.asked_at is None:
        return False
    return world.now - launch.asked_at < world.timeouts.suspect


def _pointless(world: World, launch: Launch) -> str:
    known = world.roles.get(launch.role)
    if known is None or known.spec.launch is None:
        return "its role is gone"
    if launch.kind is not Kind.FLEET:
        return ""
    if known.spec.fleet.size is None:
        return "its role has no size any more"
    if launch.spec_hash and launch.spec_hash != known.role.spec_hash:
        return "the role's launch section has changed"
    return "" if launch.region == known.spec.launch.region else "the role's region has changed"


def _stopped(world: World, launch: Launch) -> bool:
    """By what stops filling, too."""
    hold = world.hold(launch.role)
    return hold is not None and hold.cause is not HoldCause.BREAKER


def _stale(world: World, launch: Launch) -> bool:
    """A store that was restored may hold launches of long ago."""
    return world.now > launch.deadline + world.timeouts.stale


def _closed(launch: Launch, adopting: Counter[str], why: str, *, failed: bool) -> Close:
    got = launch.got + adopting[launch.id]
    state = LaunchState.PARTIAL if got else LaunchState.FAILED
    reason = f"got {got} of {launch.want}: {why}"
    return Close(launch=launch, state=state, reason=reason, failed=failed and not got)


def backoff_span(failures: int, world: World) -> timedelta:
    """Doubles with each failure in a row, up to the longest."""
    grown = world.timeouts.first_backoff * float(2 ** min(max(failures - 1, 0), 10))
    return min(grown, world.timeouts.longest_backoff)
