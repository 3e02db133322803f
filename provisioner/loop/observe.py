"""Looking before deciding: the store, EC2 region by region, the CA, and what EC2 has announced.

What cannot be read is said to be so. Only the store must be there: without it nothing is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enc.domain.limits import Limits
from enc.domain.model import Launch, Market, Node, SpoiltLaunch
from enc.domain.rolespec import RoleSpec, StoredRoleError
from enc.inventory import CorruptError, StoreError
from enc.inventory.query import Everything
from provisioner.calls import in_parallel
from provisioner.clocks import differ
from provisioner.context import Context
from provisioner.domain.quotas import quotas
from provisioner.domain.suspicions import region_of
from provisioner.domain.world import KnownRole, Region, Rules, World
from provisioner.loop.listing import launches_named, regions_of, without_record
from provisioner.ports.errors import CloudError, PuppetError, advised
from provisioner.ports.notices import Notice, Notices, Warned
from provisioner.signing.requests import waiting

# For those who watch: how launches go.
_RECENTLY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one queue had: to be done with there, once what came of it is written."""

    queue: Notices
    notices: tuple[Notice, ...]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """``world`` to decide on, and what was taken of EC2's notices."""

    world: World
    taken: Sequence[Taken] = ()
    everywhere: bool = False


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """What the store held at the beginning of the look."""

    roles: Mapping[str, KnownRole]
    bad_roles: Mapping[str, str]
    every: Everything
    miscounted: Collection[str]
    launches: Mapping[str, Launch]
    bad_launches: Mapping[str, SpoiltLaunch]
    suspects: Mapping[str, datetime]


@dataclass(frozen=True, kw_only=True)
class _Met:
    """What the store says of what EC2 lists, and what it did not say at the beginning.

    ``strangers`` have no record.
    """

    nodes: Mapping[str, Node]
    spoilt: Mapping[str, StoreError]
    strangers: Sequence[str]
    launches: Mapping[str, Launch]
    bad_launches: Mapping[str, SpoiltLaunch]


def observe(context: Context, rules: Rules | None = None) -> Seen:
    """Raises StoreError's kinds."""
    now, store_now = context.clock.now(), context.store_time()
    stored = _stored(context)
    every = not context.inventory.sweeps.done()
    listing = regions_of(context, _of_ours(stored), stored.suspects, every=every)
    regions, met = listing.regions, _met(context, stored, listing.regions)
    taken = in_parallel(context, lambda queue: _taken(context, queue), context.notices)
    world = World(
        now=now,
        store_now=store_now,
        site=context.site,
        roles=stored.roles,
        unreadable_roles=stored.bad_roles,
        nodes={**stored.every.nodes, **met.nodes},
        unreadable={n: str(e) for n, e in {**stored.every.spoilt, **met.spoilt}.items()},
        regions=regions,
        launches={**stored.launches, **met.launches},
        spoilt_launches={**stored.bad_launches, **met.bad_launches},
        miscounted=frozenset(stored.miscounted),
        damaged_counts=stored.every.damaged,
        suspects=stored.suspects,
        warned=_warned(notice for each in taken for notice in each.notices),
        untimed=differ(context, store_now - now, sorted(regions)),
        timeouts=context.timeouts,
        rules=rules or Rules(),
    )
    world = _with_requests(context, _with_kept(context, world, stored, met.strangers))
    return Seen(world=world, taken=taken, everywhere=listing.everywhere)


def _stored(context: Context) -> _Stored:
    store = context.inventory
    roles, bad_roles = _roles(context)
    every = store.queries.everything()
    # At once: each change that comes in between would look like a wrong count.
    miscounted = store.counts.wrong(every.counts, {*roles, *bad_roles})
    launches, bad_launches = store.launches.readable(store.launches.opened_ids())
    return _Stored(
        roles=roles,
        bad_roles=bad_roles,
        every=every,
        miscounted=miscounted,
        launches=launches,
        bad_launches=bad_launches,
        suspects=store.suspects.all(),
    )


def _met(context: Context, stored: _Stored, regions: Mapping[str, Region]) -> _Met:
    store, every = context.inventory, stored.every
    unknown = without_record(regions.values(), every.nodes, every.spoilt)
    # Recorded while EC2 was being listed.
    nodes, spoilt = store.nodes.readable(unknown)
    strangers = [name for name in unknown if name not in nodes and name not in spoilt]
    known = {*stored.launches, *stored.bad_launches}
    launches, bad = store.launches.readable(launches_named(regions.values(), strangers, known))
    return _Met(
        nodes=nodes, spoilt=spoilt, strangers=strangers, launches=launches, bad_launches=bad
    )


def _with_kept(context: Context, world: World, stored: _Stored, strangers: Sequence[str]) -> World:
    """With what the store keeps of roles, limits and what is over."""
    store = context.inventory
    held = sorted({*stored.roles, *stored.bad_roles, *stored.every.counts})
    limits, limits_error = _limits(context)
    return replace(
        world,
        recent=store.launches.outcomes_since(world.now - _RECENTLY),
        archived=store.nodes.ended(strangers),
        holds=store.holds.all(held),
        approved={n: frozenset(a.nodes) for n, a in store.holds.approvals(held).items()},
        backoffs=store.backoffs.all(held),
        quotas=_quotas(context, stored.roles.values()),
        limits=limits,
        limits_error=limits_error,
        unordered=store.orders.lacking(world.nodes.values()),
    )


# The store ------------------------------------------------------------------------------------


def _roles(context: Context) -> tuple[dict[str, KnownRole], dict[str, str]]:
    """One that this version cannot use is no role that is gone."""
    good: dict[str, KnownRole] = {}
    roles, spoilt = context.inventory.roles.readable()
    bad = {name: str(error) for name, error in spoilt.items()}
    for name, role in roles.items():
        try:
            good[name] = KnownRole(role=role, spec=RoleSpec.of(role))
        except StoredRoleError as error:
            bad[name] = str(error)
    return good, bad


def _limits(context: Context) -> tuple[Limits, str]:
    """Limits that cannot be read keep from launching, and from nothing else."""
    try:
        return context.inventory.limits.get(), ""
    except CorruptError as error:
        return Limits(), str(error)


def _quotas(context: Context, roles: Iterable[KnownRole]) -> frozenset[str]:
    launches = [known.spec.launch for known in roles if known.spec.launch]
    asked = {
        name
        for launch in launches
        for market in Market
        for name in quotas(market, launch.instance_types, launch.region)
    }
    return context.inventory.droughts.dry(sorted(asked), context.clock.now())


def _of_ours(stored: _Stored) -> set[str]:
    """Where something of ours is, or is suspected."""
    found = {known.spec.launch.region for known in stored.roles.values() if known.spec.launch}
    found |= {node.region for node in stored.every.nodes.values() if node.region}
    found |= {launch.region for launch in stored.launches.values() if launch.region}
    return found | {region_of(what) for what in stored.suspects} - {""}


# The CA, and what EC2 announces ---------------------------------------------------------------


def _with_requests(context: Context, world: World) -> World:
    if context.ca is None:
        return world
    try:
        found = waiting(context, context.ca)
    except PuppetError as error:
        return replace(world, ca_error=advised(error))
    return replace(world, requests=found.certnames, ca_warning=found.warning)


def _taken(context: Context, queue: Notices) -> Taken:
    """One queue that cannot be read takes nothing from the others."""
    try:
        return Taken(queue=queue, notices=queue.take())
    except CloudError as error:
        said = f"EC2's notices cannot be read from {queue.url}: {advised(error)}"
        context.reporter.say(f"warning: {said}")
        return Taken(queue=queue, notices=())


def _warned(notices: Iterable[Notice]) -> dict[str, Warned]:
    """The gravest of each machine."""
    found: dict[str, Warned] = {}
    for notice in notices:
        if notice.kind is Warned.INTERRUPTION or notice.instance_id not in found:
            found[notice.instance_id] = notice.kind
    return found
