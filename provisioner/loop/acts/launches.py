"""Launches that converge owns: opened, moved on by one request at a time, closed and swept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from enc.domain.model import CONVERGE, Backoff, HoldCause, Kind, Launch, LaunchState, Market
from enc.domain.rolespec import RoleSpec
from enc.inventory import (
    ConflictError,
    LeaseLostError,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
)
from provisioner.bootstrap import BootstrapError
from provisioner.calls import in_parallel, retry
from provisioner.context import Context
from provisioner.domain.actions import Action, Advance, Close, Open, Sweep
from provisioner.domain.failures import counted, failed_hold
from provisioner.domain.ground import listed, request, unsuitable
from provisioner.domain.openlaunches import next_request
from provisioner.domain.spot_fallback import Progress
from provisioner.domain.world import KnownRole, World
from provisioner.launching.launch import bounds_of, intended, prepare
from provisioner.launching.order import Order, asked, terms
from provisioner.launching.requests import Asking
from provisioner.loop.acts.done import Done, failed, left
from provisioner.loop.acts.others import stop
from provisioner.ports.ec2 import Ground
from provisioner.ports.errors import CloudError


class _SkippedError(Exception):
    """A second look found that it need not, or may not, be done."""


class _RefusedError(Exception):
    """EC2 refuses for good: denied, or malformed."""


def open_launches(context: Context, actions: Sequence[Open], world: World) -> list[Done]:
    return in_parallel(
        context, lambda one: _guarded(one, lambda: _open(context, one, world)), actions
    )


def advance(context: Context, actions: Sequence[Advance], world: World) -> list[Done]:
    def one(action: Advance) -> Done:
        return _guarded(action, lambda: _advance(context, action, world))

    return in_parallel(context, one, actions)


def close(context: Context, actions: Sequence[Close], _: World) -> list[Done]:
    return [_guarded(one, partial(_close_as, context, one)) for one in actions]


def sweep(context: Context, actions: Sequence[Sweep], world: World) -> list[Done]:
    return [_guarded(one, partial(_sweep, context, one, world)) for one in actions]


def _guarded(action: Action, act: Callable[[], str]) -> Done:
    """One that fails does not stop the others, unless the store or the lease is gone."""
    try:
        return Done(action=action, said=act())
    except _SkippedError as why:
        return left(action, str(why))
    except (StoreUnavailableError, StoreLostError, LeaseLostError):
        raise
    except (CloudError, StoreError, BootstrapError, _RefusedError, ValueError) as error:
        return failed(action, error)


# Opening --------------------------------------------------------------------------------------


def _open(context: Context, action: Open, world: World) -> str:
    known = _as_it_is_now(context, action, world)
    order = _order(known, action.count)
    launch = intended(context, order, owner=CONVERGE)
    ground = _ground(context, launch, order, world)
    launch = replace(launch, image=ground.image)
    # What cannot be rendered, or has volumes that cannot be, is found before anything is written.
    with _counting(context, launch, world):
        prepare(context, order, launch, ground)
    event = context.event("launch opened", why=action.reason)
    context.inventory.launches.open(launch, event, bounds_of(context, order))
    context.reporter.say(f"launch {launch.id}: {asked(order)}")
    return _ask(context, launch, order, world, ground)


def _as_it_is_now(context: Context, action: Open, world: World) -> KnownRole:
    """Nobody has changed or stopped the role, or launched for it, since it was looked at."""
    role = context.inventory.roles.get(action.name)
    if role is None or role.spec_hash != action.spec_hash:
        raise _SkippedError("its role was changed meanwhile")
    held = context.inventory.holds.all([action.name])
    if any(hold.cause is not HoldCause.BREAKER for hold in held.values()):
        raise _SkippedError("its role was stopped meanwhile")
    wanted = _wanted(context, action.name, world) - action.dead
    if wanted + action.count > action.most:
        raise _SkippedError(f"{wanted} machines are already wanted; the limit is {action.most}")
    return KnownRole(role=role, spec=RoleSpec.of(role))


def _wanted(context: Context, role: str, world: World) -> int:
    """Nodes and open wants, as the store counts them now."""
    counts = context.inventory.roles.counts([role])[role]
    there = sum(n for key, n in counts.items() if _is_wanted(key, world))
    store = context.inventory.launches
    opened, spoilt = store.readable(store.opened_ids())
    if any(one.role in ("", role) for one in spoilt.values()):
        raise _SkippedError("a launch cannot be read, and what it wants is not known")
    fleet = [one for one in opened.values() if one.role == role and one.kind is Kind.FLEET]
    return there + sum(max(one.want - one.got, 0) for one in fleet)


def _is_wanted(key: str, world: World) -> bool:
    kind, state, _ = key.split(":", 2)
    return kind == Kind.FLEET.value and state in world.rules.counted


def _order(known: KnownRole, count: int) -> Order:
    order = Order(
        role=known.role,
        spec=known.spec,
        count=count,
        kind=Kind.FLEET,
        market=Market.SPOT,
        deadline=known.spec.fleet.ready_timeout,
    )
    spec = order.launch_spec
    return replace(order, market=spec.market, deadline=spec.spot_deadline)


# Asking ---------------------------------------------------------------------------------------


def _advance(context: Context, action: Advance, world: World) -> str:
    launch = context.inventory.launches.get(action.launch.id)
    if launch is None or launch.state is not LaunchState.OPEN:
        raise _SkippedError("it was closed meanwhile")
    if launch.asked != action.launch.asked:
        raise _SkippedError("somebody else has asked meanwhile")
    role = context.inventory.roles.get(launch.role)
    if role is None:
        raise _SkippedError("its role is gone")
    known = KnownRole(role=role, spec=RoleSpec.of(role))
    if known.spec.launch is None or role.spec_hash != launch.spec_hash:
        raise _SkippedError("the role's launch section has changed")
    order = replace(_order(known, launch.want), market=launch.market or Market.ON_DEMAND)
    ground = _ground(context, launch, order, world)
    return _ask(context, launch, order, world, ground)


def _ask(context: Context, launch: Launch, order: Order, world: World, ground: Ground) -> str:
    """One request, with everything that it needs made sure of before; what it came to, in words."""
    if not launch.asked:
        _make_template(context, launch, order, world, ground)
    step = next_request(world, launch)
    if step is None or step.market is None:
        raise _SkippedError("there is nothing to ask for now")
    number, now = launch.asked + 1, context.clock.now()
    if not context.inventory.launches.asking(launch, number, now):
        raise _SkippedError("it was closed, or asked for, meanwhile")
    asking = Asking(
        context, launch, terms(context, order, launch, ground), context.timeouts.pass_patience
    )
    progress = asking.once(step.market, step.why)
    return _settled(context, launch, progress, world)


def _make_template(
    context: Context, launch: Launch, order: Order, world: World, ground: Ground
) -> None:
    """Before the first request: a later one is of the same machines, whatever the role says now."""
    until = context.clock.now() + context.timeouts.pass_patience
    with _counting(context, launch, world):
        prepared = prepare(context, order, launch, ground)
        retry(context, lambda: context.cloud.create_template(prepared.request), until)


def _ground(context: Context, launch: Launch, order: Order, world: World) -> Ground:
    """Of the image that the launch was opened with; a parameter may name another one by now."""
    wanted = request(order.launch_spec)
    with _counting(context, launch, world):
        found = context.cloud.ground(replace(wanted, image=launch.image or wanted.image))
    spec = order.launch_spec
    wrong = unsuitable(found, spec.instance_types, spec.region)
    if len(wrong) == len(spec.instance_types):
        _hold(context, launch, listed(wrong), world)
    if wrong and not launch.asked:
        context.reporter.say(f"{launch.role}: left out of launch {launch.id}: {listed(wrong)}")
    return found


def _hold(context: Context, launch: Launch, why: str, world: World) -> None:
    """No type is left: only another launch section, or a person, changes that."""
    why = (
        f"none of its instance types can be launched ({why}); change its launch section, "
        f"or run 'provisioner resume {launch.role}', to try again"
    )
    _close_if_open(context, launch, why)
    stop(context, [failed_hold(world, launch.role, launch.spec_hash, why)], world)
    raise _RefusedError(why)


@contextmanager
def _counting(context: Context, launch: Launch, world: World) -> Iterator[None]:
    """What EC2 refuses for good (an image that is gone, a right that is missing) is a failure.

    Otherwise the same would be asked in every pass.
    """
    try:
        yield
    except (CloudError, BootstrapError) as error:
        if not (isinstance(error, CloudError) and error.passing):
            if not launch.got:
                _count_failure(context, launch, world)
            _close_if_open(context, launch, str(error))
        raise


def _close_if_open(context: Context, launch: Launch, why: str) -> None:
    state = LaunchState.PARTIAL if launch.got else LaunchState.FAILED
    event = context.event(f"launch {state}", role=launch.role, why=why)
    with suppress(ConflictError):
        context.inventory.launches.close(launch.id, state, event)


def _settled(context: Context, launch: Launch, progress: Progress, world: World) -> str:
    said = f"{progress.got} of {launch.want}"
    if progress.got >= launch.want:
        _close(context, launch, LaunchState.COMPLETE, f"got all {launch.want}")
        return said
    if progress.barred:
        state = LaunchState.PARTIAL if progress.got else LaunchState.FAILED
        _close(context, launch, state, f"got {said}: {progress.barred}")
        if not progress.got:
            _count_failure(context, launch, world)
        raise _RefusedError(progress.barred)
    return f"{said}; {progress.refused}" if progress.refused else said


# Closing --------------------------------------------------------------------------------------


def _close_as(context: Context, action: Close) -> str:
    _close(context, action.launch, action.state, action.reason)
    return ""


def _close(context: Context, launch: Launch, state: LaunchState, why: str) -> None:
    """It asks for nothing more from here on; then its template goes."""
    event = context.event(f"launch {state}", role=launch.role, why=why)
    context.inventory.launches.close(launch.id, state, event)
    if launch.template and launch.region:
        context.cloud.delete_template(launch.region, launch.template)


def _count_failure(context: Context, launch: Launch, world: World) -> None:
    known = world.roles.get(launch.role)
    if known is None:
        return
    before: Mapping[str, Backoff] = context.inventory.backoffs.all([launch.role])
    backoff = counted(world, known, before.get(launch.role), launch.id, unready=False)
    after = f"{backoff.until:%H:%M:%S}"
    why = f"{len(backoff.launches)} launches in a row got nothing; next after {after}"
    context.inventory.backoffs.put(backoff, context.event("backing off", why=why))


def _sweep(context: Context, action: Sweep, world: World) -> str:
    launch = world.launches.get(_launch_of(action, world))
    if launch is not None:
        fresh = context.inventory.launches.get(launch.id)
        if fresh is not None and fresh.state is LaunchState.OPEN:
            raise _SkippedError(f"launch {launch.id} is open")
    context.cloud.delete_template(action.region, action.template)
    return ""


def _launch_of(action: Sweep, world: World) -> str:
    listed = dict(world.regions[action.region].templates or ())
    return listed.get(action.template, "")
