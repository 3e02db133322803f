"""roles: what a node can be, from one reviewed file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import mistyped
from provisioner.cli.session import inventory, known_role, settings

if TYPE_CHECKING:
    from enc.model import Role
    from provisioner.rolesfile.loading import RolesFile

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def roles() -> None:
    """Roles: apply the roles file, compare it, look at what is stored."""


@roles.command("apply")
@_FILE
@click.option("--prune", is_flag=True, help="Remove stored roles that the file does not have.")
def apply_(file: Path, *, prune: bool) -> None:
    """Validate FILE whole and store its roles; a bad file changes nothing."""
    from enc.inventory import Event
    from provisioner.adapters.clock import SystemClock

    read = _read(file)
    store = inventory()
    event = Event(what="roles applied", who=settings().who, at=SystemClock().now(), why=file.name)
    done = store.roles.apply(_roles(read), event, prune=prune)
    for name in done.changed:
        click.echo(f"applied {name}")
    for name in done.removed:
        click.echo(f"removed {name}")
    kept = sorted(set(store.roles.names()) - set(read.roles))
    for name in kept:
        click.echo(f"kept {name}: stored, and not in {file} (--prune removes it)", err=True)
    if not done.changed and not done.removed:
        click.echo(f"nothing to do: {len(done.unchanged)} role(s) as they were")


@roles.command()
@_FILE
def diff(file: Path) -> None:
    """Show what 'roles apply FILE' would change; changes nothing."""
    from provisioner.rolesfile.differences import diff as lines_between

    read = _read(file)
    stored = inventory().roles.all()
    changed = False
    for name in sorted({*read.roles, *stored}):
        old = stored[name].definition if name in stored else None
        new = read.roles[name].definition() if name in read.roles else None
        if lines := lines_between(old, new):
            changed = True
            click.echo(f"{_verdict(old, new)} {name}")
            click.echo("".join(f"  {line}\n" for line in lines), nl=False)
    if not changed:
        click.echo("no difference")


@roles.command("ls")
@output.format_option
def ls_(form: str) -> None:
    """List the stored roles and how many nodes each has."""
    store = inventory()
    stored = store.roles.all()
    counts = store.roles.counts(list(stored))
    rows = [_row(role, counts[name]) for name, role in stored.items()]
    shown = output.columns("role", "nodes", "market", "size", "rev", "applied_at", "applied_by")
    output.emit_rows(form, rows, shown, empty="no roles yet: 'provisioner roles apply FILE'")


@roles.command("show")
@click.argument("role")
@click.option(
    "--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True
)
def show_(role: str, form: str) -> None:
    """Show one role as it is stored, every default filled in."""
    store = inventory()
    found = known_role(store, role)
    output.emit_record(form, {**_row(found, store.roles.counts([role])[role]), **found.definition})


def _read(file: Path) -> RolesFile:
    from provisioner.rolesfile.loading import load

    try:
        given = file.read_bytes()
    except OSError as error:
        raise mistyped(f"{file} cannot be read: {error.strerror}") from error
    read = load(given, source=str(file), read_file=_reader(file.parent))
    for warning in read.warnings:
        click.echo(f"warning: {warning}", err=True)
    return read


def _reader(folder: Path) -> Any:
    """Files that the roles file names are found from where it lies."""
    return lambda path: (folder / path).read_text(encoding="utf-8")


def _roles(read: RolesFile) -> list[Role]:
    from enc.model import Role

    return [
        Role(name=name, definition=spec.definition(), spec_hash=spec.spec_hash)
        for name, spec in read.roles.items()
    ]


def _verdict(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str:
    if old is None:
        return "new"
    return "changed" if new is not None else "not in the file"


def _row(role: Role, counts: Mapping[str, int]) -> dict[str, Any]:
    launch, fleet = role.definition.get("launch") or {}, role.definition.get("fleet") or {}
    return {
        "role": role.name,
        "nodes": sum(counts.values()),
        "market": launch.get("market", ""),
        "size": fleet.get("size"),
        "rev": role.rev,
        "applied_at": f"{role.applied_at:%Y-%m-%dT%H:%M:%SZ}" if role.applied_at else "",
        "applied_by": role.applied_by,
    }
