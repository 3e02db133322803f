"""export nagios: hosts, host groups and services, where Nagios reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.durations import DurationType
from provisioner.cli.errors import CommandError, mistyped, tell
from provisioner.cli.exit_codes import PARTLY
from provisioner.cli.session import if_interrupted, settings
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.outputs.nagios import Style
    from provisioner.exporting.export import Export, ExportResult
    from provisioner.ports.exports import ExportFile

_INTERRUPTED = "the file is whole; the same command again makes the reload that is due"


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    folder: Path
    reload: str
    verify: str
    deadline: timedelta
    style: Style
    forget: bool


@click.command(
    short_help="Hosts and services for Nagios.",
    epilog=examples(
        "provisioner export nagios --dir /etc/nagios4/rolecall \\",
        "    --reload-command 'systemctl reload nagios4' --watch",
    ),
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that Nagios reads (cfg_dir): rolecall.cfg is written there.",
)
@click.option("--reload-command", "reload", default="", help="Run by sh after each change.")
@click.option(
    "--verify-command",
    "verify",
    default="",
    help="Run by sh before each change; {} is a folder that looks as --dir would. "
    "A non-zero exit keeps the old files.",
)
@click.option(
    "--deadline",
    type=DurationType("1h"),
    default="60s",
    show_default=True,
    help="Time limit of each of the two commands.",
)
@click.option("--watch", is_flag=True, help="Do not end: export again after each change.")
@click.option(
    "--interval",
    type=DurationType("24h"),
    default="5m",
    show_default=True,
    help="With --watch: the longest time between two exports.",
)
@click.option(
    "--rest",
    type=DurationType("1h"),
    default="10s",
    show_default=True,
    help="With --watch: the shortest time between two exports.",
)
@click.option(
    "--host-template",
    default="linux-server",
    show_default=True,
    metavar="NAME",
    help="Template of each host.",
)
@click.option(
    "--service-template",
    default="generic-service",
    show_default=True,
    metavar="NAME",
    help="Template of each check.",
)
@click.option("--forget", is_flag=True, help="Drop hosts that the store does not know.")
def nagios(
    *,
    folder: Path,
    reload: str,
    verify: str,
    deadline: timedelta,
    watch: bool,
    interval: timedelta,
    rest: timedelta,
    host_template: str,
    service_template: str,
    forget: bool,
) -> None:
    """Write DIR/rolecall.cfg: ready nodes, and the checks of their roles, for Nagios to watch.

    A host enters when its node is ready, and leaves when the node drains, before the machine goes.
    Nothing else removes it: not a lost machine, not a damaged record, not a store that forgot
    it. A node that cannot be written is a warning that names it.

    The file is replaced as a whole, and only when it changes. Then the reload command runs; if it
    fails, the next export runs it again. While the store cannot be read, the file stays.

    Exit codes: 0 done or nothing to do; 3 done, except what the warnings name; 1 the store, the
    folder or a command failed; 2 mistyped.
    """
    wanted = _Wanted(
        folder=_folder(folder),
        reload=reload,
        verify=verify,
        deadline=deadline,
        style=_style(host_template, service_template),
        forget=forget,
    )
    if watch:
        _watch(wanted, rest, interval)
        return
    with if_interrupted(_INTERRUPTED):
        came = _once(_export(wanted))
    _report(wanted.folder, came)


def _report(folder: Path, came: ExportResult) -> None:
    """Raises CommandError (3) where there are warnings."""
    for warning in came.warnings:
        output.say(f"warning: {warning}", err=True)
    output.say(_told(folder, came))
    if came.warnings:
        raise CommandError(
            "the file is up to date, except for what the warnings name",
            PARTLY,
        )


def _folder(given: Path) -> Path:
    if not given.is_dir():
        raise mistyped(
            f"--dir {given} is not a folder: make it, and name it in Nagios' main file as "
            f"cfg_dir={given.absolute()}"
        )
    return given.absolute()


def _style(host: str, service: str) -> Style:
    from enc.outputs.nagios import TEMPLATE, Style

    for option, name in (("--host-template", host), ("--service-template", service)):
        if not TEMPLATE.fullmatch(name):
            raise mistyped(
                f"{option} {name!r} is not a template's name: use letters, digits, '.', '_' and "
                "'-', and ',' between several"
            )
    return Style(host_template=host, service_template=service)


def _export(wanted: _Wanted) -> Export:
    from provisioner import wiring
    from provisioner.exporting.export import Export

    ours = settings()
    return Export(
        inventory=wiring.open_inventory(ours),
        site=ours.site,
        # Whoever is before us may be waiting for both commands.
        place=wiring.nagios_place(wanted.folder, 2 * wanted.deadline),
        commands=wiring.site_commands(
            reload=wanted.reload, verify=wanted.verify, deadline=wanted.deadline
        ),
        style=wanted.style,
        forget=wanted.forget,
    )


def _once(export: Export) -> ExportResult:
    from enc.inventory import StoreError

    try:
        return export.once()
    except StoreError as error:
        raise CommandError(f"{error}; {_stood(export.place)}") from error


def _watch(wanted: _Wanted, rest: timedelta, interval: timedelta) -> None:
    from provisioner import wiring
    from provisioner.cli.reporters import reporter
    from provisioner.exporting.following import Following, Pace

    export, speaker = _export(wanted), reporter()
    notifier, stop = wiring.service_manager("an export", export.commands.cut)
    Following(
        export=export.once,
        newest=lambda: "".join(entry for entry, _ in export.inventory.events.page(1).events),
        told=lambda came: _told(wanted.folder, came),
        stood=lambda: _stood(export.place),
        say=speaker.say,
        clock=wiring.clock(),
        notifier=notifier,
        stop=stop,
        pace=Pace(rest=rest.total_seconds(), again=interval.total_seconds()),
    ).run()
    tell("stopped")


def _told(folder: Path, came: ExportResult) -> str:
    done = ["written"] if came.written else []
    done += ["Nagios reloaded"] if came.reloaded else []
    count = f"{came.hosts} host{'' if came.hosts == 1 else 's'}"
    return f"{folder / 'rolecall.cfg'}: {count}; {', '.join(done) or 'nothing to do'}"


def _stood(place: ExportFile) -> str:
    """Since when it says what it says, and until when that was known to be right."""
    if (since := place.stood()) is None:
        return f"there is no {place.name} yet"
    written, known = (f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in since)
    right = f", and was last right on {known}" if known != written else ""
    return f"{place.name} stays as it was written on {written}{right}"
