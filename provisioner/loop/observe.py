"""Looking before deciding: the store, EC2 region by region, the CA, and what EC2 has announced.

What cannot be read is said to be so. Only the store must be there: without it nothing is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from enc.domain.limits import Limits
from enc.domain.model import Launch, Market, Node
from enc.domain.rolespec import RoleSpec, StoredRoleError
from enc.inventory import CorruptError
from provisioner.calls import at_once
from provisioner.context import Context
from provisioner.domain.quotas import quotas
from provisioner.domain.suspicions import TEMPLATE, region_of
from provisioner.domain.world import KnownRole, Region, Rules, Spans, World
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError, PuppetError, advised
from provisioner.ports.notices import Notice, Notices, Warned
from provisioner.ports.tags import LAUNCH_TAG
from provisioner.signing.requests import Waiting, waiting

NAME_THEM = "name the regions in use: 'provisioner init --regions LIST'"
# A launch lives a day at most; its template may be left for a little longer.
_TEMPLATES_OF = timedelta(hours=25)
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


def observe(context: Context, rules: Rules | None = None) -> Seen:
    """Raises StoreError's kinds."""
    store, now, store_now = context.inventory, context.clock.now(), context.store_time()
    roles, bad_roles = _roles(context)
    every = store.queries.everything()
    nodes, spoilt = every.nodes, every.spoilt
    miscounted = store.counts.wrong(every.counts, {*roles, *bad_roles})
    launches, bad_launches = store.launches.readable(store.launches.opened_ids())
    suspects = store.suspects.all()
    elsewhere = None if store.sweeps.done() else _every_region(context)
    ours = _regions(roles.values(), nodes.values(), launches.values(), suspects)
    # What a lost answer made may be listed after its launch is closed, and its role elsewhere.
    ours |= store.launches.regions_since(now - _TEMPLATES_OF)
    names = sorted({*ours, *(elsewhere or ())})
    templates = _look_for_templates(context, suspects, swept=elsewhere is None)
    regions = _listed(context, names, templates=templates, ours=ours)
    strangers = _without_record(regions.values(), nodes, spoilt)
    # Recorded while EC2 was being listed.
    recorded, more_spoilt = store.nodes.readable(strangers)
    nodes |= recorded
    spoilt |= more_spoilt
    strangers = [name for name in strangers if name not in nodes and name not in spoilt]
    others = _of_launches(regions.values(), strangers, {*launches, *bad_launches})
    more_launches, more_bad = store.launches.readable(others)
    requests, ca_error = _requests(context)
    taken = at_once(context, lambda queue: _taken(context, queue), context.notices)
    limits, limits_error = _limits(context)
    held = sorted({*roles, *bad_roles, *every.counts})
    world = World(
        now=now,
        store_now=store_now,
        site=context.site,
        roles=roles,
        unreadable_roles=bad_roles,
        nodes=nodes,
        unreadable={name: str(error) for name, error in spoilt.items()},
        regions=regions,
        launches=launches | more_launches,
        spoilt_launches=bad_launches | more_bad,
        miscounted=frozenset(miscounted),
        damaged_counts=every.damaged,
        recent=store.launches.outcomes_since(now - _RECENTLY),
        archived=store.nodes.ended(strangers),
        suspects=suspects,
        holds=store.holds.all(held),
        approved={n: frozenset(a.nodes) for n, a in store.holds.approvals(held).items()},
        backoffs=store.backoffs.all(held),
        quotas=_quotas(context, roles.values()),
        limits=limits,
        limits_error=limits_error,
        requests=requests.certnames if requests else None,
        ca_error=ca_error,
        ca_warning=requests.warning if requests else "",
        warned=_warned(notice for each in taken for notice in each.notices),
        unordered=store.orders.lacking(nodes.values()),
        untimed=_untimed(context, store_now - now, names),
        spans=_spans(context),
        rules=rules or Rules(),
    )
    return Seen(world=world, taken=taken, everywhere=bool(elsewhere))


def _spans(context: Context) -> Spans:
    ours = context.spans
    return Spans(
        suspect=ours.suspect,
        dead=ours.dead,
        young=ours.young,
        first_backoff=ours.first_backoff,
        longest_backoff=ours.longest_backoff,
        stale=ours.stale,
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


def _untimed(context: Context, off: timedelta, regions: Iterable[str]) -> str:
    """Why our clock cannot be trusted with what hangs on the time; "" where it can."""
    most = context.spans.skew
    if abs(off) > most:
        return f"Redis' clock differs from ours by {off.total_seconds():.0f} s"
    for region in regions:
        ahead = context.cloud.skew(region)
        if ahead is not None and abs(ahead) > most:
            return f"EC2's clock differs from ours by {ahead.total_seconds():.0f} s ({region})"
    return ""


# EC2 ------------------------------------------------------------------------------------------


def _regions(
    roles: Iterable[KnownRole],
    nodes: Iterable[Node],
    launches: Iterable[Launch],
    suspects: Iterable[str],
) -> set[str]:
    """Where something of ours is, or is suspected."""
    found = {known.spec.launch.region for known in roles if known.spec.launch}
    found |= {node.region for node in nodes if node.region}
    found |= {launch.region for launch in launches if launch.region}
    return found | {region_of(what) for what in suspects} - {""}


def _every_region(context: Context) -> tuple[str, ...]:
    """Those that the site uses, once in a while; () where there is none, or it is not told."""
    meta = context.inventory.meta.require()
    if not meta.account:
        return ()
    try:
        return meta.regions or context.cloud.regions()
    except CloudError as error:
        said = f"not every region is looked at: {advised(error)}; or {NAME_THEM}"
        context.reporter.say(f"warning: {said}")
        return ()


def _look_for_templates(context: Context, suspects: Iterable[str], *, swept: bool) -> bool:
    """Not in each pass: those that are left are of launches of the last day, or of none we know."""
    if not swept or any(what.startswith(TEMPLATE) for what in suspects):
        return True
    return context.inventory.launches.any_since(context.clock.now() - _TEMPLATES_OF)


def _listed(
    context: Context, names: Sequence[str], *, templates: bool, ours: Collection[str]
) -> dict[str, Region]:
    def one(name: str) -> Region:
        advice = "" if name in ours else f"; if the site does not use it, {NAME_THEM}"
        return _region(context, name, templates=templates, advice=advice)

    return {region.name: region for region in at_once(context, one, names)}


def _region(context: Context, name: str, *, templates: bool, advice: str) -> Region:
    context.reporter.status(f"listing {name}")
    try:
        found = context.cloud.instances(name, context.site)
        made = context.cloud.templates(name, context.site) if templates else None
    except CloudError as error:
        return Region(name=name, error=advised(error) + advice)
    named = [(template, tags.get(LAUNCH_TAG, "")) for template, tags in made or ()]
    return Region(
        name=name,
        instances={instance.id: instance for instance in found},
        templates=None if made is None else tuple(named),
    )


def _without_record(
    regions: Iterable[Region], nodes: Mapping[str, Node], spoilt: Collection[str]
) -> list[str]:
    every = (i for region in regions for i in region.instances.values() if i.alive)
    return [i.id for i in every if i.id not in nodes and i.id not in spoilt]


def _of_launches(
    regions: Iterable[Region], strangers: Iterable[str], known: Collection[str]
) -> list[str]:
    """The launches that machines without a record, and templates, are said to be of."""
    wanted, unrecorded = set[str](), set(strangers)
    for region in regions:
        wanted |= {i.tags.get(LAUNCH_TAG, "") for i in _those(region, unrecorded)}
        wanted |= {launch for _, launch in region.templates or ()}
    return sorted(wanted - set(known) - {""})


def _those(region: Region, ids: Collection[str]) -> list[Instance]:
    return [region.instances[i] for i in ids if i in region.instances]


# The CA, and what EC2 announces ---------------------------------------------------------------


def _requests(context: Context) -> tuple[Waiting | None, str]:
    if context.ca is None:
        return None, ""
    try:
        return waiting(context, context.ca), ""
    except PuppetError as error:
        return None, advised(error)


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
