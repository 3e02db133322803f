"""Writing machines into the inventory the moment EC2 names them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from enc.domain.model import Market, Node
from provisioner.context import Context
from provisioner.domain.pools import Offer
from provisioner.ports.ec2 import FleetInstance

_SHOWN = 5


def record(
    context: Context, pattern: Node, offer: Offer, instances: Collection[FleetInstance]
) -> list[Node]:
    """Record machines of one answer; safe to repeat, as after an answer of Redis that was lost.

    ``pattern`` is what all nodes of the launch share. What EC2's answer does not say (names,
    addresses) comes when the machine is described. Raises NotAllRecordedError, when all others
    are recorded.
    """
    born = [(_node(context, pattern, offer, i), i) for i in instances]
    return context.inventory.nodes.create_many(
        (
            node,
            context.event(
                "launched",
                node=node.certname,
                role=node.role,
                launch=node.launch,
                why=f"{i.market}, {i.instance_type} in {node.zone or 'some zone'}",
            ),
        )
        for node, i in born
    )


def _node(context: Context, pattern: Node, offer: Offer, instance: FleetInstance) -> Node:
    subnet = offer.subnet(instance.subnet)
    now = context.clock.now()
    return replace(
        pattern,
        certname=instance.id,
        instance_id=instance.id,
        market=instance.market,
        instance_type=instance.instance_type,
        zone=subnet.zone if subnet else "",
        vpc=subnet.vpc if subnet else "",
        launched_at=now,
        state_since=now,
    )


def came(have: int, want: int, got: Sequence[Node], market: Market) -> str:
    """For people: what one answer brought."""
    ids = ", ".join(node.certname for node in got[:_SHOWN])
    more = f" and {len(got) - _SHOWN} more" if len(got) > _SHOWN else ""
    return f"{have} of {want}: {ids}{more} ({market})"
