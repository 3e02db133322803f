"""Which regions a site uses: every enabled one, or those that its operator has named.

An organisation may deny a whole region, and even the question which regions there are. Such a
region may have machines of ours: it is told by name, and the operator alone can leave it out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.calls import in_parallel
from provisioner.context import Context
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError, Trouble

_SHOWN = 5
_LIST = "us-east-1,eu-west-1"


class RegionsError(Exception):
    """The regions cannot be these; nothing was changed. The message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """``used``: the living machines of the site in each region in use.

    ``unread``: regions that are not in use, and why nobody could look into them. ``untold``: why
    EC2 did not tell which regions there are; None where it did.
    """

    used: Mapping[str, Sequence[Instance]]
    empty: Sequence[str] = ()
    unread: Mapping[str, CloudError] = field(default_factory=dict)
    untold: CloudError | None = None


def look(context: Context, named: Sequence[str]) -> Looked:
    """Into every enabled region; ``named`` are in use, or all where none is named.

    Raises RegionsError: a region in use cannot be read, or one that is to be left out has a living
    machine of the site.
    """
    enabled, untold = _enabled(context, named)
    used = sorted(named) or enabled
    every = sorted({*used, *enabled})
    context.reporter.status(f"listing {len(every)} regions")
    listed = dict(
        zip(every, in_parallel(context, lambda name: _living(context, name), every), strict=True)
    )
    unread = {name: found for name, found in listed.items() if isinstance(found, CloudError)}
    read = {name: found for name, found in listed.items() if not isinstance(found, CloudError)}
    _all_read({name: unread[name] for name in used if name in unread}, every)
    empty = [name for name in read if name not in used]
    _none_there(context.site, {name: read[name] for name in empty}, used)
    return Looked(
        used={name: read[name] for name in used}, empty=empty, unread=unread, untold=untold
    )


def told(found: Looked) -> Iterator[str]:
    """What people are to know of regions that are not in use."""
    if found.empty:
        yield f"{len(found.empty)} region(s) are not in use; none has a machine of this site"
    if found.unread:
        yield f"not in use, and not looked into: {_by_code(found.unread)}"
    if found.untold:
        yield f"EC2 does not tell which other regions there are: {found.untold.code}"


def taken(context: Context) -> dict[str, str]:
    """The regions in which the inventory has something, each with what it is first.

    Raises RegionsError where a record cannot be read: it may be of any region. StoreError's kinds.
    """
    store = context.inventory
    every = store.queries.everything()
    launches, bad_launches = store.launches.readable(store.launches.opened_ids())
    roles, bad_roles = store.roles.readable()
    if spoilt := sorted({*every.spoilt, *bad_launches, *bad_roles}):
        raise RegionsError(
            f"{_some(spoilt)} cannot be read in Redis, so its region is unknown; "
            "mend it first ('provisioner plan' says what is wrong)"
        )
    found = [(node.region, f"node {node.certname}") for node in every.nodes.values()]
    found += [(launch.region, f"open launch {launch.id}") for launch in launches.values()]
    found += [(_launching(role.definition), f"role {role.name}") for role in roles.values()]
    return {region: what for region, what in reversed(found) if region}


def kept(named: Sequence[str], taken_: Mapping[str, str]) -> None:
    """Raises RegionsError where a region that is taken is not among these. Pure."""
    missing = sorted(set(taken_) - set(named))
    if named and missing:
        what = ", ".join(f"{name} ({taken_[name]})" for name in missing[:_SHOWN])
        raise RegionsError(
            f"{len(missing)} region(s) cannot be left out, because the inventory has something "
            f"there: {what}; name them, too, or retire what is there"
        )


def outside(launching: Mapping[str, str], used: Sequence[str]) -> None:
    """Raises RegionsError where a role launches outside of the regions in use. Pure.

    ``launching``: region by role. Where all regions are in use, ``used`` is ().
    """
    far = {role: region for role, region in launching.items() if region not in used}
    if used and far:
        listed = ",".join(sorted({*used, *far.values()}))
        raise RegionsError(
            f"{_some(f'{role} launches in {region}' for role, region in sorted(far.items()))}; "
            f"the regions in use are {', '.join(used)}; nothing was changed. Add it first: "
            f"'provisioner init --regions {listed}'"
        )


def _launching(definition: Mapping[str, object]) -> str:
    launch = definition.get("launch")
    return str(launch.get("region") or "") if isinstance(launch, dict) else ""


def _enabled(context: Context, named: Sequence[str]) -> tuple[Sequence[str], CloudError | None]:
    try:
        enabled = context.cloud.regions()
    except CloudError as error:
        if named:
            return (), error
        if error.trouble is not Trouble.DENIED:
            raise
        raise RegionsError(
            f"EC2 does not tell which regions there are ({error.code}); nothing was changed; "
            f"{error.hint}. Or name those in use: 'provisioner init --regions {_LIST}'"
        ) from error
    if unknown := sorted(set(named) - set(enabled)):
        raise RegionsError(
            f"{', '.join(unknown)}: no such region is enabled for the account; "
            f"those that are: {', '.join(enabled)}"
        )
    return enabled, None


def _living(context: Context, region: str) -> Sequence[Instance] | CloudError:
    try:
        return [one for one in context.cloud.instances(region, context.site) if one.alive]
    except CloudError as error:
        return error


def _all_read(unread: Mapping[str, CloudError], every: Sequence[str]) -> None:
    """Only where EC2 denies a region is it advised to leave it out: what passes may hide ours."""
    if not unread:
        return
    said = f"{len(unread)} of {len(every)} region(s) cannot be read: {_by_code(unread)}"
    denied = {name for name, error in unread.items() if error.trouble is Trouble.DENIED}
    others = [error for name, error in unread.items() if name not in denied]
    advice = f". {others[0].hint or 'Try again in a minute'}" if others else ""
    raise RegionsError(f"{said}; nothing was changed{advice}{_leave_out(denied, unread, every)}")


def _leave_out(
    denied: Collection[str], unread: Mapping[str, CloudError], every: Sequence[str]
) -> str:
    if not denied:
        return ""
    rest = ",".join(name for name in every if name not in denied) or _LIST
    first = unread[min(denied)]
    said = f". EC2 says: {first.message.rstrip('.')}; {first.hint}" if first.hint else ""
    return (
        f"{said}. Or, where this site has no machine in the denied ones, name those in use: "
        f"'provisioner init --regions {rest}'"
    )


def _none_there(site: str, left_out: Mapping[str, Sequence[Instance]], used: Sequence[str]) -> None:
    there = {name: machines for name, machines in left_out.items() if machines}
    if there:
        what = ", ".join(f"{len(found)} in {name}" for name, found in there.items())
        raise RegionsError(
            f"site {site} has machines in regions that are not named: {what}. Nothing was changed. "
            f"Name these regions, too: --regions {','.join(sorted({*used, *there}))}"
        )


def _by_code(unread: Mapping[str, CloudError]) -> str:
    codes: dict[str, list[str]] = {}
    for name, error in unread.items():
        codes.setdefault(error.code, []).append(name)
    return "; ".join(f"{', '.join(names)} ({code})" for code, names in codes.items())


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
