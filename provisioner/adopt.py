"""Machines that carry our tags and have no record: a lost store is filled from them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from enc.durations import Duration
from enc.inventory import AlreadyThereError, ArchivedError
from enc.model import Node
from provisioner.context import Context
from provisioner.domain.machines import NotOursError, adopted
from provisioner.ports import CloudError, Instance

# Roles live in the store that is being begun, so their own ready_timeout is not known.
READY_TIMEOUT = Duration("15m")
# Some forty regions, each a few hundred milliseconds away.
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What init found. ``strange``: why instances with our site tag were left alone."""

    adopted: tuple[Node, ...] = ()
    strange: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def adopt_all(context: Context) -> Begun:
    """Record every living machine of the site, in every enabled region, in a store without meta.

    Raises CloudError when one region cannot be listed: a part is no inventory. May be run again.
    """
    regions = context.cloud.regions()
    context.reporter.status(f"listing {len(regions)} regions")
    # Everything is listed before anything is written.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        listed = list(pool.map(lambda region: _living(context, region), regions))
    nodes, strange = [], []
    for instances in listed:
        for instance in instances:
            try:
                nodes.append(_adopt(context, instance, READY_TIMEOUT))
            except (NotOursError, ArchivedError) as error:
                strange.append(str(error))
    return Begun(adopted=tuple(nodes), strange=tuple(strange), regions=regions)


def _living(context: Context, region: str) -> Sequence[Instance]:
    try:
        return [i for i in context.cloud.instances(region, context.site) if i.alive]
    except CloudError as error:
        message = f"region {region}: {error.message}"
        raise CloudError(
            error.trouble, error.code, message, action=error.action, hint=error.hint
        ) from error


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
