"""export: files for tools that cannot ask."""

from __future__ import annotations

import click

from provisioner.cli.export_nagios import nagios
from provisioner.cli.usage import Group


@click.group(cls=Group, short_help="Files for tools that cannot ask.")
def export() -> None:
    """Files for tools that cannot ask the service: written whole, and never from half an answer."""


export.add_command(nagios)
