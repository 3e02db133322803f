"""What people tell converge: stop, go on, leave this one alone, replace that one now."""

from __future__ import annotations

from collections.abc import Sequence

from enc.domain.model import Hold, HoldCause, Kind, Node, State
from enc.inventory import StoreError
from provisioner.context import Context
from provisioner.domain.failures import pardon
from provisioner.ending.news import despite_news

_ROTATES = frozenset({State.PENDING, State.RUNNING, State.READY})


class NotOfAFleetError(ValueError):
    """A node that nobody launched to keep a size: there is nothing to replace it with."""

    def __init__(self, node: Node) -> None:
        super().__init__(
            f"{node.certname} is {node.kind}: only fleet nodes are replaced; "
            f"'provisioner retire {node.certname}' ends it"
        )


def pause(context: Context, role: str, why: str) -> None:
    """``role`` "" pauses everything. A pause that stands is replaced: its words are the newest."""
    hold = Hold(role=role, why=why, since=context.clock.now(), by=context.who)
    context.inventory.holds.put(hold, context.event("paused", why=why))


def standing(context: Context, role: str) -> Hold | None:
    return context.inventory.holds.all([role] if role else []).get(role)


def resume(context: Context, hold: Hold) -> bool:
    """Whether it was lifted. What failed before no longer counts."""
    why = f"resumed by {context.who}"
    if not context.inventory.holds.lift(hold, context.event("resumed", why=why)):
        return False
    if hold.cause is HoldCause.FAILURES:
        backoff = context.inventory.backoffs.all([hold.role]).get(hold.role)
        if backoff:
            now = context.clock.now()
            event = context.event("failures forgotten", why=why)
            context.inventory.backoffs.put(pardon(backoff, now), event)
    return True


def hold(context: Context, node: Node, why: str) -> Node:
    event = context.event("held", node=node.certname, why=why)
    change = context.inventory.nodes.change
    return despite_news(context.inventory, node, lambda now: change(now, event, held=why))


def unhold(context: Context, node: Node) -> Node:
    event = context.event("unheld", node=node.certname, why=node.held)
    change = context.inventory.nodes.change
    return despite_news(context.inventory, node, lambda now: change(now, event, held=""))


def rotate(context: Context, nodes: Sequence[Node]) -> list[Node | StoreError]:
    """Each is to be replaced as soon as the budgets of its role allow it, windows or not.

    Raises NotOfAFleetError before anything is written.
    """
    for node in nodes:
        if node.kind is not Kind.FLEET:
            raise NotOfAFleetError(node)
    why = f"asked for by {context.who}"
    return context.inventory.nodes.change_each(
        (
            node,
            context.event("to be replaced", node=node.certname, role=node.role, why=why),
            {"replace_because": why},
        )
        for node in nodes
    )


def rotatable(nodes: Sequence[Node]) -> list[Node]:
    """Those of a role that serve, or will, and are not held."""
    return [n for n in nodes if n.kind is Kind.FLEET and n.state in _ROTATES and not n.held]
