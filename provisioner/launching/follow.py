"""Following machines from EC2's ``pending`` to where the one who asked wants to see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from enc.domain.model import Node, State
from provisioner.context import Context
from provisioner.domain.machines import Change, followed
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError
from provisioner.ports.puppet import CA
from provisioner.ports.tags import LAUNCH_TAG
from provisioner.signing.sign import Done, sign_those

# Half a second while a machine is young: what we wait beyond EC2 is our own slowness. Later the
# looks grow rarer, a tenth of the time that has passed, so that a slow start costs few calls.
_SHORTEST_LOOK = 0.5
_LONGEST_LOOK = 5.0
_SHARE = 0.1

# A request for each node that is not ready: seldom enough for the CA, often enough for people.
_LOOK_AT_CA = timedelta(seconds=6)

_SETTLED = frozenset(State) - {State.PENDING}


def follow_to_running(
    context: Context, nodes: Sequence[Node], *, ready_when_running: bool
) -> tuple[Node, ...]:
    """The nodes as they stand when none is pending any more, or when that took too long.

    All of one launch and region. EC2 that cannot be listed is waited for, not believed.
    """
    if not nodes:
        return ()
    began = context.clock.now()
    follower = _Follower(context, nodes, ready_when_running=ready_when_running)
    while True:
        follower.look()
        passed = context.clock.now() - began
        if follower.done(passed):
            return follower.nodes
        context.reporter.status(follower.tally())
        context.clock.sleep(_until_next_look(passed))


def follow_to_ready(context: Context, nodes: Sequence[Node], until: datetime) -> tuple[Node, ...]:
    """The nodes as they stand when each is ready or beyond hope, or at ``until``.

    Their certificate requests that wait at the CA are signed meanwhile: one that met a dead
    service is never asked about again.
    """
    look_at_ca = context.clock.now()
    while True:
        now = tuple(context.inventory.nodes.many([node.certname for node in nodes]))
        waiting = [node for node in now if node.state in (State.PENDING, State.RUNNING)]
        if not waiting or context.clock.now() >= until:
            return now
        context.reporter.status(f"{len(waiting)} of {len(now)} not ready yet: Puppet's first run")
        if context.ca and context.clock.now() >= look_at_ca:
            _sign(context, context.ca, waiting, until)
            look_at_ca = context.clock.now() + _LOOK_AT_CA
        context.clock.sleep(2.0)


def _sign(context: Context, ca: CA, nodes: Sequence[Node], until: datetime) -> None:
    """A CA that fails, or is slow, is no reason to fail or to wait: mostly it signs without us."""
    for judged in sign_those(context, ca, [node.certname for node in nodes]):
        acted = judged.done not in (Done.LEFT, Done.FAILED)
        tell = context.reporter.say if acted else context.reporter.status
        tell(f"{judged.done}: {judged.why}")
        if context.clock.now() >= until:
            return


def _until_next_look(passed: timedelta) -> float:
    return min(max(_SHORTEST_LOOK, passed.total_seconds() * _SHARE), _LONGEST_LOOK)


class _Follower:
    def __init__(
        self, context: Context, nodes: Sequence[Node], *, ready_when_running: bool
    ) -> None:
        self._context = context
        self._by_id = {node.certname: node for node in nodes}
        self._ready_when_running = ready_when_running
        self._region, self._launch = nodes[0].region, nodes[0].launch

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(self._by_id.values())

    def look(self) -> None:
        """List once, and write what changed; a node may take two steps at once."""
        try:
            listed = self._context.cloud.instances(
                self._region, self._context.site, {LAUNCH_TAG: self._launch}
            )
        except CloudError as error:
            if not error.passing:
                raise
            self._context.reporter.status(f"{error}; looking again")
            return
        while changes := self._changes(listed):
            self._write(changes)

    def done(self, passed: timedelta) -> bool:
        timeouts = self._context.timeouts
        if any(node.state is State.PENDING for node in self.nodes):
            return passed >= timeouts.running
        nameless = any(not n.private_dns and n.state is not State.LOST for n in self.nodes)
        return not nameless or passed >= timeouts.names

    def tally(self) -> str:
        settled = sum(node.state in _SETTLED for node in self.nodes)
        return f"{settled} of {len(self.nodes)} have left pending"

    def _changes(self, listed: Sequence[Instance]) -> list[Change]:
        found = []
        for instance in listed:
            node = self._by_id.get(instance.id)
            change = node and followed(node, instance, ready_when_running=self._ready_when_running)
            if change:
                found.append(change)
        return found

    def _write(self, changes: Sequence[Change]) -> None:
        """What somebody else changed meanwhile is read again, and looked at again."""
        event = self._context.event
        done = self._context.inventory.nodes.change_many(
            (
                c.node,
                event(c.what, node=c.node.certname, role=c.node.role, why=c.why),
                _with_times(c, self._context.clock.now()),
            )
            for c in changes
        )
        self._by_id |= {node.certname: node for node in done}
        written = {node.certname for node in done}
        stale = [c.node.certname for c in changes if c.node.certname not in written]
        if stale:
            again = {n.certname: n for n in self._context.inventory.nodes.many(stale)}
            for certname in stale:
                self._by_id.pop(certname)
            self._by_id |= again


def _with_times(change: Change, now: datetime) -> dict[str, object]:
    ready = change.fields.get("state") is State.READY
    return {**change.fields, **({"ready_at": now} if ready else {})}
