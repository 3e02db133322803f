"""What becomes of each node: what EC2 says of its machine, and what the time makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from heapq import nlargest

from enc.domain.damage import damaged
from enc.domain.durations import for_people
from enc.domain.model import Kind, Node, State
from provisioner.domain.actions import Action, Drain, End, Suspect, Write
from provisioner.domain.machines import followed
from provisioner.domain.retirement import BEFORE_GONE, step_of
from provisioner.domain.suspicions import absent
from provisioner.domain.world import World, launched_by_us
from provisioner.ports.ec2 import Instance, InstanceState
from provisioner.ports.notices import Warned

_STOPPED = frozenset({InstanceState.STOPPING, InstanceState.STOPPED})
_YOUNG = frozenset({State.PENDING, State.RUNNING})
_SERVING = frozenset({State.RUNNING, State.READY})
# Where there is nobody to compare with, a node has so many times its time to become ready.
_ALONE = 4
# A machine with a life leaves DNS before it ends, but not for more than this part of the life.
_DRAIN_PART = 4


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


def life(world: World, reports: Reports, node: Node) -> Action | None:
    """The one thing that is to be done for a node now. Its region can be read."""
    if node.state is not State.RETIRING and not launched_by_us(node):
        return None
    if damaged(node):
        return None
    instance = world.instance(node)
    for judge in (_ending, _by_ec2, _by_time):
        if action := judge(world, reports, node, instance):
            return action
    return None


_Judge = Callable[[World, Reports, Node, "Instance | None"], "Action | None"]


def _ending(world: World, _: Reports, node: Node, instance: Instance | None) -> Action | None:
    """An end that has begun is seen through: the ENC no longer answers for it."""
    if node.state is not State.RETIRING or node.certname in world.unordered:
        return None
    step, what = step_of(node), absent(node.certname)
    if step not in BEFORE_GONE and world.ca_error:
        return None
    unseen = step in BEFORE_GONE and instance is None
    if unseen and what not in world.suspects and not world.untimed:
        return Suspect(what=what, of=node.role, reason="it ends, and EC2 does not list it")
    twice = unseen and world.seen_twice(what)
    return End(node=node, reason=f"its end goes on (next: {step})", absent=twice)


def _by_ec2(world: World, _: Reports, node: Node, instance: Instance | None) -> Action | None:
    if node.state is State.RETIRING:
        return None
    if instance is None:
        return _absent(world, node)
    if not instance.alive:
        return _dead(node, instance)
    if instance.state in _STOPPED:
        return _stopped(world, node, instance)
    if node.state is State.LOST and instance.state is InstanceState.RUNNING:
        why = "EC2 lists it running again"
        return Write(node=node, what="running", fields={"state": State.RUNNING}, reason=why)
    return None


def _dead(node: Node, instance: Instance) -> Action | None:
    why = f"EC2 lists it {instance.state}: {instance.state_reason or 'no reason given'}"
    if node.state in (State.LOST, State.FAILED):
        over = instance.state is InstanceState.TERMINATED
        return End(node=node, reason=why, gone=True) if over else None
    return Write(node=node, what="lost", fields={"state": State.LOST}, reason=why)


def _stopped(world: World, node: Node, instance: Instance) -> Action | None:
    """Kept and shown, and replaced; only its end of life, or a person, terminates it."""
    if _is_over(world, node):
        return _expired(world, node)
    if node.state in (State.LOST, State.FAILED):
        return None
    why = f"EC2 lists it {instance.state}; it is kept until 'provisioner retire', or started again"
    return Write(node=node, what="lost", fields={"state": State.LOST}, reason=why)


def _absent(world: World, node: Node) -> Action | None:
    """A listing may miss what is there: twice, and then by its id."""
    what = absent(node.certname)
    if world.untimed or world.now - node.launched_at < world.spans.young:
        return None
    if not world.seen_twice(what):
        why = "EC2 does not list it; it is lost if the next pass finds it so"
        return None if what in world.suspects else Suspect(what=what, of=node.role, reason=why)
    why = "EC2 no longer lists it"
    if node.state in (State.LOST, State.FAILED):
        return End(node=node, reason=why, gone=True, absent=True)
    return Write(node=node, what="lost", fields={"state": State.LOST}, reason=why, ask=True)


def _by_time(
    world: World, reports: Reports, node: Node, instance: Instance | None
) -> Action | None:
    if instance is None or node.state is State.LOST or instance.state in _STOPPED:
        return None
    sure = _warned(world, node) or _expired(world, node) or _followed(world, node, instance)
    if sure or node.role in world.unreadable_roles:
        # How long it may drain, or take to get ready, stands in a role that cannot be read.
        return sure
    return (
        _drained(world, node)
        or _given_up(world, node)
        or _failed(world, reports, node)
        or _before_its_end(world, node)
    )


def _warned(world: World, node: Node) -> Action | None:
    match world.warned.get(node.certname):
        case Warned.INTERRUPTION if node.state in _SERVING:
            return Drain(node=node, floor=None, reason="EC2 takes it back within two minutes")
        case Warned.INTERRUPTION if node.state is State.PENDING:
            return End(node=node, reason="EC2 takes it back before it ran", taken=True)
        case Warned.REBALANCE if _heeds_advice(world, node) and not node.replace_because:
            why = "EC2 expects to take it back (rebalance recommendation)"
            return Write(
                node=node, what="to be replaced", fields={"replace_because": why}, reason=why
            )
    return None


def _heeds_advice(world: World, node: Node) -> bool:
    """Whether its role asks for a replacement where EC2 recommends one."""
    known = world.roles.get(node.role)
    wants = known is not None and known.spec.fleet.rebalance == "replace"
    return wants and node.kind is Kind.FLEET


def _is_over(world: World, node: Node) -> bool:
    return not world.untimed and node.expires_at is not None and node.expires_at <= world.now


def _expired(world: World, node: Node) -> Action | None:
    if not _is_over(world, node) or _kept(world, node):
        return None
    return End(node=node, reason=f"its life ended at {node.expires_at:%Y-%m-%d %H:%M:%S} UTC")


def _before_its_end(world: World, node: Node) -> Action | None:
    """Nobody is sent to a machine that is about to power itself off."""
    if world.untimed or node.expires_at is None or node.state not in _SERVING:
        return None
    known = world.roles.get(node.role)
    drain = known.spec.fleet.drain if known else timedelta(0)
    drain = min(drain, (node.expires_at - node.launched_at) / _DRAIN_PART)
    if world.now < node.expires_at - drain or _kept(world, node):
        return None
    why = f"its life ends at {node.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return Drain(node=node, floor=None, reason=why)


def _drained(world: World, node: Node) -> Action | None:
    if node.state is not State.DRAINING or node.certname in world.unordered:
        return None
    if world.untimed or _kept(world, node):
        return None
    known = world.roles.get(node.role)
    drain = known.spec.fleet.drain if known else timedelta(0)
    if world.now < node.state_since + drain:
        return None
    return End(node=node, reason=f"it has drained for {for_people(world.now - node.state_since)}")


def _given_up(world: World, node: Node) -> Action | None:
    """A failed node has as long again: some become ready late, and a person may want to look."""
    if node.state is not State.FAILED or node.kind is Kind.EXTRA:
        return None
    if world.untimed or _kept(world, node):
        return None
    if world.now < node.state_since + world.ready_timeout(node.role):
        return None
    since = for_people(world.now - node.state_since)
    return End(node=node, reason=f"it failed {since} ago and has not become ready since")


def _failed(world: World, reports: Reports, node: Node) -> Action | None:
    """Not ready in time. A puppetserver that answers nobody is not a dead machine."""
    if node.state not in _YOUNG or world.untimed:
        return None
    timeout = world.ready_timeout(node.role)
    # One that was stopped, and started again, has its time anew.
    since = max(node.launched_at, node.state_since)
    age = world.now - since
    if age < timeout:
        return None
    heard = reports.of_others(node)
    if heard is not None and heard < since - _LONG_SILENT:
        heard = None
    meanwhile = heard is not None and heard > since + timeout / 2
    alone = heard is None and age >= timeout * _ALONE
    if not (meanwhile or alone or _needs_no_puppet(world, node)):
        return None
    others = "others reported meanwhile" if meanwhile else "nobody else reported either"
    why = f"not ready after {for_people(age)} ({others})"
    return Write(node=node, what="failed", fields={"state": State.FAILED}, reason=why)


def waiting(world: World, node: Node) -> bool:
    """Whether it is not ready in time, and only not failed because Puppet answers nobody."""
    if node.state not in _YOUNG or world.untimed:
        return False
    since = max(node.launched_at, node.state_since)
    return world.now - since >= world.ready_timeout(node.role)


def _needs_no_puppet(world: World, node: Node) -> bool:
    known = world.roles.get(node.role)
    return known is not None and known.spec.fleet.ready_when == "running"


def _followed(world: World, node: Node, instance: Instance) -> Action | None:
    change = followed(node, instance, ready_when_running=_needs_no_puppet(world, node))
    if change is None:
        return None
    fields = dict(change.fields)
    if fields.get("state") is State.READY:
        fields["ready_at"] = world.now
    return Write(node=node, what=change.what, fields=fields, reason=change.why)


def _kept(world: World, node: Node) -> bool:
    """By a person, or by what stops its role."""
    return bool(node.held) or world.hold(node.role) is not None
