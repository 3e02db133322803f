"""Coming over from nodes.pp: what is looked at, and the foreign nodes that are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from enc.domain.certname import is_certname, is_instance_id
from enc.domain.model import Kind, Node, Role
from enc.inventory import AlreadyThereError, ArchivedError, Inventory
from provisioner.calls import in_parallel
from provisioner.clocks import check_clocks
from provisioner.commands.assign import make_foreign
from provisioner.context import Context
from provisioner.importing.look import Look, looked
from provisioner.importing.nodespp.definition import Manifest, Match
from provisioner.importing.plan import Entry, Known, Plan, Verdict, plan
from provisioner.importing.roles import Content, NewRole, StoredRole
from provisioner.ports.ec2 import Instance
from provisioner.ports.errors import CloudError, advised
from provisioner.ports.tags import SITE_TAG
from provisioner.rolesfile import writing

_SHOWN = 3


@dataclass(frozen=True)
class Applied:
    """The plan as it then was, and how many nodes were made."""

    plan: Plan
    created: int


def planned(context: Context, manifest: Manifest, *, ask_ec2: bool) -> Plan:
    """Reads the inventory and EC2; changes nothing. EC2's refusal is in the plan."""
    names = sorted({one.name for one in manifest.definitions if one.match is Match.NAME})
    context.reporter.status(f"looking for {len(names)} name(s)")
    usable = [name for name in names if is_certname(name)]
    store = context.inventory
    ground = Known(
        roles=_roles(store),
        nodes={node.certname: node for node in store.nodes.many(usable)},
        namesakes=_namesakes(store, names),
        ended=store.nodes.ended([name for name in usable if is_instance_id(name)]),
        look=look(context, names) if ask_ec2 else Look(asked=False),
        site_tag=(SITE_TAG, context.site),
        unfit=_Fitness().unfit,
    )
    return plan(manifest, ground)


def look(context: Context, names: Sequence[str]) -> Look:
    """Which machines have these names, in every region of the account.

    Where EC2 does not tell which there are, those in use are looked into: that finds machines, and
    proves of nobody that it is gone.
    """
    troubles: list[str] = []
    try:
        regions = context.cloud.regions()
    except CloudError as error:
        regions, troubles = context.inventory.meta.require().regions, [advised(error)]
    listed = in_parallel(context, lambda region: _everyone(context, region), regions)
    machines = [machine for region in listed if isinstance(region, tuple) for machine in region]
    troubles += [region for region in listed if isinstance(region, str)]
    return looked(machines, names, trouble=troubles[0] if troubles else "")


def apply(context: Context, made: Plan, source: str) -> Applied:
    """Make the foreign nodes of the plan. May be run again at any time: what is there stays.

    Raises WrongClockError, before anything is made, and StoreError's kinds.
    """
    check_clocks(context)
    entries: list[Entry] = []
    wanted = len(made.of(Verdict.CREATE))
    done = 0
    for entry in made.entries:
        if entry.verdict is Verdict.CREATE:
            entry = _applied(context, entry, source)  # noqa: PLW2901 - the same, as it now is
            done += entry.verdict is Verdict.CREATED
            context.reporter.status(f"created {done} of {wanted}")
        entries.append(entry)
    return Applied(replace(made, entries=tuple(entries)), done)


def roles_text(roles: Sequence[NewRole], source: str) -> str:
    """The roles as a file that ``roles apply`` takes."""
    comment = (
        f"Roles that the node definitions of {source} need, as 'provisioner import' wrote them.",
        "Review them, copy them into your roles file, and apply that.",
    )
    return writing.text({role.name: _keys(role, source) for role in roles}, comment)


@dataclass
class _Fitness:
    """Asked once for each content: many nodes share one."""

    _known: dict[str, str] = field(default_factory=dict)

    def unfit(self, content: Content) -> str:
        if content.key not in self._known:
            self._known[content.key] = writing.unfit(_declared(content))
        return self._known[content.key]


def _declared(content: Content) -> dict[str, Any]:
    return {"classes": content.classes, "parameters": content.parameters}


def _keys(role: NewRole, source: str) -> dict[str, Any]:
    more = f" and {len(role.nodes) - _SHOWN} more" if len(role.nodes) > _SHOWN else ""
    description = f"From {source}: {', '.join(role.nodes[:_SHOWN])}{more}"[:1000]
    declared = _declared(role.content)
    if not role.content.parameters:
        del declared["parameters"]
    return {"description": description, **declared}


def _applied(context: Context, entry: Entry, source: str) -> Entry:
    where = f"{source}, line {entry.lines[0]}" if entry.lines else source
    try:
        make_foreign(context, entry.name, entry.role, None, why=f"imported from {where}")
    except AlreadyThereError as error:
        there = context.inventory.nodes.get(entry.name)
        if there and (there.kind, there.role, there.environment) == (Kind.FOREIGN, entry.role, ""):
            return replace(entry, verdict=Verdict.UNCHANGED, reason="somebody just created it")
        return replace(entry, verdict=Verdict.CONFLICT, reason=f"{error}; import again")
    except ArchivedError as error:
        return replace(entry, verdict=Verdict.CONFLICT, reason=f"{error}; import again")
    return replace(entry, verdict=Verdict.CREATED)


def _roles(store: Inventory) -> list[StoredRole]:
    found, _ = store.roles.readable()
    contents = ((role, _content(role)) for role in found.values())
    return [
        StoredRole(
            name=role.name, content=content, environment=role.definition.get("environment") or ""
        )
        for role, content in contents
        if content
    ]


def _content(role: Role) -> Content | None:
    """None for a definition that is none."""
    classes = role.definition.get("classes")
    parameters = role.definition.get("parameters") or {}
    if not isinstance(classes, Mapping) or not isinstance(parameters, Mapping):
        return None
    if not all(isinstance(given or {}, Mapping) for given in classes.values()):
        return None
    return Content(classes=classes, parameters=parameters)


def _namesakes(store: Inventory, names: Sequence[str]) -> dict[str, Node]:
    """Nodes whose host name stands in the file where their certname should."""
    found = {name: store.nodes.named(name) for name in names if name}
    certnames = {name: there for name, there in found.items() if there and there != name}
    nodes = {node.certname: node for node in store.nodes.many(list(certnames.values()))}
    return {name: nodes[there] for name, there in certnames.items() if there in nodes}


def _everyone(context: Context, region: str) -> tuple[Instance, ...] | str:
    context.reporter.status(f"listing {region}")
    try:
        return context.cloud.everyone(region)
    except CloudError as error:
        return f"region {region}: {advised(error)}"
