"""One role's fleet, as decisions are made on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enc.domain.model import Backoff, Hold, Kind, Launch, LaunchState, Node, State
from provisioner.domain.actions import Action
from provisioner.domain.rotation import Due, due_of, urgency
from provisioner.domain.world import KnownRole, World
from provisioner.ports.ec2 import InstanceState
from provisioner.ports.tags import KIND_TAG, ROLE_TAG


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """One role's fleet as it will be when what EC2 says has been written down.

    ``wanted`` counts nodes and open wants; ``ready`` are those that we can see to be so, oldest
    first; ``unseen`` counts those that only the store says are; ``due`` are the ready ones to be
    replaced, the most urgent first; ``elsewhere`` counts nodes per region that cannot be read,
    ``dead`` damaged records whose machines are gone.
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
    elsewhere: Mapping[str, int]
    dead: int

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
        wanted=len(counted) + _damaged(world, name) + sum(missing[one.id] for one in asking),
        ready=tuple(ready),
        unseen=len(said) - len(ready),
        due=tuple(sorted(filter(None, due), key=urgency)),
        asking=tuple(asking),
        hold=world.hold(name),
        backoff=_in_force(world, known),
        approved=world.approved.get(name, frozenset()),
        dead=max(_counted(world, name) - _damaged(world, name), 0),
        elsewhere=Counter(node.region for node in counted if not world.readable(node.region)),
    )


def _counted(world: World, role: str) -> int:
    """Damaged nodes of the role that the store counts as wanted."""
    states = {state.value for state in world.rules.counted}
    found = ((f.split(":"), n) for f, n in world.damaged_counts.get(role, {}).items())
    return sum(n for (kind, state, *_), n in found if kind == Kind.FLEET and state in states)


def _damaged(world: World, role: str) -> int:
    """Machines of the role that run, and whose records cannot be read: they are wanted."""
    of_role = {ROLE_TAG: role, KIND_TAG: Kind.FLEET.value}
    regions = world.regions.values()
    there = (region.instances.get(name) for name in world.unreadable for region in regions)
    return sum(
        one is not None and one.alive and of_role.items() <= one.tags.items() for one in there
    )


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
