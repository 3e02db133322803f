"""Which ready machines drain now: those replaced, and what is too much; or the breaker acts."""

from __future__ import annotations

from collections.abc import Sequence

from enc.domain.model import Hold, HoldCause
from provisioner.domain.actions import Drain, Stop
from provisioner.domain.fleet import Decided, Fleet
from provisioner.domain.rotation import Due
from provisioner.domain.world import World


def drains(world: World, fleet: Fleet) -> Decided:
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
    why = f"one more than the fleet's size of {fleet.size}"
    return [Due(node=node, why=why) for node in free[:count]]


def _breaker(
    world: World, fleet: Fleet, replaced: Sequence[Due], surplus: Sequence[Due]
) -> Stop | None:
    """More than a third of the ready ones without a replacement, and nobody has approved it."""
    covered = max(len(fleet.ready) - fleet.size, 0) if not surplus else 0
    bare = [*replaced[covered:], *surplus[_our_own(fleet) :]]
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


def _our_own(fleet: Fleet) -> int:
    """Of a surplus, what we launched beyond the size to replace what need not be replaced now.

    Nobody has lowered the size since: each apply is later than what it finds too much.
    """
    applied = fleet.role.role.applied_at if fleet.size else None
    newer = [node for node in fleet.ready if applied and node.launched_at > applied]
    return min(len(newer), fleet.surge)
