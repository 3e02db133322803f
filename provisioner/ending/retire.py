"""The end of a node's life. Every step can be repeated, and the next one goes on from there.

Drain, terminate, see it gone, revoke the certificate, tell PuppetDB, archive. Where a node stands
is in its state and ``retire_step``; how each step is done is in ending and forgetting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from enc.domain.damage import damaged
from enc.domain.model import Node, State
from provisioner.calls import check_account
from provisioner.context import Context
from provisioner.domain.retirement import first_step, has_machine, spared_because
from provisioner.ending.drain import Draining
from provisioner.ending.ledger import Ledger, Retirement
from provisioner.ending.machines import Ending
from provisioner.ending.puppet import Forgetting
from provisioner.ports.errors import CloudError, advised

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

    Nodes end in batches, as they have drained: none waits for another's drain, only for the batch
    before its own, and that takes as long as the timeouts ``terminated`` and ``patience`` say.
    Raises SparedError and WrongAccountError before anything is done; StoreError, and then the same
    call goes on.
    """
    check_spared(nodes, context.spared())
    ledger = Ledger(context, why)
    endable = _with_known_machines(ledger, nodes)
    draining, forgetting = Draining(context, drain), Forgetting(ledger)
    draining.add(ledger.each(endable, lambda node: _begun(ledger, node)))
    while due := draining.due():
        moved = ledger.each(due, lambda node: _onward(ledger, node))
        draining.add(node for node in moved if node.state is State.DRAINING)
        _end(ledger, forgetting, [node for node in moved if node.state is State.RETIRING])
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
    orders = ledger.context.inventory.orders
    if orders.lacking([node]):
        orders.give(node)
    return node


def _onward(ledger: Ledger, node: Node) -> Node:
    """Retiring; or draining, where it went into service while it was not looked at."""
    if node.state is State.RETIRING:
        return node
    if node.state in _DRAINS:
        return _begun(ledger, node)
    return ledger.change(node, "retiring", state=State.RETIRING, retire_step=first_step(node).value)


def _end(ledger: Ledger, forgetting: Forgetting, nodes: Sequence[Node]) -> None:
    machines = [node for node in nodes if has_machine(node)]
    others = [node for node in nodes if not has_machine(node)]
    for gone in Ending(ledger, machines, others).batches():
        forgetting.forget(gone)
