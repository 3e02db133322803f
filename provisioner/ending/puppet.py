"""What Puppet knows of nodes whose machines are gone: certificates, PuppetDB, and the archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from enc.domain.model import ArchivedNode, Node
from enc.domain.trust import NOT_REVOKED, REVOKED
from enc.inventory import ConflictError
from provisioner.calls import check_account, retry
from provisioner.context import Context
from provisioner.domain.retirement import Step, has_machine, spared_because, step_of
from provisioner.ending.ledger import Ledger
from provisioner.ports.errors import FOR_ALL, PuppetError, advised
from provisioner.ports.puppet import CA, PuppetDB

NO_CA = (
    "no PUPPET_CA_URL: certificates are not revoked; with it set, 'provisioner retire NODE' of an "
    "ended node makes up for it"
)
NO_PUPPETDB = "no PUPPETDB_URL: PuppetDB is not told"


class Forgetting:
    """Remembers for one retirement which service said no to everything, and asks it no more."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._context = ledger, ledger.context
        self._ca_door, self._puppetdb_door = _Door(self._context), _Door(self._context)

    def forget(self, nodes: Sequence[Node]) -> None:
        """Go on with each from its step to its end. Their machines must surely be gone."""
        standing = list(nodes)
        for step, act in (
            (Step.CLEAN, self._clean),
            (Step.DEACTIVATE, self._deactivate),
            (Step.ARCHIVE, self._archive),
        ):
            here = [node for node in standing if step_of(node) is step]
            standing = [node for node in standing if step_of(node) is not step]
            standing += act(here) if here else []

    def _clean(self, nodes: Sequence[Node]) -> list[Node]:
        ca, ledger = self._context.ca, self._ledger
        if ca is None:
            return self._skipped(nodes, Step.DEACTIVATE, NOT_REVOKED, NO_CA)
        cleaned = self._cleaned(ca, self._still_to_clean(nodes))
        return ledger.each(cleaned, lambda node: ledger.move(node, Step.DEACTIVATE, REVOKED))

    def _still_to_clean(self, nodes: Sequence[Node]) -> list[Node]:
        """Just before the act: a foreign name may have been ended, and made and signed anew."""
        names = [node.certname for node in nodes]
        now = {node.certname: node for node in self._context.inventory.nodes.many(names)}

        def same(node: Node) -> Node:
            fresh = now.get(node.certname)
            if fresh is None or _life(fresh) != _life(node):
                raise ConflictError(f"{node.certname} was changed by someone else; look at it")
            return node

        return self._ledger.each(nodes, same)

    def _cleaned(self, ca: CA, nodes: Sequence[Node]) -> Sequence[Node]:
        """Those that the CA has cleaned: all in one call, or in halves if one of them spoils it.

        A single name can make it fail for ever:
        https://github.com/puppetlabs/puppetserver/issues/2901
        """
        if not nodes:
            return []
        names = [node.certname for node in nodes]
        self._context.reporter.status(f"revoking {len(names)} certificate(s)")
        error = self._ca_door.ask(lambda: ca.clean(names))
        if error is None:
            return nodes
        if len(nodes) > 1 and not self._ca_door.closed:
            middle = len(nodes) // 2
            cleaned = [*self._cleaned(ca, nodes[:middle]), *self._cleaned(ca, nodes[middle:])]
            if cleaned:
                return cleaned
            # It was none of them in particular: one message for all.
        self._ledger.remain(nodes, f"its certificate is not revoked yet: {advised(error)}")
        return []

    def _deactivate(self, nodes: Sequence[Node]) -> list[Node]:
        puppetdb, ledger = self._context.puppetdb, self._ledger
        if puppetdb is None:
            return self._skipped(nodes, Step.ARCHIVE, "not deactivated in PuppetDB", NO_PUPPETDB)
        told = [node for node in nodes if self._deactivated(puppetdb, node)]
        return ledger.each(
            told, lambda node: ledger.move(node, Step.ARCHIVE, "deactivated in PuppetDB")
        )

    def _deactivated(self, puppetdb: PuppetDB, node: Node) -> bool:
        now, certname = self._context.clock.now, node.certname
        self._context.reporter.status(f"deactivating {certname} in PuppetDB")
        # PuppetDB takes whatever is newer, and the puppetserver's clock may be ahead of ours.
        error = self._puppetdb_door.ask(
            lambda: puppetdb.deactivate(certname, max(now(), node.report_at or now()))
        )
        if error is not None:
            self._ledger.remain([node], f"PuppetDB is not told yet: {advised(error)}")
        return error is None

    def _archive(self, nodes: Sequence[Node]) -> list[Node]:
        return self._ledger.each(nodes, self._ledger.archive)

    def _skipped(self, nodes: Sequence[Node], step: Step, what: str, why: str) -> list[Node]:
        self._ledger.say_once(why)
        return self._ledger.each(nodes, lambda node: self._ledger.move(node, step, what, why=why))


def clean_ended(context: Context, ended: ArchivedNode) -> bool:
    """Revoke what was left of a node that ended without a CA; whether there was anything to do.

    Not where EC2 lists its machine alive after all, nor what is spared. Raises PuppetError,
    CloudError, WrongAccountError, StoreError; may be repeated.
    """
    certname, ca = ended.node.certname, context.ca
    whats = {entry["what"] for entry in context.inventory.events.life(certname)}
    if ca is None or NOT_REVOKED not in whats or REVOKED in whats:
        return False
    if spared_because(certname, context.spared()) or _lives(context, ended.node):
        return False
    ca.clean([certname])
    why = "it had ended without a CA"
    context.inventory.signing.note(context.event(REVOKED, node=certname, why=why))
    return True


def _lives(context: Context, node: Node) -> bool:
    if not has_machine(node):
        return False
    check_account(context)
    found = context.cloud.describe(node.region, [node.instance_id]).get(node.instance_id)
    return found is not None and found.alive


def _life(node: Node) -> tuple[object, ...]:
    return node.state, node.retire_step, node.launched_at


class _Door:
    """A service that many nodes are asked of: patient for a while in all, not for each node."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._spent = timedelta(0)
        self.closed: PuppetError | None = None

    def ask(self, act: Callable[[], None]) -> PuppetError | None:
        """None when it is done, else why not."""
        if self.closed is not None:
            return self.closed
        clock, span = self._context.clock, self._context.timeouts.patience
        began = clock.monotonic()
        try:
            retry(self._context, act, clock.now() + max(span - self._spent, timedelta(0)))
        except PuppetError as error:
            self._spent += timedelta(seconds=clock.monotonic() - began)
            if error.refusal in FOR_ALL or self._spent > 2 * span:
                self.closed = error
            return error
        return None
