"""The breaker: it holds a role of which too many nodes would go without a replacement."""

from __future__ import annotations

from collections.abc import Sequence

from enc.domain.model import Hold, HoldCause
from provisioner.domain.actions import Stop
from provisioner.domain.fleet import Fleet
from provisioner.domain.rotation import Due
from provisioner.domain.world import World


def breaker(
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
