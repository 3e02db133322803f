"""The end of machines: terminate them in EC2, and see them gone before anybody forgets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from enc.domain.model import Node
from provisioner.domain.retirement import BEFORE_GONE, Finding, Step, found, step_of
from provisioner.ending.ledger import Ledger, some
from provisioner.ending.terminate import Terminated, terminate
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError, advised

_LOOK = 2.0


class Ending:
    """``nodes`` are retiring and have machines; ``gone`` are retiring and have none."""

    def __init__(self, ledger: Ledger, nodes: Sequence[Node], gone: Sequence[Node]) -> None:
        self._ledger, self._context = ledger, ledger.context
        self._left = {
            region: {node.instance_id: node for node in ours}
            for region, ours in groupby(sorted(nodes, key=_region), key=_region)
        }
        self._missing: dict[str, float] = {}  # since when, by the monotonic clock
        self._seen: dict[str, str] = {}
        self._untold: dict[str, str] = {}
        self._gone = list(gone)
        self._gathered_since: float | None = None

    def batches(self) -> Iterator[list[Node]]:
        """Nodes whose machines the last look showed gone, in few batches.

        All of them together where they end together; nobody waits long for one that hangs.
        What is not gone in time remains, with EC2's word for it.
        """
        clock, timeouts = self._context.clock, self._context.timeouts
        for region in self._left:
            self._terminate(region)
        until = clock.monotonic() + timeouts.terminated.total_seconds()
        while self._look_everywhere() and clock.monotonic() < until:
            if self._gathered_for(timeouts.gather):
                yield self._take()
                continue
            names = some(i for ours in self._left.values() for i in ours)
            self._context.reporter.status(f"waiting for EC2 to end {names}")
            clock.sleep(_LOOK)
        self._still_there()
        if self._gone:
            yield self._take()

    def _take(self) -> list[Node]:
        taken, self._gone, self._gathered_since = self._gone, [], None
        return taken

    def _gathered_for(self, span: timedelta) -> bool:
        if not self._gone:
            return False
        now = self._context.clock.monotonic()
        if self._gathered_since is None:
            self._gathered_since = now
        return now - self._gathered_since >= span.total_seconds()

    def _terminate(self, region: str) -> None:
        """Those that EC2 was never told of. One that it does not know is young, or gone."""
        ids = [i for i, n in self._left[region].items() if step_of(n) is Step.TERMINATE]
        if not ids:
            return
        self._context.reporter.status(f"terminating {some(ids)} in {region}")
        told = terminate(self._context, region, ids, self._context.timeouts.patience)
        self._take_in(region, told)
        self._drop_what_lives(region, told.away)

    def _take_in(self, region: str, told: Terminated) -> None:
        self._told(region, told.taken)
        for instance_id, error in told.refused.items():
            self._drop(region, [instance_id], advised(error))

    def _drop_what_lives(self, region: str, away: Mapping[str, CloudError]) -> None:
        """A request that was not answered may have ended them, or some of them."""
        if not away:
            return
        try:
            seen = self._context.cloud.describe(region, list(away))
        except CloudError:
            seen = {}
        for instance_id, error in away.items():
            if instance_id not in seen or seen[instance_id].alive:
                self._drop(region, [instance_id], advised(error))

    def _look_everywhere(self) -> bool:
        """Whether any are left that are not surely gone."""
        for region in [region for region, ours in self._left.items() if ours]:
            instances = self._described(region)
            if instances is not None:
                self._judge(region, instances)
        return any(self._left.values())

    def _described(self, region: str) -> Mapping[str, Instance] | None:
        """None is no answer, and no proof of anything."""
        ids = list(self._left[region])
        try:
            return self._context.cloud.describe(region, ids)
        except CloudError as error:
            if not error.passing:
                self._drop(region, ids, advised(error))
                return None
            self._context.reporter.status(f"{error}; looking again")
            for instance_id in ids:
                self._seen[instance_id] = f"does not say how it is: {error}"
            return None

    def _judge(self, region: str, instances: Mapping[str, Instance]) -> None:
        ours, findings = self._left[region], {}
        for instance_id, node in ours.items():
            instance = instances.get(instance_id)
            said = instance.state.value if instance else "not listed"
            self._seen[instance_id] = f"says {said}"
            absent = self._absent(instance_id, instance)
            suspect = self._context.timeouts.suspect
            findings[instance_id] = found(step_of(node), instance, absent, suspect)
        for instance_id, finding in findings.items():
            self._follow(region, instance_id, finding)
        self._end_again(region, [i for i in findings if i in ours and findings[i].end])

    def _absent(self, instance_id: str, instance: Instance | None) -> timedelta:
        """A clock that is put forward must not make a young machine gone."""
        now = self._context.clock.monotonic()
        if instance is not None:
            self._missing.pop(instance_id, None)
            return timedelta(0)
        return timedelta(seconds=now - self._missing.setdefault(instance_id, now))

    def _follow(self, region: str, instance_id: str, finding: Finding) -> None:
        """Write down where it stands now; one that is gone is looked at no more."""
        node = self._left[region].pop(instance_id)
        moved = self._ledger.each([node], _mover(self._ledger, finding))
        if finding.end and finding.what:
            self._context.reporter.say(f"{node.certname} is {finding.what}: {finding.why}")
        if finding.step in BEFORE_GONE:
            self._keep(region, moved)
        else:
            self._gone += moved

    def _end_again(self, region: str, alive: Sequence[str]) -> None:
        """What lives still was not heard of, or was started again."""
        if not alive:
            return
        # What may pass is come back to by the next look; the last one says that it lives.
        told = terminate(self._context, region, alive, timedelta(0))
        self._untold |= {instance_id: str(error) for instance_id, error in told.away.items()}
        self._take_in(region, told)

    def _told(self, region: str, ids: Sequence[str]) -> None:
        """EC2 has taken it: seeing it gone is what comes next."""
        ours, ledger = self._left[region], self._ledger
        first = [ours.pop(i) for i in ids if step_of(ours[i]) is Step.TERMINATE]
        self._keep(
            region,
            ledger.each(first, lambda node: ledger.move(node, Step.CONFIRM, "terminated")),
        )

    def _keep(self, region: str, nodes: Sequence[Node]) -> None:
        self._left[region] |= {node.instance_id: node for node in nodes}

    def _drop(self, region: str, ids: Sequence[str], why: str) -> None:
        self._ledger.remain([self._left[region].pop(i) for i in ids], why)

    def _still_there(self) -> None:
        for ours in self._left.values():
            for node in ours.values():
                self._ledger.remain([node], f"{self._word(node)}; retire it again to continue")

    def _word(self, node: Node) -> str:
        """EC2's last one, and whether it has ever taken the order."""
        seen, step = self._seen[node.instance_id], step_of(node)
        if step is Step.CONFIRM:
            return f"EC2 was told to terminate it and {seen}"
        if step is not Step.TERMINATE:
            return f"EC2 {seen}"
        why = self._untold.get(node.instance_id, "")
        return f"EC2 was not told to terminate it{f' ({why})' if why else ''} and {seen}"


def _mover(ledger: Ledger, finding: Finding) -> Callable[[Node], Node]:
    def move(node: Node) -> Node:
        if not finding.what:
            return node
        return ledger.move(node, finding.step, finding.what, why=finding.why)

    return move


def _region(node: Node) -> str:
    return node.region
