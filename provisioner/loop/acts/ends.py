"""The end of nodes, as far as it goes now: what EC2 has not finished, the next pass goes on with.

The steps are those of ``retire``; here nobody waits for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from enc.domain.explain.outlook import no_order
from enc.domain.model import Node, State
from enc.inventory import StoreError
from provisioner.context import Context
from provisioner.domain.actions import End, EndOrphan
from provisioner.domain.retirement import (
    BEFORE_GONE,
    Finding,
    Step,
    first_step,
    found,
    has_machine,
    only_news,
    spared_because,
    step_of,
)
from provisioner.domain.world import World, stopped_by_a_person
from provisioner.ending.ledger import Ledger
from provisioner.ending.puppet import Forgetting
from provisioner.ending.terminate import terminate
from provisioner.loop.acts.done import Done, Result, all_failed, failed, left
from provisioner.ports.ec2 import Instance, InstanceState
from provisioner.ports.errors import CloudError, advised
from provisioner.ports.tags import LAUNCH_TAG, ROLE_TAG, SITE_TAG

_BEGUN = frozenset({State.DRAINING, State.RETIRING})


def end(context: Context, actions: Sequence[End], _: World) -> list[Done]:
    """Begin, or go on with, the end of these nodes."""
    ending = _Ending(context, actions)
    ending.run()
    return ending.done


class _Ending:
    def __init__(self, context: Context, actions: Sequence[End]) -> None:
        self._context = context
        self._actions = {one.node.certname: one for one in actions}
        self._reasons: dict[str, str] = {}
        self._ledger = Ledger(context, self._why)
        self.done: list[Done] = []

    def run(self) -> None:
        nodes = self._still_to_end()
        machines = [n for n in nodes if has_machine(n) and step_of(n) in BEFORE_GONE]
        gone = [n for n in nodes if not has_machine(n) or step_of(n) not in BEFORE_GONE]
        for region, ours in _by_region(machines).items():
            gone += self._in_ec2(region, ours)
        self._forget(gone)

    # A second look.

    def _still_to_end(self) -> list[Node]:
        """As they are now, retiring; those that need not or may not end are left."""
        now = {n.certname: n for n in self._context.inventory.nodes.many(list(self._actions))}
        held = self._context.inventory.holds.all(sorted({n.role for n in now.values()}))
        spared = self._context.spared()
        unordered = self._context.inventory.orders.lacking(now.values())
        ending = []
        for certname, action in self._actions.items():
            fresh = now.get(certname)
            if fresh is None:
                self._left(action, "it has left the inventory meanwhile")
            elif certname in unordered:
                self._left(action, no_order(fresh))
            elif why := _why_not(action, fresh, held, spared):
                self._left(action, why)
            else:
                ending.append(fresh)
        return ending

    def _in_ec2(self, region: str, nodes: Sequence[Node]) -> list[Node]:
        """Terminate what lives; those whose machines are gone, at their next step."""
        try:
            seen = self._context.cloud.describe(region, [node.instance_id for node in nodes])
        except CloudError as error:
            self._failed(nodes, error)
            return []
        strangers = [n for n in nodes if _is_anothers(self._context, seen.get(n.instance_id))]
        for node in strangers:
            self._left(self._actions[node.certname], "its tags in EC2 are no longer ours")
        there = [n for n in nodes if n not in strangers and self._is_there(n, seen)]
        for node in there:
            said = seen[node.instance_id].state
            self._left(self._actions[node.certname], f"it is not gone: EC2 says by its id: {said}")
        nodes = [node for node in nodes if node not in strangers and node not in there]
        begun = self._each(nodes, self._begin)
        gone, alive = [], []
        for node in begun:
            finding = self._finding(node, seen.get(node.instance_id))
            if finding.step not in BEFORE_GONE:
                gone += self._each([node], partial(self._move, finding=finding))
            elif finding.end or step_of(node) is Step.TERMINATE:
                alive.append(node)
            else:
                self._still(node, "EC2 is ending it")
        self._terminate(region, alive)
        return gone

    def _is_there(self, node: Node, seen: Mapping[str, Instance]) -> bool:
        """Taken for gone, and alive: a listing may miss what is there, or be late."""
        instance = seen.get(node.instance_id)
        gone = self._actions[node.certname].gone and node.state is not State.RETIRING
        return gone and instance is not None and instance.state is not InstanceState.TERMINATED

    def _finding(self, node: Node, instance: Instance | None) -> Finding:
        """Absent counts only when two passes have seen it so, and EC2 does not know its id."""
        suspect = self._context.timeouts.suspect
        absent = suspect if self._actions[node.certname].absent else timedelta(0)
        return found(step_of(node), instance, absent, suspect)

    def _terminate(self, region: str, nodes: Sequence[Node]) -> None:
        if not nodes:
            return
        by_id = {node.instance_id: node for node in nodes}
        told = terminate(self._context, region, list(by_id), self._context.timeouts.pass_patience)
        for instance_id, error in {**told.refused, **told.away}.items():
            self._failed([by_id[instance_id]], error)
        for instance_id in told.unknown:
            self._still(by_id[instance_id], "EC2 does not know it; the next pass looks again")
        taken = [by_id[i] for i in told.taken if step_of(by_id[i]) is Step.TERMINATE]
        moved = self._each(taken, lambda n: self._ledger.move(n, Step.CONFIRM, "terminated"))
        for node in moved:
            self._still(node, "EC2 has been told to terminate it")
        for instance_id in told.taken:
            if step_of(by_id[instance_id]) is not Step.TERMINATE:
                self._still(by_id[instance_id], "EC2 has been told again to terminate it")

    # Writing.

    def _begin(self, node: Node) -> Node:
        if node.state is State.RETIRING:
            return node
        step = first_step(node).value
        return self._ledger.change(node, "retiring", state=State.RETIRING, retire_step=step)

    def _move(self, node: Node, finding: Finding) -> Node:
        return self._ledger.move(node, finding.step, finding.what, why=finding.why)

    def _forget(self, nodes: Sequence[Node]) -> None:
        begun = self._each(nodes, self._begin)
        Forgetting(self._ledger).forget(begun)
        result = self._ledger.result()
        for node in begun:
            action = self._actions[node.certname]
            if node.certname in result.archived:
                self.done.append(Done(action=action, said="archived"))
            elif why := result.remaining.get(node.certname):
                self.done.append(failed(action, why))

    def _each(self, nodes: Sequence[Node], act: Callable[[Node], Node]) -> list[Node]:
        """Those that came through; what another has changed meanwhile is left."""
        through = self._ledger.each(nodes, act)
        remaining = self._ledger.result().remaining
        for node in nodes:
            if why := remaining.get(node.certname):
                self._left(self._actions[node.certname], why)
        return through

    def _why(self, node: Node) -> str:
        """Why it ends: the reason that its end began with, or that it was drained for."""
        name = node.certname
        if name not in self._reasons:
            action = self._actions[name]
            begun = action.node.state in _BEGUN
            told = self._context.inventory.events.life(name) if begun else []
            self._reasons[name] = began_because(told) or action.reason
        return self._reasons[name]

    # Telling.

    def _still(self, node: Node, said: str) -> None:
        self.done.append(Done(action=self._actions[node.certname], said=said))

    def _left(self, action: End, why: str) -> None:
        self.done.append(left(action, why))

    def _failed(self, nodes: Iterable[Node], error: CloudError | StoreError) -> None:
        self.done += all_failed((self._actions[node.certname] for node in nodes), error)


def began_because(life: Sequence[Mapping[str, str]]) -> str:
    """Why the end of a node began, by its events, oldest first; "" where they do not say."""
    whys = [one.get("why", "") for one in life if one.get("what") in ("draining", "retiring")]
    return whys[-1] if whys else ""


def _why_not(
    action: End, fresh: Node, held: Mapping[str, object], spared: Mapping[str, str]
) -> str:
    if not only_news(action.node, fresh):
        return "it was changed meanwhile; the next pass looks again"
    if fresh.state is State.RETIRING:
        return _spared(fresh, spared)
    if fresh.state is not action.node.state:
        return f"it is {fresh.state} by now"
    if not (action.gone or action.taken) and ("" in held or fresh.role in held):
        return "its role was stopped meanwhile"
    return _spared(fresh, spared)


def _spared(node: Node, spared: Mapping[str, str]) -> str:
    why = spared_because(node.certname, spared)
    return f"{why}, and revoking its certificate would cut off Puppet or us" if why else ""


def _is_anothers(context: Context, instance: Instance | None) -> bool:
    return instance is not None and instance.tags.get(SITE_TAG) != context.site


def _by_region(nodes: Iterable[Node]) -> Mapping[str, list[Node]]:
    groups: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        groups[node.region].append(node)
    return groups


def end_orphans(context: Context, actions: Sequence[EndOrphan], _: World) -> list[Done]:
    """Machines without a record that nobody wants, if EC2 and the store still say so."""
    done: list[Done] = []
    grouped: dict[str, list[EndOrphan]] = defaultdict(list)
    for one in actions:
        grouped[one.instance.region].append(one)
    for region, ours in grouped.items():
        try:
            done += _end_orphans_in(context, region, ours)
        except CloudError as error:
            done += all_failed(ours, error)
    return done


def _end_orphans_in(context: Context, region: str, actions: Sequence[EndOrphan]) -> list[Done]:
    seen = context.cloud.describe(region, [one.instance.id for one in actions])
    recorded = {n.certname for n in context.inventory.nodes.many([o.instance.id for o in actions])}
    done, ending = [], {}
    for one in actions:
        instance = seen.get(one.instance.id)
        if instance is None or not instance.alive:
            done.append(left(one, "it is gone by itself"))
        elif one.instance.id in recorded or _wanted(context, instance):
            done.append(left(one, "it is wanted after all"))
        else:
            ending[one.instance.id] = one
    told = terminate(context, region, list(ending), context.timeouts.pass_patience)
    done += [failed(ending[i], advised(e)) for i, e in {**told.refused, **told.away}.items()]
    done += [left(ending[i], "EC2 does not know it any more") for i in told.unknown]
    for instance_id in told.taken:
        _note_orphan(context, ending[instance_id])
        done.append(Done(action=ending[instance_id], result=Result.DONE))
    return done


def _wanted(context: Context, instance: Instance) -> bool:
    """Its launch may want more by now, its tags be changed, or its role stopped by a person."""
    role = instance.tags.get(ROLE_TAG, "")
    held = context.inventory.holds.all([role] if role else [])
    if any(map(stopped_by_a_person, held.values())):
        return True
    if instance.tags.get(SITE_TAG) != context.site:
        return True
    if context.inventory.nodes.ended([instance.id]):
        return False
    launch = context.inventory.launches.get(instance.tags.get(LAUNCH_TAG, ""))
    return launch is None or launch.got < launch.want


def _note_orphan(context: Context, action: EndOrphan) -> None:
    event = context.event("orphan terminated", node=action.instance.id, why=action.reason)
    context.inventory.signing.note(event)
