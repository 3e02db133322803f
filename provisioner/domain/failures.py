"""Launches that fail, and those whose machines never become ready: their role is stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from enc.domain.model import Backoff, Hold, HoldCause, Node, State
from enc.domain.summary import TAKEN_BACK
from provisioner.domain.actions import Action, BackOff, Close, Forgive, Resume, Stop
from provisioner.domain.openlaunches import backoff_span
from provisioner.domain.world import KnownRole, World

_IN_A_ROW = 2
_KEPT = 20  # launches named in a record
_DEAD = frozenset({State.FAILED, State.LOST})


def failures(
    world: World, known: KnownRole, nodes: Sequence[Node], closing: Sequence[Close]
) -> Iterator[Action]:
    """``nodes`` are the role's fleet nodes to come, ``closing`` its launches that end now."""
    name, backoff = known.role.name, world.backoffs.get(known.role.name)
    hold = world.holds.get(name)
    well = _well_since([n for n in nodes if _worked(world, known, n)], backoff, hold)
    if hold and hold.cause is HoldCause.FAILURES:
        if hold.spec_hash != known.role.spec_hash:
            yield Resume(hold=hold, reason="the role's launch section has changed since")
        elif well:
            yield Resume(hold=hold, reason=f"{well} became ready after all")
    if backoff and backoff.spec_hash != known.role.spec_hash:
        backoff = None
    elif backoff and backoff.launches and well:
        yield Forgive(backoff=pardon(backoff, world.now), reason=f"{well} became ready")
        return
    for one in closing:
        if one.failed:
            backoff = counted(world, known, backoff, one.launch.id, unready=False)
            why = f"{len(backoff.launches)} launches in a row got nothing"
            yield BackOff(backoff=backoff, reason=why)
    yield from _never_ready(world, known, nodes, backoff)


def counted(
    world: World, role: KnownRole, backoff: Backoff | None, launch: str, *, unready: bool
) -> Backoff:
    """The record with one more failed launch. Counting the same launch again changes nothing."""
    if backoff is None or backoff.spec_hash != role.role.spec_hash:
        backoff = Backoff(
            role=role.role.name, spec_hash=role.role.spec_hash, at=world.now, until=world.now
        )
    launches = _with(backoff.launches, launch)
    span = backoff_span(len(launches), world)
    return replace(
        backoff,
        at=world.now,
        until=max(backoff.until, world.now + span),
        launches=launches,
        unready=_with(backoff.unready, launch) if unready else backoff.unready,
    )


def pardon(backoff: Backoff, now: datetime) -> Backoff:
    """Nothing counts any more, nor will what failed until now."""
    past = (*backoff.pardoned, *backoff.launches)[-_KEPT:]
    return replace(backoff, at=now, until=now, launches=(), unready=(), pardoned=past)


def _with(launches: tuple[str, ...], one: str) -> tuple[str, ...]:
    return launches if one in launches else (*launches, one)[-_KEPT:]


def _well_since(nodes: Sequence[Node], backoff: Backoff | None, hold: Hold | None) -> str:
    """Of those that worked, one that became ready after the last failure."""
    times = [backoff.at] if backoff else []
    times += [hold.since] if hold and hold.cause is HoldCause.FAILURES else []
    if not times:
        return ""
    after = (n for n in nodes if n.state is State.READY and n.ready_at)
    return next((n.certname for n in after if n.ready_at and n.ready_at > max(times)), "")


def _never_ready(
    world: World, known: KnownRole, nodes: Sequence[Node], backoff: Backoff | None
) -> Iterator[Action]:
    noted = (*backoff.unready, *backoff.pardoned) if backoff else ()
    fresh = {n: ours for n, ours in _beyond_hope(world, known, nodes).items() if n not in noted}
    for launch, ours in fresh.items():
        backoff = counted(world, known, backoff, launch, unready=True)
        said = _reason(world, ours)
        backoff = replace(backoff, why=said or backoff.why)
        why = f"no machine of launch {launch} became ready"
        yield BackOff(backoff=backoff, reason=f"{why}: {said}" if said else why)
    held = known.role.name in world.holds
    if backoff and len(backoff.unready) >= _IN_A_ROW and not held:
        yield _stop(world, known, backoff)


def _beyond_hope(world: World, known: KnownRole, nodes: Sequence[Node]) -> dict[str, list[Node]]:
    """Launches of this spec of which each machine that we still know failed, or never worked."""
    of: dict[str, list[Node]] = {}
    for node in nodes:
        if node.launch and node.spec_hash == known.role.spec_hash:
            of.setdefault(node.launch, []).append(node)
    return {launch: ours for launch, ours in of.items() if _none_worked(world, known, ours)}


def _none_worked(world: World, known: KnownRole, nodes: Sequence[Node]) -> bool:
    never = not any(_worked(world, known, node) for node in nodes)
    return never and any(_died(world, n) for n in nodes) and not any(map(_may_be, nodes))


def _worked(world: World, known: KnownRole, node: Node) -> bool:
    """Whether its being ready says that it works.

    Where a machine is ready when it runs, only the time says so: as long as its role gives others
    to become ready. What EC2 takes back sooner says nothing of the role.
    """
    if node.ready_at is None or known.spec.fleet.ready_when != "running":
        return node.ready_at is not None
    instance = world.instance(node)
    if instance is not None and TAKEN_BACK.search(instance.state_reason):
        return True
    before = world.nodes.get(node.certname, node)
    until = before.state_since if before.state in _DEAD else world.now
    return until - node.ready_at >= known.spec.fleet.ready_timeout


def _died(world: World, node: Node) -> bool:
    """By itself. One whose end goes on says no more why it began; an earlier pass had to count."""
    before = world.nodes.get(node.certname, node)
    return node.state in _DEAD or before.state in _DEAD


def _reason(world: World, nodes: Sequence[Node]) -> str:
    """EC2's own, of a machine that it ended."""
    found = (world.instance(node) for node in nodes)
    return next((one.state_reason for one in found if one and not one.alive), "")


def _may_be(node: Node) -> bool:
    return node.state in (State.PENDING, State.RUNNING, State.READY)


def _stop(world: World, known: KnownRole, backoff: Backoff) -> Stop:
    name = known.role.name
    launches = ", ".join(backoff.unready)
    said = f"; EC2 says {backoff.why}" if backoff.why else ""
    why = (
        f"{len(backoff.unready)} launches in a row never became ready ({launches}){said}: see "
        f"'provisioner history --role {name}'; change its launch section, "
        f"or run 'provisioner resume {name}', to try again"
    )
    return failed_hold(world, name, known.role.spec_hash, why)


def failed_hold(world: World, role: str, spec_hash: str, why: str) -> Stop:
    """A hold that another launch section lifts."""
    hold = Hold(
        role=role,
        why=why,
        since=world.now,
        by="converge",
        cause=HoldCause.FAILURES,
        spec_hash=spec_hash,
    )
    return Stop(hold=hold, reason=why)
