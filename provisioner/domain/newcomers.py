"""Machines that EC2 lists and the inventory has no record of: adopted, or ended as orphans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from enc.domain.model import CONVERGE, Launch, LaunchState
from provisioner.domain.actions import Action, Adopt, EndOrphan, Suspect
from provisioner.domain.machines import NotOursError, adopted, not_ours
from provisioner.domain.suspicions import orphan
from provisioner.domain.world import Region, World, stopped_by_a_person
from provisioner.ports.ec2 import Instance
from provisioner.ports.tags import LAUNCH_TAG, ROLE_TAG, SITE_TAG

# Whatever we believe, no pass ends more of a region's machines as orphans than this, or a tenth.
_ORPHANS_AT_ONCE = 10


@dataclass
class Newcomers:
    """``adopting`` counts the machines that each launch gets by it. ``strange``: not ours.

    ``suspected`` are all whose suspicion stands, whether it is acted on or not.
    """

    actions: list[Action] = field(default_factory=list)
    adopting: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    suspected: set[str] = field(default_factory=set)


def newcomers(world: World) -> Newcomers:
    found = Newcomers()
    for region in world.regions.values():
        if not region.error:
            _of_region(world, region, found)
    return found


def is_dead(world: World, launch: Launch) -> bool:
    """Whether the command that owns it was not heard of for so long that it is taken for dead."""
    heard = launch.heartbeat or launch.opened_at
    return world.store_now - heard > world.timeouts.dead


def _of_region(world: World, region: Region, found: Newcomers) -> None:
    orphans: list[Action] = []
    for instance in _unrecorded(world, region):
        why = _not_ours(world, instance)
        if why:
            found.strange.append(f"{instance.id} in {region.name} is left alone: {why}")
        elif orphaned := _orphan(world, instance, found.adopting):
            found.suspected.add(orphan(region.name, instance.id))
            orphans += _ending(world, instance, orphaned)
        elif not _under_way(world, instance):
            _adopt(world, instance, found)
    most = max(_ORPHANS_AT_ONCE, len(region.instances) // 10)
    ending = [one for one in orphans if isinstance(one, EndOrphan)]
    late = {one.target for one in ending[most:]}
    found.actions += [one for one in orphans if one.target not in late]


def _unrecorded(world: World, region: Region) -> Iterator[Instance]:
    """Oldest first: the first ones are those that a launch wanted."""
    there = [i for i in region.instances.values() if i.alive and i.id not in world.nodes]
    known = [i for i in there if i.id not in world.unreadable]
    return iter(sorted(known, key=lambda i: (i.launched_at, i.id)))


def _not_ours(world: World, instance: Instance) -> str:
    if instance.tags.get(SITE_TAG) != world.site:
        return f"its {SITE_TAG} is not {world.site}"
    if why := not_ours(instance.tags):
        return why
    launch = instance.tags[LAUNCH_TAG]
    spoilt = world.spoilt_launches.get(launch)
    return f"its launch {launch} cannot be read" if spoilt else ""


def _orphan(world: World, instance: Instance, adopting: Counter[str]) -> str:
    """Why nobody may ever want it; "" for a machine that is to be adopted, or left for now."""
    if instance.id in world.archived:
        return "its node was retired and it still runs"
    launch = world.launches.get(instance.tags[LAUNCH_TAG])
    if launch is None or _under_way(world, instance):
        return ""
    if launch.got + adopting[launch.id] < launch.want:
        return ""
    return f"launch {launch.id} wanted {launch.want} and has them"


def _under_way(world: World, instance: Instance) -> bool:
    """A command that lives writes down by itself what EC2 gives it."""
    launch = world.launches.get(instance.tags[LAUNCH_TAG])
    if launch is None or launch.owner == CONVERGE or launch.state is not LaunchState.OPEN:
        return False
    return not is_dead(world, launch)


def _ending(world: World, instance: Instance, why: str) -> Iterator[Action]:
    what = orphan(instance.region, instance.id)
    if stopped_by_a_person(world.hold(instance.tags[ROLE_TAG])):
        return
    if world.seen_twice(what):
        yield EndOrphan(instance=instance, reason=why)
    elif what not in world.suspects:
        yield Suspect(what=what, reason=f"{why}; it ends if the next pass finds it so")


def _chance(world: World, instance: Instance) -> timedelta:
    """How long it may have run without being taken for ready; for ever by a clock that is wrong."""
    return timedelta.max if world.untimed else world.fleet(instance.tags[ROLE_TAG]).ready_timeout


def _adopt(world: World, instance: Instance, found: Newcomers) -> None:
    launch = instance.tags[LAUNCH_TAG]
    try:
        node = adopted(instance, world.now, _chance(world, instance))
    except NotOursError as error:
        found.strange.append(f"left alone: {error}")
        return
    found.adopting[launch] += 1
    known = f"of launch {launch}" if launch in world.launches else f"of unknown launch {launch}"
    found.actions.append(Adopt(node=node, reason=f"EC2 lists it, {known}, without a record"))
