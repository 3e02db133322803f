"""What becomes of each node definition: a foreign node, nothing, or a question for a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from enc.domain.certname import ImpossibleCertnameError, check_certname, is_instance_id
from enc.domain.model import ANSWERED, Kind, Node
from provisioner.importing.kept import Kept
from provisioner.importing.look import Look, is_ec2_name
from provisioner.importing.nodespp.definition import Definition, Manifest, Match, Remark
from provisioner.importing.roles import Content, Naming, NewRole, StoredRole
from provisioner.ports.ec2 import Instance


class Verdict(StrEnum):
    """CREATED is what CREATE becomes.

    STAYS: an empty ``node default``. Without one Puppet compiles nothing for a node that no other
    statement names.
    """

    CREATE = "create"
    CREATED = "created"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    NOT_IMPORTABLE = "not importable"
    STAYS = "stays"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the plan stands on.

    ``nodes`` are those of the inventory whose certname stands in the file; ``namesakes`` the nodes
    by a host name that stands there; ``ended`` the certnames that are archived. ``unfit`` says what
    is wrong with a content, "" for one that a role can have.
    """

    roles: Sequence[StoredRole]
    nodes: Mapping[str, Node]
    namesakes: Mapping[str, Node]
    ended: Collection[str]
    look: Look
    site_tag: tuple[str, str]
    unfit: Callable[[Content], str]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One name of the file, and what becomes of it."""

    name: str
    lines: tuple[int, ...]
    verdict: Verdict
    reason: str
    content: Content | None = None
    role: str = ""
    role_is_new: bool = False
    machines: tuple[Instance, ...] = ()
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``outside`` are statements that are for every node, and stay in the file.

    ``beside`` are those of other manifests that would be added to imported nodes; ``trouble``: why
    not all of EC2 could be looked at; ``elsewhere``: where a file that names no node has its
    classes from.
    """

    entries: tuple[Entry, ...]
    new_roles: tuple[NewRole, ...] = ()
    outside: tuple[Remark, ...] = ()
    beside: tuple[str, ...] = ()
    trouble: str = ""
    elsewhere: str = ""

    def of(self, *verdicts: Verdict) -> list[Entry]:
        return [entry for entry in self.entries if entry.verdict in verdicts]

    @property
    def lacking(self) -> list[str]:
        """Roles that are not stored, of nodes that are to be created."""
        return list(dict.fromkeys(e.role for e in self.of(Verdict.CREATE) if e.role_is_new))

    @property
    def questions(self) -> list[Entry]:
        """What a person has to see to."""
        return self.of(Verdict.CONFLICT, Verdict.NOT_IMPORTABLE)


def plan(manifest: Manifest, ground: Known) -> Plan:
    naming, kept = Naming(ground.roles), Kept((*manifest.definitions, *manifest.beside))
    entries = [_entry(group, ground, naming, kept) for group in _groups(manifest.definitions)]
    named = any(one.match is Match.NAME for one in manifest.definitions)
    return Plan(
        entries=tuple(entries),
        new_roles=tuple(_new_roles(entries)),
        outside=manifest.outside,
        beside=tuple(kept.added(manifest.beside)),
        trouble=ground.look.trouble,
        elsewhere="" if named else manifest.elsewhere,
    )


def _new_roles(entries: Iterable[Entry]) -> list[NewRole]:
    found: dict[str, NewRole] = {}
    for entry in entries:
        if entry.role_is_new and entry.content:
            role = found.get(entry.role) or NewRole(name=entry.role, content=entry.content)
            found[entry.role] = replace(role, nodes=(*role.nodes, entry.name))
    return list(found.values())


def _groups(definitions: Iterable[Definition]) -> list[list[Definition]]:
    """Those of one name together, in the order of the file."""
    found: dict[tuple[Match, str], list[Definition]] = {}
    for one in definitions:
        found.setdefault((one.match, one.name), []).append(one)
    return list(found.values())


def _entry(group: Sequence[Definition], ground: Known, naming: Naming, kept: Kept) -> Entry:
    one = group[0]
    verdict, reason = _from_file(group, ground, kept)
    lines = tuple(found.line for found in group if found.line)
    machines = ground.look.machines.get(one.name, ()) if one.match is Match.NAME else ()
    base = Entry(
        name=one.name, lines=lines, verdict=verdict, reason=reason, machines=machines,
        notes=one.notes,
    )  # fmt: skip
    if one.match is Match.PATTERN and verdict is Verdict.NOT_IMPORTABLE:
        return _of_a_pattern(base, one, ground, naming)
    if verdict is not Verdict.CREATE:
        return base
    base = replace(base, notes=(*one.notes, *kept.notes(one.name)))
    content = Content(classes=one.classes, parameters=one.parameters)
    if there := ground.nodes.get(one.name):
        return _known(replace(base, content=content), there, ground)
    if question := _of_another(one.name, machines, ground):
        return replace(base, verdict=Verdict.CONFLICT, reason=question, content=content)
    return _created(replace(base, content=content), content, naming)


# The file alone --------------------------------------------------------------------------------


def _from_file(group: Sequence[Definition], ground: Known, kept: Kept) -> tuple[Verdict, str]:
    """CREATE where nothing in the file speaks against it."""
    one = group[0]
    if not one.name:
        return Verdict.CONFLICT, "its name is empty: Puppet refuses the whole file; take it out"
    if len(group) > 1:
        return Verdict.CONFLICT, _twice(group)
    if one.match is not Match.NAME:
        return _without_name(one, kept)
    if heirs := kept.heirs(one.name):
        return Verdict.NOT_IMPORTABLE, heirs
    unfit = _unfit(one, ground)
    return (Verdict.NOT_IMPORTABLE, unfit) if unfit else (Verdict.CREATE, "")


def _unfit(one: Definition, ground: Known) -> str:
    """Why no role can say what it says, or no node can be called so."""
    if one.problems:
        return "; ".join(map(str, one.problems))
    try:
        check_certname(one.name)
    except ImpossibleCertnameError as error:
        return str(error)
    if not one.classes:
        return "it has no classes, and a role needs at least one"
    return ground.unfit(Content(classes=one.classes, parameters=one.parameters))


def _of_a_pattern(entry: Entry, one: Definition, ground: Known, naming: Naming) -> Entry:
    """Its nodes are for a person to name; the role that says the same is not."""
    content = Content(classes=one.classes, parameters=one.parameters)
    if one.problems or not one.classes or ground.unfit(content):
        return entry
    role = naming.role_of(content)
    name, new = role.name, isinstance(role, NewRole)
    reason = f"{entry.reason}; role {name} says the same: 'provisioner assign NAME {name}'"
    return replace(entry, reason=reason, content=content, role=name, role_is_new=new)


def _without_name(one: Definition, kept: Kept) -> tuple[Verdict, str]:
    if one.match is Match.DEFAULT and one.empty:
        return Verdict.STAYS, "keep it while other node statements stand in the manifest"
    return Verdict.NOT_IMPORTABLE, kept.why(one)


def _twice(group: Sequence[Definition]) -> str:
    keys = {Content(classes=one.classes, parameters=one.parameters).key for one in group}
    same = len(keys) == 1 and not any(one.problems for one in group)
    how = "they say the same" if same else "they differ"
    lines = [str(one.line) for one in group if one.line]
    where = f" (lines {', '.join(lines)})" if lines else ""
    return f"it is defined {len(group)} times{where}, {how}: Puppet refuses the file; keep one"


# The world ------------------------------------------------------------------------------------


def _known(entry: Entry, there: Node, ground: Known) -> Entry:
    """For a certname that the inventory has."""
    assert entry.content  # noqa: S101 - for the type checker
    role = next((role for role in ground.roles if role.name == there.role), None)
    same = role is not None and role.content.key == entry.content.key
    if there.kind is not Kind.FOREIGN:
        reason = f"the inventory has it as a machine of rolecall's own ({there.kind}, {there.role})"
        return replace(entry, verdict=Verdict.CONFLICT, reason=reason)
    if there.state not in ANSWERED:
        reason = "the inventory has it, and it is being retired: wait, and import again"
        return replace(entry, verdict=Verdict.CONFLICT, reason=reason)
    if not same:
        reason = (
            f"the inventory has it with role {there.role}, which declares something else; "
            f"'provisioner explain {there.certname}' shows what"
        )
        return replace(entry, verdict=Verdict.CONFLICT, reason=reason, role=there.role)
    reason = "the inventory has it already"
    if environment := there.environment or (role.environment if role else ""):
        reason += f", in environment {environment}, which nodes.pp does not say"
    if is_ec2_name(entry.name) and ground.look.whole and not entry.machines:
        reason += (
            "; no live instance of this account has that name: if the machine is gone, "
            f"'provisioner retire {entry.name}' ends the node"
        )
    return replace(entry, verdict=Verdict.UNCHANGED, reason=reason, role=there.role)


def _of_another(name: str, machines: Sequence[Instance], ground: Known) -> str:
    """Why a name that the inventory has not should not become a foreign node."""
    if name in ground.ended and is_instance_id(name):
        return "this machine has ended, and never comes back: take it out"
    key, site = ground.site_tag
    ours = [machine.id for machine in machines if machine.tags.get(key) == site]
    if name in ground.namesakes:
        ours.append(ground.namesakes[name].certname)
    if ours:
        return (
            f"{ours[0]} has that name now, and rolecall launched it: its certname is its instance "
            "id; take this entry out, unless another machine runs under that name: that one needs "
            "a certname of its own"
        )
    if machines or not is_ec2_name(name) or not ground.look.asked:
        return ""
    if ground.look.trouble:
        return "EC2 could not be asked whether a machine has that name; --no-ec2 does not ask"
    return (
        "EC2 makes such names, and no live instance has it in this account: whether its machine "
        f"lives elsewhere cannot be told; if it does, 'provisioner assign {name} ROLE', else take "
        "it out"
    )


def _created(entry: Entry, content: Content, naming: Naming) -> Entry:
    role = naming.role_of(content)
    new = isinstance(role, NewRole)
    shares = f"role {role.name}"
    if isinstance(role, StoredRole) and role.environment:
        shares += f", which sets the environment {role.environment}"
    reason = f"a new foreign node with {shares}" + (", a role to be applied first" if new else "")
    if new:
        reason += _near(*naming.nearly(content))
    return replace(entry, reason=reason, role=role.name, role_is_new=new)


def _near(role: str, besides: Sequence[str]) -> str:
    """A role that has more from ``defaults`` is no other's fault, and nobody would look there."""
    if not role:
        return ""
    return (
        f"; role {role} says the same and sets {', '.join(besides)} besides: if that comes from "
        "defaults of your roles file, a role that is copied there gets it as well and stays "
        "another: apply what --roles writes by itself, move that default into the roles that "
        f"need it, or assign {role} by hand"
    )
