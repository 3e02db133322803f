"""Undoing a launch that a dead command left behind: every machine of it, recorded or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from enc.domain.model import Launch, LaunchState, Node
from enc.inventory import AlreadyThereError, ArchivedError, Event
from provisioner.calls import check_account
from provisioner.context import Context
from provisioner.domain.machines import NotOursError, adopted
from provisioner.domain.retirement import has_machine
from provisioner.ending.terminate import terminate
from provisioner.ports.errors import CloudError, advised
from provisioner.ports.tags import LAUNCH_TAG

# What a record must say for its machine to be found again, and what goes with it.
_OF_EC2 = ("kind", "instance_id", "region", "zone", "market", "instance_type", "image")


class LaunchAliveError(Exception):
    """Its command still runs: what it launches next would be missed."""

    def __init__(self, launch: Launch, silent: timedelta, dead: timedelta) -> None:
        super().__init__(
            f"launch {launch.id} is under way: {launch.owner} was heard of "
            f"{silent.total_seconds():.0f} s ago; stop it there with Ctrl-C, then try again; if it "
            f"was killed, try again in {(dead - silent).total_seconds():.0f} s"
        )


@dataclass(frozen=True)
class Abandoned:
    nodes: tuple[Node, ...]


def is_dead(context: Context, launch: Launch) -> bool:
    """Open, and not heard of for the span after which its command is taken for dead."""
    return launch.state is LaunchState.OPEN and _silent(context, launch) > context.timeouts.dead


def abandon(context: Context, launch: Launch) -> Abandoned:
    """Close a launch, delete its template, and find all its machines; the caller retires them.

    Raises LaunchAliveError, WrongAccountError, CloudError, StoreError. May be run again.
    """
    check_account(context)
    if launch.state is LaunchState.OPEN and not is_dead(context, launch):
        raise LaunchAliveError(launch, _silent(context, launch), context.timeouts.dead)
    why = f"abandoned by {context.who}"
    event = context.event("launch abandoned", role=launch.role, why=why)
    if launch.state is LaunchState.OPEN:
        context.inventory.launches.close(launch.id, LaunchState.INTERRUPTED, event)
    unrecorded = _adopt_unrecorded(context, launch)
    _delete_template(context, launch)
    recorded = context.inventory.nodes.of_launch(launch.id, launch.role)
    every = {node.certname: node for node in [*recorded, *unrecorded]}
    return Abandoned(tuple(every.values()))


def _delete_template(context: Context, launch: Launch) -> None:
    """A template costs nothing: where it may not be deleted, the machines still end."""
    if not (launch.template and launch.region):
        return
    try:
        context.cloud.delete_template(launch.region, launch.template)
    except CloudError as error:
        context.reporter.say(f"launch template {launch.template} is left: {error}")


def _silent(context: Context, launch: Launch) -> timedelta:
    """By Redis' clock, which the command's heart goes by."""
    return context.store_time() - (launch.heartbeat or launch.opened_at)


def _adopt_unrecorded(context: Context, launch: Launch) -> list[Node]:
    tags = {LAUNCH_TAG: launch.id}
    listed = context.cloud.instances(launch.region, context.site, tags) if launch.region else ()
    found = []
    for instance in listed:
        if not instance.alive:
            continue
        try:
            node = adopted(instance, context.clock.now(), timedelta.max)
        except NotOursError as error:
            context.reporter.say(f"left alone: {error}")
            continue
        found += _recorded(context, launch, node)
    return found


def _recorded(context: Context, launch: Launch, node: Node) -> list[Node]:
    """A machine that EC2 lists alive, as the inventory has it from here on; [] for an ended one."""
    try:
        return [context.inventory.nodes.create(node, _adopting(context, node, launch))]
    except AlreadyThereError:
        there = context.inventory.nodes.many([node.certname])
        return [_made_ours(context, one, node, launch) for one in there]
    except ArchivedError:
        # Its node has ended, and nobody will ever look for the machine again.
        _terminate_ended(context, launch, node.certname)
        return []


def _made_ours(context: Context, there: Node, node: Node, launch: Launch) -> Node:
    """One that was given another role since is still a machine of this launch, whoever gave it.

    As a foreign node it would lose its certificate, and its machine would run on.
    """
    if has_machine(there):
        return there
    of_ec2 = {name: getattr(node, name) for name in _OF_EC2}
    # It is alive: wherever its end was left, it begins again.
    return context.inventory.nodes.change(
        there, _adopting(context, there, launch), launch=launch.id, retire_step="", **of_ec2
    )


def _adopting(context: Context, node: Node, launch: Launch) -> Event:
    return context.event(
        "adopted", node=node.certname, role=node.role, launch=launch.id, why="found by its tags"
    )


def _terminate_ended(context: Context, launch: Launch, instance_id: str) -> None:
    """What fails is told, and keeps no other machine of the launch alive."""
    said = f"{instance_id} in {launch.region} is archived and still runs"
    told = terminate(context, launch.region, [instance_id], context.timeouts.patience)
    error = {**told.refused, **told.away}.get(instance_id)
    again = f"'provisioner retire {launch.id}' again"
    if error:
        context.reporter.say(f"{said} and is not terminated: {advised(error)}; then {again}")
        return
    context.reporter.say(
        f"{said}: EC2 is told to terminate it, and its end is not waited for; "
        f"{again} in a minute tells if it still runs"
    )
