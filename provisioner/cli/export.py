"""export: the nodes in other tools' formats, read from the store itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.csv_cells import csv_text
from provisioner.cli.errors import CommandError
from provisioner.cli.exit_codes import PARTLY
from provisioner.cli.export_nagios import nagios
from provisioner.cli.files import deliver, output_option
from provisioner.cli.session import inventory, settings
from provisioner.cli.texts import some
from provisioner.cli.usage import Group, examples

if TYPE_CHECKING:
    from enc.inventory.snapshot import Snapshot
    from enc.outputs import Refused


@click.group(cls=Group, short_help="Export the nodes for other tools.")
def export() -> None:
    """Write the nodes down for other tools: those that are running, failed or ready.

    Nagios is told of those that are ready, until they drain.

    If the store cannot be read whole, nothing is written, and the exit code is 1. If a node must
    be left out, it is named, the others are written, and the exit code is 3.
    """


@export.command(
    short_help="Ansible's inventory, as a file that it reads.",
    epilog=examples(
        "provisioner export ansible --output inventory.json",
        "provisioner export ansible | jq '.all.children | keys'",
    ),
)
@output_option
def ansible(*, file: Path | None) -> None:
    """Ansible's inventory, as a file that it reads: groups by role, kind, market, state, zone.

    rolecall-inventory asks the service instead each time that Ansible runs.
    """
    from enc.outputs import ansible

    found = read()
    made = ansible.inventory(found.nodes, {*found.roles, *found.spoilt_roles})
    deliver(json.dumps(ansible.static(made.document), indent=1) + "\n", file)
    for note in made.notes:
        output.say(f"note: {note}", err=True)
    tell_left_out(found, made.refused)


@export.command(
    short_help="Lines as in /etc/hosts.",
    epilog=examples(
        "provisioner export hosts --output /etc/rolecall.hosts",
        "provisioner export hosts | grep i-0123456789abcdef0",
    ),
)
@output_option
def hosts(*, file: Path | None) -> None:
    """Lines as in /etc/hosts: an address and the certname.

    In a file of its own, which dnsmasq reads (addn-hosts=FILE): it replaces what is there.
    """
    from enc.outputs.hosts import hosts

    found = read()
    lines, refused, unknown = hosts(found.nodes)
    deliver("".join(f"{line}\n" for line in lines), file)
    if unknown:
        output.say(f"left out, because they have no address: {some(unknown)}", err=True)
    tell_left_out(found, refused)


@export.command(
    name="csv",
    short_help="A table for spreadsheets.",
    epilog=examples(
        "provisioner export csv --output nodes.csv",
        "provisioner export csv | cut -d, -f1,2",
    ),
)
@output_option
def table(*, file: Path | None) -> None:
    """A table for spreadsheets, with every field; an apostrophe makes text of a formula.

    'provisioner ls --format csv' has the same of nodes in all states.
    """
    from provisioner.cli.records import NODE_FIELDS, node_record

    found = read()
    deliver(csv_text(map(node_record, found.nodes), NODE_FIELDS), file)
    tell_left_out(found, ())


def read() -> Snapshot:
    """The whole inventory as tools are told of it. Raises StoreError's kinds."""
    from enc.inventory.snapshot import read_snapshot

    return read_snapshot(inventory(), settings().site)


def tell_left_out(found: Snapshot, refused: Sequence[Refused]) -> None:
    """Name each node that is there and was left out. Raises CommandError if there is one."""
    left_out = {name: str(error) for name, error in found.spoilt.items()}
    left_out |= {one.certname: one.why for one in refused}
    _name(left_out)
    if left_out:
        count = f"{len(left_out)} node" + ("s were" if len(left_out) > 1 else " was")
        raise CommandError(f"{count} left out; all others are there", PARTLY)


def _name(left_out: Mapping[str, str]) -> None:
    for certname, why in sorted(left_out.items()):
        output.say(f"warning: {certname} is left out: {why}", err=True)


export.add_command(nagios)
