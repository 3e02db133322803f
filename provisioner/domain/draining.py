"""Which ready machines drain now: those replaced, and what is too much; or the breaker acts."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.domain.actions import Drain
from provisioner.domain.breaker import breaker
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
    if stop := breaker(world, fleet, replaced, surplus):
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
