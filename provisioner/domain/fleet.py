"""How many of a role there are to be: filled, replaced in turn, drained when there are too many.

Counts, no pairs: a replacement is any node that is ready beyond the size. What is wanted grows by
at most ``surge`` beyond the size, and falls below it by our act by at most ``max_unavailable``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enc.durations import for_people
from enc.model import Backoff, Hold, HoldCause, Kind, Launch, LaunchState, Node, State
from provisioner.domain.actions import Action, Drain, Open, Stop
from provisioner.domain.rotation import Due, due_of, urgency
from provisioner.domain.world import KnownRole, World
from provisioner.ports import InstanceState

_OPEN_AT_ONCE = 2
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """One role's fleet as it will be when what EC2 says has been written down.

    ``wanted`` counts nodes and open wants; ``ready`` are those that we can see to be so, oldest
    first; ``unseen`` counts those that only the store says are; ``due`` are the ready ones to be
    replaced, the most urgent first.
    """

    role: KnownRole
    size: int
    wanted: int
    ready: tuple[Node, ...]
    unseen: int
    due: tuple[Due, ...]
    asking: tuple[Launch, ...]
    hold: Hold | None
    backoff: Backoff | None
    approved: frozenset[str]

    @property
    def name(self) -> str:
        return self.role.role.name

    @property
    def surge(self) -> int:
        return self.role.spec.fleet.surge

    @property
    def floor(self) -> int:
        """So many stay ready, whatever we do: with a surge the replacement comes first."""
        below = 0 if self.surge else self.role.spec.fleet.max_unavailable
        return max(self.size - below, 0)

    @property
    def target(self) -> int:
        return self.size + min(len(self.due), self.surge)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """``notes`` say what is not done, and why."""

    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = ()


def fleet_of(
    world: World, known: KnownRole, nodes: Sequence[Node], missing: Mapping[str, int]
) -> Fleet:
    """``nodes`` are the role's fleet nodes to come, ``missing`` what open launches still want."""
    name, size = known.role.name, known.spec.fleet.size or 0
    counted = [node for node in nodes if node.state in world.rules.counted]
    said = [node for node in counted if node.state is State.READY]
    ready = [node for node in said if _is_seen(world, node)]
    ready.sort(key=lambda node: (node.launched_at, node.certname))
    asking = [one for one in world.launches.values() if _asks(one, name) and missing.get(one.id)]
    due = tuple(due_of(world, known, node) for node in ready)
    return Fleet(
        role=known,
        size=size,
        wanted=len(counted) + sum(missing[one.id] for one in asking),
        ready=tuple(ready),
        unseen=len(said) - len(ready),
        due=tuple(sorted(filter(None, due), key=urgency)),
        asking=tuple(asking),
        hold=world.hold(name),
        backoff=_in_force(world, known),
        approved=world.approved.get(name, frozenset()),
    )


def decide_fleet(world: World, fleet: Fleet) -> Decided:
    """Fill and launch replacements; drain what is replaced, and what is too much."""
    if fleet.role.spec.fleet.size is None:
        return Decided()
    filling, why_not = _fill(world, fleet)
    draining = _drains(world, fleet)
    waiting = _waiting(fleet, why_not) if fleet.due and not draining.actions else ""
    notes = [*([f"{fleet.name}: {why_not}"] if why_not else []), *draining.notes]
    if not notes and not waiting and fleet.hold is not None and fleet.hold.role:
        notes.append(_held(fleet))
    notes += [waiting] if waiting else []
    return Decided(actions=(*draining.actions, *filling), notes=tuple(notes))


# Filling --------------------------------------------------------------------------------------


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
    count = min(missing, most)
    return [
        Open(
            name=fleet.name,
            count=count,
            most=fleet.wanted + count,
            spec_hash=fleet.role.role.spec_hash,
            reason=_why_launch(fleet, missing),
        )
    ], ""


def _barred(world: World, fleet: Fleet) -> str:
    if fleet.hold is not None and fleet.hold.cause is not HoldCause.BREAKER:
        return _held(fleet)
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
    left = min(fleet.backoff.until - world.now, world.spans.longest_backoff)
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
        parts.append(f"to replace {_listed(fleet.due[:extra])}")
    return "; ".join(parts)


# Draining -------------------------------------------------------------------------------------


def _drains(world: World, fleet: Fleet) -> Decided:
    # What is due is not known while the clocks differ, and so not what is too much.
    if fleet.hold is not None or world.untimed:
        return Decided()
    spare = len(fleet.ready) - fleet.floor
    replaced = list(fleet.due[: max(min(spare, _in_turn(fleet)), 0)])
    surplus = _surplus(fleet, replaced, spare)
    if stop := _breaker(world, fleet, replaced, surplus):
        return Decided(actions=(stop,), notes=(f"{fleet.name} is held: {stop.reason}",))
    chosen = [*replaced, *surplus]
    return Decided(
        actions=tuple(
            Drain(
                node=one.node,
                floor=fleet.floor,
                unseen=fleet.unseen,
                reason=one.why,
            )
            for one in chosen
        )
    )


def _in_turn(fleet: Fleet) -> int:
    """Without a surge the old go first, and never so many at once that the breaker would act."""
    return len(fleet.ready) if fleet.surge else max(len(fleet.ready) // 3, 1)


def _surplus(fleet: Fleet, replaced: Sequence[Due], spare: int) -> list[Due]:
    """Oldest first."""
    left = len(fleet.due) - len(replaced)
    too_many = fleet.wanted - len(replaced) - fleet.size - min(left, fleet.surge)
    count = max(min(too_many, len(fleet.ready) - fleet.size - len(replaced), spare), 0)
    taken = {one.node.certname for one in replaced}
    free = [node for node in fleet.ready if node.certname not in taken and not node.held]
    why = f"one more than the size of {fleet.size}"
    return [Due(node=node, why=why) for node in free[:count]]


def _breaker(
    world: World, fleet: Fleet, replaced: Sequence[Due], surplus: Sequence[Due]
) -> Stop | None:
    """More than a third of the ready ones without a replacement, and nobody has approved it."""
    covered = max(len(fleet.ready) - fleet.size, 0) if not surplus else 0
    bare = [*replaced[covered:], *surplus]
    risky = [one.node for one in bare if one.node.certname not in fleet.approved]
    some = len(risky) > 1 and len(risky) * 3 > len(fleet.ready)
    if world.rules.force or not (some or (risky and fleet.size == 0)):
        return None
    why = (
        f"{len(risky)} of {len(fleet.ready)} ready nodes would go without a replacement "
        f"(size {fleet.size}); 'provisioner resume {fleet.name}' approves it"
    )
    hold = Hold(
        role=fleet.name,
        why=why,
        since=world.now,
        by="converge",
        cause=HoldCause.BREAKER,
        nodes=tuple(node.certname for node in risky),
    )
    return Stop(hold=hold, reason=why)


# Words ----------------------------------------------------------------------------------------


def _waiting(fleet: Fleet, why_not: str) -> str:
    """Why what is due still stands, so that "too old" is never a riddle."""
    what = f"{fleet.name}: {len(fleet.due)} due to be replaced ({_listed(fleet.due)})"
    if fleet.hold is not None:
        return f"{what}, and not touched: {_held(fleet)}"
    if why_not:
        return f"{what}; waiting: {why_not}"
    return f"{what}; waiting until replacements are ready ({len(fleet.ready)} of {fleet.target})"


def _held(fleet: Fleet) -> str:
    hold = fleet.hold
    if hold is None:
        return ""
    whose = f"{fleet.name} is held" if hold.role else "everything is paused"
    again = f"'provisioner resume{' ' + hold.role if hold.role else ''}'"
    return f"{whose} since {hold.since:%Y-%m-%d %H:%M} UTC by {hold.by}: {hold.why}; {again}"


def _listed(due: Sequence[Due]) -> str:
    named = ", ".join(f"{one.node.certname}: {one.why}" for one in due[:_NAMED])
    return f"{named} and {len(due) - _NAMED} more" if len(due) > _NAMED else named


def _is_seen(world: World, node: Node) -> bool:
    """A store that was restored calls machines ready that are long gone."""
    instance = world.instance(node)
    return instance is not None and instance.state is InstanceState.RUNNING


def _asks(launch: Launch, role: str) -> bool:
    is_fleet = launch.kind is Kind.FLEET
    return is_fleet and launch.role == role and launch.state is LaunchState.OPEN


def _in_force(world: World, known: KnownRole) -> Backoff | None:
    """Failures of an earlier spec say nothing of this one."""
    found = world.backoffs.get(known.role.name)
    return found if found and found.spec_hash == known.role.spec_hash else None
