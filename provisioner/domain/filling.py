"""What a fleet is to launch now, and what a person should know of it besides.

Counts, no pairs: a replacement is any node that is ready beyond the size. What is wanted grows by
at most ``surge`` beyond the size, and falls below it by our act by at most ``max_unavailable``.
"""

from __future__ import annotations

from enc.domain.durations import for_people
from enc.domain.model import HoldCause
from provisioner.domain.actions import Action, Open
from provisioner.domain.draining import drains
from provisioner.domain.fleet import Decided, Fleet
from provisioner.domain.headroom import room
from provisioner.domain.notes import held, listed, out_of_sight, unheeded, waiting
from provisioner.domain.world import World

_OPEN_AT_ONCE = 2


def decide_fleet(world: World, fleet: Fleet) -> Decided:
    """Fill and launch replacements; drain what is replaced, and what is too much."""
    if fleet.role.spec.fleet.size is None:
        return Decided(notes=tuple(unheeded(fleet)))
    filling, why_not = _fill(world, fleet)
    draining = drains(world, fleet)
    told = waiting(fleet, why_not) if fleet.due and not draining.actions else ""
    notes = [*([f"{fleet.name}: {why_not}"] if why_not else []), *draining.notes]
    if not notes and not told and fleet.hold is not None and fleet.hold.role:
        notes.append(held(fleet))
    notes += [told] if told else []
    notes += [*unheeded(fleet), *out_of_sight(world, fleet)]
    return Decided(actions=(*draining.actions, *filling), notes=tuple(notes))


def _fill(world: World, fleet: Fleet) -> tuple[list[Action], str]:
    """What to launch now, or why nothing."""
    missing = fleet.target - fleet.wanted
    if fleet.hold is not None:
        # What the breaker keeps from ending may still lose machines to EC2.
        missing = fleet.size - fleet.wanted
    if missing <= 0:
        return [], ""
    if why := _barred(world, fleet):
        return [], f"{missing} missing and not launched: {why}"
    spec = fleet.role.spec
    most = spec.launch.max if spec.launch else 0
    left, why = room(world, fleet.role, min(missing, most))
    count = min(missing, most, left)
    short = f"{missing - count} missing and not launched: {why}" if why else ""
    if not count:
        return [], short
    return [
        Open(
            name=fleet.name,
            count=count,
            most=fleet.wanted + count,
            dead=fleet.dead,
            spec_hash=fleet.role.role.spec_hash,
            reason=_why_launch(fleet, missing),
        )
    ], short


def _barred(world: World, fleet: Fleet) -> str:
    if fleet.hold is not None and fleet.hold.cause is not HoldCause.BREAKER:
        return held(fleet)
    if any(one.role in ("", fleet.name) for one in world.spoilt_launches.values()):
        return "a launch cannot be read, and what it wants is not known"
    launch = fleet.role.spec.launch
    if launch is None or not world.readable(launch.region):
        return f"region {launch.region if launch else '?'} cannot be read"
    if world.untimed:
        return f"a launch has a deadline, and the clocks differ ({world.untimed})"
    if len(fleet.asking) >= _OPEN_AT_ONCE:
        return f"{len(fleet.asking)} launches of it are still open"
    return _backing_off(world, fleet)


def _backing_off(world: World, fleet: Fleet) -> str:
    if fleet.backoff is None or fleet.backoff.until <= world.now:
        return ""
    # It may have been written by a clock that was ahead.
    left = min(fleet.backoff.until - world.now, world.timeouts.longest_backoff)
    if world.now - fleet.backoff.at > left:
        return ""
    said = f"{len(fleet.backoff.launches)} launches failed in a row"
    return f"{said}; the next one in {for_people(left)}"


def _why_launch(fleet: Fleet, missing: int) -> str:
    short = min(max(fleet.size - fleet.wanted, 0), missing)
    extra = missing - short
    parts = []
    if short:
        parts.append(f"{short} of {fleet.size} missing")
    if extra:
        parts.append(f"to replace {listed(fleet.due[:extra])}")
    return "; ".join(parts)
