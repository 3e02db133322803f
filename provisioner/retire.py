"""The end of a node's life. Every step can be repeated, and the next one goes on from there.

Drain, terminate, see it gone, revoke the certificate, tell PuppetDB, archive. Where a node stands
is in its state and ``retire_step``; how each step is done is in ending and forgetting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from enc.model import Node, State
from provisioner.account import check_account
from provisioner.context import Context
from provisioner.domain.retirement import damaged, first_step, has_machine, spared_because
from provisioner.ending import Ending
from provisioner.forgetting import Forgetting
from provisioner.ledger import Ledger, Retirement, advised, some
from provisioner.ports import CloudError

__all__ = ["Retirement", "SparedError", "check_spared", "retire"]

_DRAINS = frozenset({State.RUNNING, State.READY})


class SparedError(ValueError):
    """A node whose certificate Puppet or we ourselves live by."""

    def __init__(self, certname: str, why: str) -> None:
        super().__init__(
            f"{certname} is not retired: {why}, and to revoke its certificate would cut off Puppet "
            f"or us; 'PUPPET_CA_URL= provisioner retire {certname}' ends what is recorded of it "
            "and revokes nothing"
        )


def check_spared(nodes: Iterable[Node], spared: Mapping[str, str]) -> None:
    """Raises SparedError; ``spared`` maps certnames to why each must keep its certificate."""
    for node in nodes:
        if why := spared_because(node.certname, spared):
            raise SparedError(node.certname, why)


def retire(
    context: Context, nodes: Sequence[Node], *, drain: Callable[[Node], timedelta], why: str
) -> Retirement:
    """End these nodes. One that fails does not stop the others. Ctrl-C leaves each resumable.

    It takes as long as the longest ``drain`` and the spans ``terminated`` and ``patience`` say.
    Raises SparedError and WrongAccountError before anything is done; StoreError, and then the same
    call goes on.
    """
    check_spared(nodes, context.spared())
    ledger = Ledger(context, why)
    endable = _with_known_machines(ledger, nodes)
    draining = ledger.each(endable, lambda node: _begun(ledger, node))
    _wait_for_drain(context, draining, drain)
    retiring = ledger.each(draining, lambda node: _retiring(ledger, node))
    machines = [node for node in retiring if has_machine(node)]
    others = [node for node in retiring if not has_machine(node)]
    forgetting = Forgetting(ledger)
    for gone in Ending(ledger, machines, others).batches():
        forgetting.forget(gone)
    return ledger.result()


def _with_known_machines(ledger: Ledger, nodes: Sequence[Node]) -> list[Node]:
    """Those of which EC2's answer will be about their own machine, or that have none."""
    endable = []
    for node in nodes:
        if why := damaged(node):
            ledger.remain([node], why)
        else:
            endable.append(node)
    try:
        if any(has_machine(node) for node in endable):
            check_account(ledger.context)
    except CloudError as error:
        ledger.remain((node for node in endable if has_machine(node)), advised(error))
        return [node for node in endable if not has_machine(node)]
    return endable


def _begun(ledger: Ledger, node: Node) -> Node:
    """Out of DNS and discovery first, where it was in."""
    if node.state in _DRAINS:
        return ledger.change(node, "draining", state=State.DRAINING)
    return node


def _wait_for_drain(
    context: Context, nodes: Sequence[Node], drain: Callable[[Node], timedelta]
) -> None:
    waiting = [node for node in nodes if node.state is State.DRAINING]
    until = max((node.state_since + drain(node) for node in waiting), default=None)
    while until and (left := (until - context.clock.now()).total_seconds()) > 0:
        names = some(node.certname for node in waiting)
        context.reporter.status(f"draining {names}: {left:.0f} s left")
        context.clock.sleep(min(left, 5.0))


def _retiring(ledger: Ledger, node: Node) -> Node:
    if node.state is State.RETIRING:
        return node
    return ledger.change(node, "retiring", state=State.RETIRING, retire_step=first_step(node).value)
