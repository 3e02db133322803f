"""What the time makes of a node: its TTL ends, it drains too long, it is not ready in time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from heapq import nlargest

from enc.domain.durations import for_people
from enc.domain.lifetimes import Change, life_of, young_since
from enc.domain.model import Node, State
from provisioner.domain.actions import Action, Drain, End, Write
from provisioner.domain.world import World

# Where there is nobody to compare with, a node has so many times its time to become ready.
_ALONE = 4
# Who was silent for so long says nothing of whether Puppet works now.
_LONG_SILENT = timedelta(days=1)


class Reports:
    """When Puppet was last heard of, by whom: whether it works at all."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        heard = ((n.report_at, n.certname) for n in nodes if n.report_at is not None)
        self._latest = nlargest(2, heard)

    def of_others(self, node: Node) -> datetime | None:
        """The latest report of another node than this one."""
        return next((at for at, name in self._latest if name != node.certname), None)


def changes_due(world: World, node: Node) -> frozenset[Change]:
    """What the time has brought; nothing where nobody knows what time it is."""
    if world.untimed:
        return frozenset()
    every = life_of(node, world.fleet(node.role))
    return frozenset(one.change for one in every if one.at <= world.now)


def expired(world: World, node: Node, due: Collection[Change]) -> Action | None:
    if Change.EXPIRES not in due or is_kept(world, node):
        return None
    return End(node=node, reason=f"its life ended at {node.expires_at:%Y-%m-%d %H:%M:%S} UTC")


def in_time(world: World, reports: Reports, node: Node, due: Collection[Change]) -> Action | None:
    """What takes longer than its role lets it."""
    kept = is_kept(world, node)
    since = world.now - node.state_since
    if Change.DRAINED in due and not kept and node.certname not in world.unordered:
        return End(node=node, reason=f"it has drained for {for_people(since)}")
    if Change.GIVEN_UP in due and not kept:
        why = f"it failed {for_people(since)} ago and has not become ready since"
        return End(node=node, reason=why)
    if Change.FAILS in due and (why := _unready(world, reports, node)):
        return Write(node=node, what="failed", fields={"state": State.FAILED}, reason=why)
    if Change.DRAINS in due and not kept:
        # Nobody is sent to a machine that is about to power itself off.
        why = f"its life ends at {node.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        return Drain(node=node, floor=None, reason=why)
    return None


def _unready(world: World, reports: Reports, node: Node) -> str:
    """Why it failed; "" while it may not: a puppetserver that answers nobody is no dead machine."""
    timeout, since = world.fleet(node.role).ready_timeout, young_since(node)
    age, heard = world.now - since, reports.of_others(node)
    if heard is not None and heard < since - _LONG_SILENT:
        heard = None
    meanwhile = heard is not None and heard > since + timeout / 2
    alone = heard is None and age >= timeout * _ALONE
    if not (meanwhile or alone or needs_no_puppet(world, node)):
        return ""
    others = "others reported meanwhile" if meanwhile else "no other node reported either"
    return f"not ready after {for_people(age)} ({others})"


def waiting(world: World, node: Node) -> bool:
    """Whether it is not ready in time, and only not failed because Puppet answers nobody."""
    return Change.FAILS in changes_due(world, node)


def needs_no_puppet(world: World, node: Node) -> bool:
    return world.fleet(node.role).ready_when == "running"


def is_kept(world: World, node: Node) -> bool:
    """By a person, or by what stops its role."""
    return bool(node.held) or world.hold(node.role) is not None
