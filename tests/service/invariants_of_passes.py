"""What must hold after every pass of converge, whatever happened: see docs of each check."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from enc.domain.model import Kind, LaunchState, Node, State
from enc.domain.rolespec import FleetSpec, RoleSpec
from provisioner.domain import actions as do
from provisioner.loop.acts.done import Result
from provisioner.loop.converge import Pass
from tests.service.farm import Farm

_WANTED = (State.PENDING, State.RUNNING, State.READY)
# A store that was restored believes for a while in machines and launches of long ago.
_RECOVERY = 6
# Calls that do something, a pass.
_MOST_CALLS = 60
# How much older than max_age a machine may get while it waits for its turn.
_SLACK = timedelta(hours=3)


class BrokenError(AssertionError):
    """An invariant does not hold; the message has the seed and the pass."""


@dataclass(frozen=True)
class Before:
    """What was so just before the pass."""

    ready: dict[str, int]
    wanted: dict[str, int]
    states: dict[str, State]
    expires: dict[str, datetime | None]
    calls: int

    @classmethod
    def of(cls, farm: Farm) -> Before:
        nodes = farm.nodes()
        return cls(
            ready=ready_of(farm, nodes),
            wanted=wanted_of(farm, nodes),
            states={n.certname: n.state for n in nodes},
            expires={n.certname: n.expires_at for n in nodes},
            calls=len(farm.cloud.calls),
        )


def ready_of(farm: Farm, nodes: list[Node]) -> Counter[str]:
    """Fleet nodes that are ready, and whose machines are there in truth."""
    alive = set(farm.cloud.alive)
    return Counter(
        n.role
        for n in nodes
        if n.kind is Kind.FLEET and n.state is State.READY and n.certname in alive
    )


def wanted_of(farm: Farm, nodes: list[Node]) -> Counter[str]:
    found = Counter(n.role for n in nodes if n.kind is Kind.FLEET and n.state in _WANTED)
    for launch in farm.store.launches.opened():
        if launch.kind is Kind.FLEET and launch.state is LaunchState.OPEN:
            found[launch.role] += max(launch.want - launch.got, 0)
    return found


def _came_by_itself(farm: Farm, before: Before, node: Node) -> bool:
    """Adopted now, or started again by a person."""
    was = before.states.get(node.certname)
    if was is None:
        return farm.store.events.life(node.certname)[0]["what"] == "adopted"
    return was is State.LOST and node.state is State.RUNNING


@dataclass
class Invariants:
    """Checks, and what they must remember from one pass to the next."""

    seed: int
    restored_at: int = -100
    unrecorded: dict[str, int] = field(default_factory=dict)

    def store_was_restored(self, now: int) -> None:
        self.restored_at = now
        self.unrecorded.clear()

    def check(
        self, farm: Farm, before: Before, came: Pass | None, number: int, *, quietly: bool
    ) -> None:
        where = f"seed {self.seed}, pass {number}"
        nodes = farm.nodes()
        fleets = {n: RoleSpec.of(r).fleet for n, r in farm.store.roles.all().items()}
        recovering = number - self.restored_at <= _RECOVERY
        self.calls_are_few(farm, before, where)
        if not recovering:
            self.not_too_many(farm, before, nodes, fleets, where)
        if came is None or quietly:
            return
        self.ends_have_reasons(farm, before, came, where)
        self.enough_stay_ready(farm, nodes, fleets, came, where)
        self.the_old_are_on_their_way(farm, nodes, fleets, came, where)
        self.nothing_leaks(farm, nodes, came, where)
        self.what_lives_is_not_lost(farm, before, nodes, where)

    def what_lives_is_not_lost(
        self, farm: Farm, before: Before, nodes: list[Node], where: str
    ) -> None:
        """A ready node whose machine runs is neither lost nor forgotten."""
        now = {node.certname: node.state for node in nodes}
        for name in farm.cloud.alive:
            was_ready = before.states.get(name) is State.READY
            stopped = farm.cloud.machines.by_id[name].stopped
            if was_ready and not stopped and now.get(name, State.LOST) is State.LOST:
                raise BrokenError(f"{where}: {name} lives and is lost")

    def enough_stay_ready(
        self,
        farm: Farm,
        nodes: list[Node],
        fleets: dict[str, FleetSpec],
        came: Pass,
        where: str,
    ) -> None:
        """Never under ``size - max_unavailable`` ready by our own act."""
        ready = ready_of(farm, nodes)
        ours = Counter(
            one.action.role
            for one in came.done
            if isinstance(one.action, do.Drain)
            and one.result is Result.DONE
            and one.action.floor is not None
        )
        for role, count in ours.items():
            fleet = fleets[role]
            floor = (fleet.size or 0) - fleet.max_unavailable
            if ready[role] < floor:
                said = f"{count} of {role} drained and {ready[role]} left ready, below {floor}"
                raise BrokenError(f"{where}: {said}")

    def not_too_many(
        self,
        farm: Farm,
        before: Before,
        nodes: list[Node],
        fleets: dict[str, FleetSpec],
        where: str,
    ) -> None:
        """Never over ``size + surge`` wanted by our own act: what is found, or is back, is not."""
        wanted = wanted_of(farm, nodes)
        found = Counter(n.role for n in nodes if _came_by_itself(farm, before, n))
        for role, fleet in fleets.items():
            most = max((fleet.size or 0) + fleet.surge, before.wanted[role])
            if wanted[role] - found[role] > most:
                raise BrokenError(f"{where}: {wanted[role]} of {role} wanted, above {most}")

    def ends_have_reasons(self, farm: Farm, before: Before, came: Pass, where: str) -> None:
        """Nothing is terminated but what the plan named, and no ready node at all."""
        asked = farm.cloud.calls[before.calls :]
        ended = {i for action, request in asked if action == "terminate" for i in request[1]}
        planned = {
            one.target for one in came.plan.actions if isinstance(one, do.End | do.EndOrphan)
        }
        surplus = {i for i in ended - planned if i in before.states}
        if surplus:
            raise BrokenError(f"{where}: terminated without a reason: {surplus}")
        serving = {i for i in ended if before.states.get(i) is State.READY}
        if serving:
            raise BrokenError(f"{where}: ready and terminated: {serving}")

    def the_old_are_on_their_way(
        self,
        farm: Farm,
        nodes: list[Node],
        fleets: dict[str, FleetSpec],
        came: Pass,
        where: str,
    ) -> None:
        """Older than ``max_age`` plus slack: draining, or the plan says why not yet."""
        now = came.world.now
        busy = {one.action.role for one in came.done if isinstance(one.action, do.Drain | do.Open)}
        for node in nodes:
            fleet = fleets[node.role]
            if node.state is not State.READY or fleet.max_age is None or node.role in busy:
                continue
            old = now - node.launched_at > fleet.max_age + _SLACK
            if old and not explained(came, node.role):
                raise BrokenError(
                    f"{where}: {node.certname} of {node.role} is too old: unexplained"
                )

    def nothing_leaks(self, farm: Farm, nodes: list[Node], came: Pass, where: str) -> None:
        """What EC2 lists and nobody has recorded is adopted, or ended, two passes later."""
        known = {node.certname for node in nodes}
        world = came.world
        looked = not world.untimed and not any(r.error for r in world.regions.values())
        failed = bool(came.failures)
        hidden = timedelta(seconds=farm.cloud.manners.hidden_s)
        leaked = set(farm.cloud.alive) - known
        for name in list(self.unrecorded):
            if name not in leaked:
                del self.unrecorded[name]
        for name in leaked:
            visible = world.now - farm.cloud.machines.by_id[name].born >= hidden
            if visible and looked and not failed:
                self.unrecorded[name] = self.unrecorded.get(name, 0) + 1
            if self.unrecorded.get(name, 0) > 2:
                raise BrokenError(f"{where}: {name} is leaked")

    def calls_are_few(self, farm: Farm, before: Before, where: str) -> None:
        doing = [
            action
            for action, _ in farm.cloud.calls[before.calls :]
            if action in {"create_fleet", "create_template", "delete_template", "terminate"}
        ]
        if len(doing) > _MOST_CALLS:
            raise BrokenError(f"{where}: {len(doing)} calls in one pass")


def explained(came: Pass, role: str) -> bool:
    """By a note about the role, or about everything."""
    words = (role, "paused", "cannot be read", "depends on the time", "is left alone")
    return any(word in note for note in came.plan.notes for word in words)
