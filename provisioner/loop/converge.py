"""One pass: observe, decide, look again, act, report. What it plans, ``plan`` prints."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from enc.inventory.meta import OtherSiteError
from provisioner.calls import check_account
from provisioner.context import Context
from provisioner.domain import actions as do
from provisioner.domain.actions import Action, Plan
from provisioner.domain.deciding import decide
from provisioner.domain.world import Rules, World
from provisioner.loop.acts import drain, ends, launches, nodes, others
from provisioner.loop.acts.done import Done, Result
from provisioner.loop.lease import leased
from provisioner.loop.observe import Seen, observe
from provisioner.ports.errors import CloudError, advised
from provisioner.ports.notices import Notice, Notices

# A look at every region in which one could not be read is repeated sooner.
_SOONER = 12


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a pass is to be about; ``roles`` empty: everything."""

    roles: frozenset[str] = frozenset()
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass planned and what came of it; ``stopped``: before all of it was tried."""

    plan: Plan
    world: World
    done: tuple[Done, ...] = ()
    stopped: bool = False

    @property
    def failures(self) -> tuple[Done, ...]:
        return tuple(one for one in self.done if one.result is Result.FAILED)

    @property
    def changed(self) -> bool:
        return any(one.result is Result.DONE for one in self.done)


def plan(context: Context, wish: Wish) -> tuple[World, Plan]:
    """What ``converge`` would do now. Changes nothing; raises as it does.

    EC2's notices are left to converge: to read one is to hide it from others for a while.
    """
    seen, found = _planned(replace(context, notices=()), wish)
    return seen.world, _wished(found, wish)


def converge(context: Context, wish: Wish, stop: Callable[[], bool] = lambda: False) -> Pass:
    """One pass under the lease, which is given back at its end, or when ``stop`` says so.

    Raises LeaseHeldError, LeaseLostError, WrongAccountError, CloudError (which account it is cannot
    be asked) and StoreError's kinds. What fails of one action is in its Done.
    """
    with leased(context) as ours:
        ours.inventory.orders.begin()
        seen, whole = _planned(ours, wish)
        found = _wished(whole, wish)
        done = _carry_out(ours, found, seen.world, stop)
        _remember(ours, seen, whole, done)
    return Pass(plan=found, world=seen.world, done=tuple(done), stopped=stop())


def _planned(context: Context, wish: Wish) -> tuple[Seen, Plan]:
    meta = context.inventory.meta.require()
    if meta.site != context.site:
        raise OtherSiteError(meta.site, context.site)
    check_account(context)
    with without_cycle_collection():
        seen = observe(context, wish.rules)
        return seen, decide(seen.world)


def _wished(whole: Plan, wish: Wish) -> Plan:
    return whole.only(wish.roles) if wish.roles else whole


def _carry_out(context: Context, found: Plan, world: World, stop: Callable[[], bool]) -> list[Done]:
    """In the plan's order, all of one kind together; each is told as it is done."""
    done: list[Done] = []
    for kind, some in groupby(found.actions, key=type):
        if stop():
            break
        for one in _ACTS[kind](context, list(some), world):
            _tell(context, one)
            done.append(one)
    return done


_Act = Callable[[Context, Sequence[Any], World], Sequence[Done]]
_ACTS: dict[type[Action], _Act] = {
    do.Recount: others.recount,
    do.Adopt: nodes.adopt,
    do.Write: nodes.write,
    do.Drain: drain.drain,
    do.End: ends.end,
    do.EndOrphan: ends.end_orphans,
    do.Stop: others.stop,
    do.Resume: others.resume,
    do.BackOff: others.count,
    do.Forgive: others.count,
    do.Suspect: others.suspect,
    do.Trust: others.trust,
    do.Sign: others.sign,
    do.Open: launches.open_launches,
    do.Advance: launches.advance,
    do.Close: launches.close,
    do.Sweep: launches.sweep,
}


def _tell(context: Context, done: Done) -> None:
    """Suspicions and addresses are for the log of events; people are told what changes."""
    act = done.action
    quiet = isinstance(act, (do.Suspect, do.Trust)) or (
        isinstance(act, do.Write) and act.what == "addressed"
    )
    tell = context.reporter.status if quiet and done.result is Result.DONE else context.reporter.say
    tell(done.line)


def _remember(context: Context, seen: Seen, whole: Plan, done: Sequence[Done]) -> None:
    """Notices of which everything is written down; and that every region was looked at.

    Not what this pass was not wished to do, or was stopped before.
    """
    did = {one.action.target for one in done if one.result is Result.DONE}
    open_ = {one.target for one in whole.actions} - did
    for taken in seen.taken:
        over = [notice for notice in taken.notices if _is_over(seen.world, notice, open_)]
        if over:
            _done_with(context, taken.queue, over)
    if seen.everywhere and len(done) == len(whole.actions):
        regions, span = seen.world.regions, context.timeouts.sweep
        if any(region.error for region in regions.values()):
            span /= _SOONER
        context.inventory.sweeps.note(sorted(regions), span)


def _done_with(context: Context, queue: Notices, over: Sequence[Notice]) -> None:
    try:
        queue.done(over)
    except CloudError as error:
        said = f"EC2's notices cannot be deleted from {queue.url}: {advised(error)}"
        context.reporter.say(f"warning: {said}")


def _is_over(world: World, notice: Notice, open_: Collection[str]) -> bool:
    """What it caused is written, or it causes nothing.

    One of a machine that is not recorded yet, or whose region could not be read, comes again.
    """
    name = notice.instance_id
    if name in world.nodes:
        readable = world.readable(world.nodes[name].region)
        return readable and name not in open_
    region = world.regions.get(notice.region)
    return region is None or (not region.error and name not in region.instances)


@contextmanager
def without_cycle_collection() -> Iterator[None]:
    """Very many values are made in a pass, and all of them stay.

    Python's search for cycles among them took a quarter of a pass over 100,000 nodes.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
