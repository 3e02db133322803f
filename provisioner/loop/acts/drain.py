"""Who drains, after a second look: at the node, its role and what is ready just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from enc.domain.model import Node, State
from enc.inventory import Event
from provisioner.context import Context
from provisioner.domain.actions import Drain
from provisioner.domain.retirement import only_news
from provisioner.domain.world import World
from provisioner.loop.acts.done import Done, came, left


def drain(context: Context, actions: Sequence[Drain], _: World) -> list[Done]:
    """Not below what is to stay ready, and not what was held or stopped meanwhile."""
    going, done = _still_to_drain(context, actions)
    changes = [
        (fresh, _event(context, fresh, one.reason), {"state": State.DRAINING})
        for one, fresh in going
    ]
    found = context.inventory.nodes.change_each(changes)
    return [*done, *(came(one, n) for (one, _), n in zip(going, found, strict=True))]


def _still_to_drain(
    context: Context, actions: Sequence[Drain]
) -> tuple[list[tuple[Drain, Node]], list[Done]]:
    """Each with its node as it is now; those that may not drain by now."""
    store = context.inventory
    now = {node.certname: node for node in store.nodes.many([o.node.certname for o in actions])}
    roles = sorted({one.node.role for one in actions})
    held = store.holds.all(roles)
    ready = {role: _ready(counts) for role, counts in store.roles.counts(roles).items()}
    going: list[tuple[Drain, Node]] = []
    done: list[Done] = []
    for one in actions:
        fresh, role = now.get(one.node.certname), one.node.role
        if why := _why_not(one, fresh, ready[role], stopped="" in held or role in held):
            done.append(left(one, why))
        elif fresh is not None:
            ready[role] -= fresh.state is State.READY
            going.append((one, fresh))
    return going, done


def _why_not(action: Drain, fresh: Node | None, ready: int, *, stopped: bool) -> str:
    if fresh is None or not only_news(action.node, fresh):
        return "it was changed meanwhile; the next pass looks again"
    if fresh.state not in (State.RUNNING, State.READY):
        return f"it is {fresh.state} by now"
    if stopped and action.floor is not None:
        return "its role was stopped meanwhile"
    if action.floor is None:
        return ""
    sure = ready - action.unseen
    return f"only {sure} nodes of its role are ready now" if sure <= action.floor else ""


def _ready(counts: Mapping[str, int]) -> int:
    """Fleet nodes that are ready, of every market."""
    return sum(count for key, count in counts.items() if key.startswith("fleet:ready:"))


def _event(context: Context, node: Node, why: str) -> Event:
    return context.event(
        "draining", node=node.certname, role=node.role, launch=node.launch, why=why
    )
