"""Launches that are open: ours are moved on by one request a pass, those of the dead are closed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from enc.domain.durations import for_people
from enc.domain.model import CONVERGE, Attempt, HoldCause, Kind, Launch, LaunchState, Market
from provisioner.domain.actions import Action, Advance, Close
from provisioner.domain.launching import FALLBACK_SPAN
from provisioner.domain.newcomers import is_dead
from provisioner.domain.quotas import used_up
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
    """Spot until the deadline, then on-demand; None: wait for what a lost answer may have made."""
    last = launch.attempts[-1] if launch.attempts else None
    if world.untimed or _unanswered(world, launch, last):
        return None
    if last and last.barred:
        return Next(market=None, why=last.barred, failed=True)
    on_demand = [one for one in launch.attempts if one.market is Market.ON_DEMAND]
    if launch.market is Market.SPOT and not on_demand:
        return _spot(world, launch, last)
    return _on_demand(world, launch, last, began=bool(on_demand))


def _spot(world: World, launch: Launch, last: Attempt | None) -> Next | None:
    over = world.now >= launch.deadline
    family = _used_up(world, launch, Market.SPOT)
    if not over and not family and not (last and last.hopeless):
        return Next(market=Market.SPOT, why="spot")
    why = "every spot pool refused for good"
    if over or family:
        why = "spot's deadline has passed" if over else f"spot's quota is used up ({family})"
    known = world.roles.get(launch.role)
    if known is None or not falls_back_on_demand(known):
        return Next(market=None, why=f"{why}; {_said(last)}", failed=True)
    return _on_demand(world, launch, last, began=False, why=f"{why}, so on-demand")


def _on_demand(
    world: World, launch: Launch, last: Attempt | None, *, began: bool, why: str = "on-demand"
) -> Next | None:
    """At least once, and again until its time is over; but nothing of long ago."""
    late = world.now >= launch.deadline + FALLBACK_SPAN
    if began and (late or (last and last.hopeless)):
        return Next(market=None, why=_said(last), failed=True)
    if _stale(world, launch):
        return Next(market=None, why="its deadline lies in the past")
    if family := _used_up(world, launch, Market.ON_DEMAND):
        said = f"the on-demand quota is used up ({family})"
        return Next(market=None, why=said, failed=True) if late else None
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
    return world.now - launch.asked_at < world.spans.suspect


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
    return world.now > launch.deadline + world.spans.stale


def _closed(launch: Launch, adopting: Counter[str], why: str, *, failed: bool) -> Close:
    got = launch.got + adopting[launch.id]
    state = LaunchState.PARTIAL if got else LaunchState.FAILED
    reason = f"got {got} of {launch.want}: {why}"
    return Close(launch=launch, state=state, reason=reason, failed=failed and not got)


def _said(last: Attempt | None) -> str:
    """EC2's own words, each code once."""
    codes = sorted({code for _, code, _ in last.answers}) if last else []
    said = f" ({', '.join(codes)})" if codes else ""
    return f"nothing was to be had{said}"


def backoff_span(failures: int, world: World) -> timedelta:
    """Doubles with each failure in a row, up to the longest."""
    grown = world.spans.first_backoff * float(2 ** min(max(failures - 1, 0), 10))
    return min(grown, world.spans.longest_backoff)
