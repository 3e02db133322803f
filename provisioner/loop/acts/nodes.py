"""Writing down what is true of nodes: newcomers, and what EC2 says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from enc.domain.model import Node
from enc.inventory import Event, NotAllRecordedError, StoreError
from provisioner.context import Context
from provisioner.domain.actions import Adopt, Write
from provisioner.domain.world import World
from provisioner.loop.acts.done import Done, all_failed, came, failed, left
from provisioner.ports.errors import CloudError


def adopt(context: Context, actions: Sequence[Adopt], _: World) -> list[Done]:
    """Not those whose launch has got what it wanted meanwhile."""
    wanted, late = _still_wanted(context, actions)
    asked = [
        (
            one.node,
            context.event(
                "adopted",
                node=one.node.certname,
                role=one.node.role,
                launch=one.node.launch,
                why=one.reason,
            ),
        )
        for one in wanted
    ]
    refused: Mapping[str, StoreError] = {}
    try:
        context.inventory.nodes.create_many(asked)
    except NotAllRecordedError as error:
        refused = error.refused
    return [*late, *(_recorded(one, refused) for one in wanted)]


def _recorded(action: Adopt, refused: Mapping[str, StoreError]) -> Done:
    why = refused.get(action.node.certname)
    return failed(action, why) if why else Done(action=action)


def _still_wanted(context: Context, actions: Sequence[Adopt]) -> tuple[list[Adopt], list[Done]]:
    ids = sorted({one.node.launch for one in actions})
    there = context.inventory.launches.many(ids)
    room = {name: launch.want - launch.got for name, launch in there.items()}
    wanted: list[Adopt] = []
    late: list[Done] = []
    for one in actions:
        name = one.node.launch
        if name in room and room[name] <= 0:
            late.append(left(one, f"launch {name} has all it wanted meanwhile"))
            continue
        if name in room:
            room[name] -= 1
        wanted.append(one)
    return wanted, late


def write(context: Context, actions: Sequence[Write], _: World) -> list[Done]:
    sure, doubted = _asked_by_id(context, actions)
    changes = [
        (one.node, _event(context, one.node, one.what, one.reason), dict(one.fields))
        for one in sure
    ]
    found = context.inventory.nodes.change_each(changes)
    return [*doubted, *(came(one, now) for one, now in zip(sure, found, strict=True))]


def _asked_by_id(context: Context, actions: Sequence[Write]) -> tuple[list[Write], list[Done]]:
    """A machine that a listing missed twice is lost only if EC2 does not know its id either."""
    sure = [one for one in actions if not one.ask]
    done: list[Done] = []
    for region, asked in _by_region(one for one in actions if one.ask).items():
        try:
            known = context.cloud.describe(region, [one.node.instance_id for one in asked])
        except CloudError as error:
            done += all_failed(asked, error)
            continue
        for one in asked:
            there = known.get(one.node.instance_id)
            if there is not None and there.alive:
                done.append(left(one, f"EC2 does not list it, and says by its id: {there.state}"))
            else:
                sure.append(one)
    return sure, done


def _by_region(actions: Iterable[Write]) -> Mapping[str, list[Write]]:
    found: dict[str, list[Write]] = defaultdict(list)
    for one in actions:
        found[one.node.region].append(one)
    return found


def _event(context: Context, node: Node, what: str, why: str) -> Event:
    return context.event(what, node=node.certname, role=node.role, launch=node.launch, why=why)
