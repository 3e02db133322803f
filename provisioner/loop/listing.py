"""What EC2 lists, region by region: machines and launch templates of ours, or why nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from enc.domain.model import Node
from provisioner.calls import in_parallel
from provisioner.context import Context
from provisioner.domain.suspicions import TEMPLATE
from provisioner.domain.world import Region
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError, advised
from provisioner.ports.tags import LAUNCH_TAG

NAME_THEM = "name the regions in use: 'provisioner init --regions LIST'"
# A launch lives a day at most; its template may be left for a little longer.
_TEMPLATES_OF = timedelta(hours=25)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """By region. ``everywhere``: no region that the site uses is missing."""

    regions: Mapping[str, Region]
    everywhere: bool


def regions_of(
    context: Context, ours: Collection[str], suspects: Collection[str], *, every: bool
) -> Listing:
    """The regions of ``ours``, of recent launches and, where ``every`` one is due, of the site.

    Raises StoreError's kinds.
    """
    elsewhere = _every_region(context) if every else ()
    # What a lost answer made may be listed after its launch is closed, and its role elsewhere.
    since = context.clock.now() - _TEMPLATES_OF
    near = {*ours, *context.inventory.launches.regions_since(since)}
    templates = _look_for_templates(context, suspects, swept=not every)
    found = _listed(context, sorted({*near, *elsewhere}), templates=templates, ours=near)
    return Listing(regions=found, everywhere=bool(elsewhere))


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

    return {region.name: region for region in in_parallel(context, one, names)}


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


def without_record(
    regions: Iterable[Region], nodes: Mapping[str, Node], spoilt: Collection[str]
) -> list[str]:
    every = (i for region in regions for i in region.instances.values() if i.alive)
    return [i.id for i in every if i.id not in nodes and i.id not in spoilt]


def launches_named(
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
