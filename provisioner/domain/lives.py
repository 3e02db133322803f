"""What becomes of each node: what EC2 says of its machine, and what the time makes of it."""

from __future__ import annotations

from collections.abc import Callable

from enc.domain.damage import damaged
from enc.domain.lifetimes import Change
from enc.domain.model import Kind, Node, State
from provisioner.domain.actions import Action, Drain, End, Suspect, Write
from provisioner.domain.expiry import Reports, changes_due, expired, in_time, needs_no_puppet
from provisioner.domain.machines import followed, why_dead
from provisioner.domain.retirement import BEFORE_GONE, step_of
from provisioner.domain.suspicions import absent
from provisioner.domain.world import World, launched_by_us
from provisioner.ports.ec2 import Instance, InstanceState
from provisioner.ports.notices import Warned

_STOPPED = frozenset({InstanceState.STOPPING, InstanceState.STOPPED})
_SERVING = frozenset({State.RUNNING, State.READY})


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
        return Suspect(
            what=what, of=node.role, reason="its end has begun, and EC2 does not list it"
        )
    twice = unseen and world.seen_twice(what)
    return End(node=node, reason=f"its end goes on (next: {step})", absent=twice)


def _by_ec2(world: World, _: Reports, node: Node, instance: Instance | None) -> Action | None:
    if node.state is State.RETIRING:
        return None
    if instance is None:
        return _absent(world, node)
    if not instance.alive:
        return _dead(world, node, instance)
    if instance.state in _STOPPED:
        return _stopped(world, node, instance)
    if node.state is State.LOST and instance.state is InstanceState.RUNNING:
        why = "EC2 lists it running again"
        return Write(node=node, what="running", fields={"state": State.RUNNING}, reason=why)
    return None


def _dead(world: World, node: Node, instance: Instance) -> Action | None:
    if node.state not in (State.LOST, State.FAILED):
        return _followed(world, node, instance)
    over = instance.state is InstanceState.TERMINATED
    return End(node=node, reason=why_dead(instance), gone=True) if over else None


def _stopped(world: World, node: Node, instance: Instance) -> Action | None:
    """Kept and shown, and replaced; only its end of life, or a person, terminates it."""
    if Change.EXPIRES in (due := changes_due(world, node)):
        return expired(world, node, due)
    if node.state in (State.LOST, State.FAILED):
        return None
    why = f"EC2 lists it {instance.state}; it is kept until 'provisioner retire', or started again"
    return Write(node=node, what="lost", fields={"state": State.LOST}, reason=why)


def _absent(world: World, node: Node) -> Action | None:
    """A listing may miss what is there: twice, and then by its id."""
    what = absent(node.certname)
    if world.untimed or world.now - node.launched_at < world.timeouts.young:
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
    due = changes_due(world, node)
    sure = _warned(world, node) or expired(world, node, due) or _followed(world, node, instance)
    if sure or node.role in world.unreadable_roles:
        # How long it may drain, or take to get ready, stands in a role that cannot be read.
        return sure
    return in_time(world, reports, node, due)


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
    return world.fleet(node.role).rebalance == "replace" and node.kind is Kind.FLEET


def _followed(world: World, node: Node, instance: Instance) -> Action | None:
    change = followed(node, instance, ready_when_running=needs_no_puppet(world, node))
    if change is None:
        return None
    fields = dict(change.fields)
    if fields.get("state") is State.READY:
        fields["ready_at"] = world.now
    return Write(node=node, what=change.what, fields=fields, reason=change.why)
