"""roles: what a node can be, from one reviewed file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import mistyped
from provisioner.cli.finding import known_role
from provisioner.cli.session import inventory, now, settings
from provisioner.cli.table import columns
from provisioner.cli.texts import clean
from provisioner.cli.usage import Group, examples

if TYPE_CHECKING:
    from enc.domain.model import Role
    from enc.inventory import Inventory
    from provisioner.rolesfile.loading import RolesFile

_FILE = click.argument("file", type=click.Path(path_type=Path))
_LISTED = columns("role", "nodes", "size", "market", "rev", "applied_at", "[applied_by]")
_FIELDS = ("role", "nodes", "market", "size", "rev", "applied_at", "applied_by")


@click.group(cls=Group, short_help="Apply the roles file, and show roles.")
def roles() -> None:
    """Roles: what a node can be, from one reviewed file. docs/roles.md has every key of it."""


@roles.command(
    "apply",
    short_help="Check a roles file whole, and store it.",
    epilog=examples(
        "provisioner roles diff roles.yaml     # first see what would change",
        "provisioner roles apply roles.yaml",
        "provisioner roles apply --prune roles.yaml",
    ),
)
@_FILE
@click.option("--prune", is_flag=True, help="Remove stored roles that the file does not have.")
def apply_(file: Path, *, prune: bool) -> None:
    """Check FILE whole and store its roles; a bad file changes nothing.

    Stored roles that are not in FILE stay, unless you give --prune. A role that still has nodes
    cannot be removed. Nodes keep running: what Puppet gets changes with their next run, what EC2
    gets with the next launch.

    EC2 is asked whether it has the instance types of new and changed roles, and whether they run
    the image. Where EC2 cannot be asked, that is a warning, and the file is stored.
    """
    from enc.inventory import Event

    read = _read(file)
    store = inventory()
    _where_they_launch(read, store)
    _check_with_ec2(file, read, store)
    event = Event(what="roles applied", who=settings().who, at=now(), why=clean(file.name))
    # First: a lower ceiling is never in force later than what it is to bind.
    if read.limits is not None and store.limits.put(read.limits, event):
        output.say("applied limits")
    done = store.roles.apply(_roles(read), event, prune=prune)
    for name in done.changed:
        output.say(f"applied {name}")
    for name in done.removed:
        output.say(f"removed {name}")
    if not done.changed and not done.removed:
        output.say(f"nothing to do: {len(done.unchanged)} role(s) unchanged")
    for name in sorted(set(store.roles.names()) - set(read.roles)):
        output.say(f"kept {name}: stored, and not in {file} (--prune removes it)", err=True)


def _where_they_launch(read: RolesFile, store: Inventory) -> None:
    """After a loss of the store, only the regions in use are searched for machines."""
    from provisioner.commands.regions import outside

    launching = {name: spec.launch.region for name, spec in read.roles.items() if spec.launch}
    outside(launching, store.meta.require().regions)


@roles.command(short_help="Show what 'roles apply' would change.")
@_FILE
def diff(file: Path) -> None:
    """Show what 'roles apply FILE' would change; changes nothing."""
    from provisioner.rolesfile.differences import diff as lines_between

    read = _read(file)
    stored = inventory().roles.all()
    changed = _limits_differ(read)
    for name in sorted({*read.roles, *stored}):
        old = _as_read_today(stored[name]) if name in stored else None
        new = read.roles[name].definition() if name in read.roles else None
        if lines := lines_between(old, new):
            changed = True
            output.say(f"{_verdict(old, new)} {name}")
            for line in lines:
                output.say(f"  {line}")
    if not changed:
        output.say("no difference")


@roles.command("ls", short_help="List the stored roles.")
@output.format_option
def ls_(form: str) -> None:
    """List the stored roles and how many nodes each has."""
    store = inventory()
    stored = store.roles.all()
    counts = store.roles.counts(list(stored))
    rows = [_row(role, counts[name]) for name, role in stored.items()]
    empty = "no roles yet: 'provisioner roles apply FILE'"
    output.emit_rows(form, rows, output.Listing(_LISTED, _FIELDS, empty))


@roles.command("show", short_help="Show one role as it is stored.")
@click.argument("role")
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="How to print it.",
)
def show_(role: str, form: str) -> None:
    """Show one role as it is stored, every default filled in."""
    store = inventory()
    found = known_role(store, role)
    output.emit_value(form, {**_row(found, store.roles.counts([role])[role]), **found.definition})


def _read(file: Path) -> RolesFile:
    from provisioner.rolesfile.loading import load

    read = load(_bytes(file), source=clean(file), read_file=_reader(file.parent), now=now())
    for warning in read.warnings:
        output.say(f"warning: {warning}", err=True)
    return read


def _limits_differ(read: RolesFile) -> bool:
    from dataclasses import asdict

    from provisioner.rolesfile.differences import diff as lines_between

    if read.limits is None:
        return False
    lines = lines_between(asdict(inventory().limits.get()), asdict(read.limits))
    if lines:
        output.say("changed limits")
    for line in lines:
        output.say(f"  {line}")
    return bool(lines)


def _check_with_ec2(file: Path, read: RolesFile, store: Inventory) -> None:
    """Raises CommandError (2) for a role that EC2 cannot launch; nothing was changed then."""
    from provisioner.launching.suitability import changed, suited
    from provisioner.wiring import open_cloud

    stored, _ = store.roles.readable()
    wanted = [spec for spec in changed(read.roles.values(), stored) if spec.launch]
    if not wanted:
        return
    found = suited(open_cloud(), wanted)
    for doubt in found.doubts:
        output.say(f"warning: {doubt}", err=True)
    if found.wrong:
        lines = "\n".join(f"  roles.{name}: {why}" for name, why in found.wrong.items())
        raise mistyped(f"EC2 cannot launch what {file} names, nothing was changed:\n{lines}")


def _bytes(file: Path) -> bytes:
    """As much of the file as tells that it is too long: some files have no end."""
    from provisioner.rolesfile.yamltree import MAX_BYTES

    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise mistyped(f"{file} cannot be read: {why}") from error


def _reader(folder: Path) -> Any:
    """Files that the roles file names are found from where it lies."""
    return lambda path: (folder / path).read_text(encoding="utf-8")


def _roles(read: RolesFile) -> list[Role]:
    from enc.domain.model import Role

    return [
        Role(name=name, definition=spec.definition(), spec_hash=spec.spec_hash)
        for name, spec in read.roles.items()
    ]


def _as_read_today(role: Role) -> Mapping[str, Any]:
    """Keys that an older version did not know have their defaults: those are no change."""
    from enc.domain.rolespec import RoleSpec, StoredRoleError

    try:
        return RoleSpec.of(role).definition()
    except StoredRoleError:
        return role.definition


def _verdict(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str:
    if old is None:
        return "new"
    return "changed" if new is not None else "not in the file"


def _row(role: Role, counts: Mapping[str, int]) -> dict[str, Any]:
    from enc.inventory.codec import iso

    launch, fleet = role.definition.get("launch") or {}, role.definition.get("fleet") or {}
    return {
        "role": role.name,
        "nodes": sum(counts.values()),
        "market": launch.get("market"),
        "size": fleet.get("size"),
        "rev": role.rev,
        "applied_at": iso(role.applied_at) if role.applied_at else None,
        "applied_by": role.applied_by or None,
    }
