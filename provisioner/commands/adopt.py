"""Machines that carry our tags and have no record: a lost store is filled from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from enc.domain.model import Node
from enc.domain.stored_fleet import GONE
from enc.inventory import AlreadyThereError, ArchivedError
from provisioner.commands import regions
from provisioner.context import Context
from provisioner.domain.machines import NotOursError, adopted
from provisioner.ports.ec2 import Instance

# Roles live in the store that is being begun, so their own ready_timeout is not known.
READY_TIMEOUT = GONE.ready_timeout


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What init found. ``strange``: why instances with our site tag were left alone.

    ``regions`` are in use; ``notes`` tell of those that are not.
    """

    adopted: tuple[Node, ...] = ()
    strange: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def adopt_all(context: Context, named: Sequence[str] = ()) -> Begun:
    """Record every living machine of the site, in every region in use, in a store without meta.

    ``named`` are the regions in use, every enabled one where none is named. Raises CloudError, and
    RegionsError when one region cannot be listed: a part is no inventory. May be run again.
    """
    # Everything is listed before anything is written.
    looked = regions.look(context, named)
    nodes, strange = [], []
    for instance in (one for found in looked.used.values() for one in found):
        try:
            nodes.append(_adopt(context, instance, READY_TIMEOUT))
        except (NotOursError, ArchivedError) as error:
            strange.append(str(error))
    return Begun(
        adopted=tuple(nodes),
        strange=tuple(strange),
        regions=tuple(looked.used),
        notes=tuple(regions.told(looked)),
    )


def _adopt(context: Context, instance: Instance, ready_timeout: timedelta) -> Node:
    node = adopted(instance, context.clock.now(), ready_timeout)
    event = context.event(
        "adopted", node=node.certname, role=node.role, launch=node.launch, why="found by its tags"
    )
    try:
        return context.inventory.nodes.create(node, event, init=True)
    except AlreadyThereError:
        # An init that died half-way has recorded it.
        return node
