"""init: begin a new or lost store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError, mistyped
from provisioner.cli.session import acting, if_interrupted, settings
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.inventory import Meta
    from provisioner.commands.adopt import Begun
    from provisioner.context import Context

_INTERRUPTED = "the store is not initialised; run 'provisioner init' again"


@click.command(
    short_help="Begin a new or lost store.",
    epilog=examples(
        "provisioner init",
        "provisioner init --regions us-east-1,eu-west-1    # only these",
        "provisioner init --regions all                    # every region again",
        "provisioner init --no-ec2                         # foreign nodes only",
    ),
)
@click.option("--no-ec2", is_flag=True, help="Begin an inventory without EC2.")
@click.option(
    "--regions",
    metavar="LIST",
    help="The regions that the site uses, or 'all'. Default: REGIONS, or those given last.",
)
def init(*, no_ec2: bool, regions: str | None) -> None:
    """Begin a new or lost store: adopt every machine that is tagged as ours.

    Lists every enabled region by our tags, records what lives there, and only then lets the
    service answer. A region that cannot be read must be left out by name, with --regions: the
    inventory remembers which are in use. Where the store is begun already, --regions changes
    that, and nothing else is done. A region where the inventory has something stays in use.
    """
    if no_ec2 and regions:
        raise mistyped("--no-ec2 and --regions exclude each other; give one of them")
    with acting(begun=False) as context:
        named = _named(regions)
        if meta := context.inventory.meta.get():
            _already(context, meta, None if no_ec2 else named)
            return
        with if_interrupted(_INTERRUPTED):
            _begin(context, named or (), no_ec2=no_ec2)
    output.say("next: 'provisioner roles apply FILE'", err=True)


def _named(regions: str | None) -> Sequence[str] | None:
    """() for all of them; None where nobody says."""
    from provisioner.settings import SettingError, regions_in

    if not regions:
        return settings().regions
    try:
        return regions_in("--regions", regions)
    except SettingError as error:
        raise mistyped(str(error)) from error


def _begin(context: Context, named: Sequence[str], *, no_ec2: bool) -> None:
    account, found = ("", _nothing()) if no_ec2 else _adopted(context, named)
    for line in (*found.notes, *(f"left alone: {line}" for line in found.strange)):
        context.reporter.say(line)
    event = context.event("init", why=f"adopted {len(found.adopted)} machine(s)")
    context.inventory.meta.begin(site=context.site, account=account, event=event, regions=named)
    looked = f"{len(found.regions)} region(s) of account {account}" if account else "no EC2"
    output.say(f"begun: site {context.site}, {looked}, {len(found.adopted)} machine(s) adopted")


def _already(context: Context, meta: Meta, named: Sequence[str] | None) -> None:
    from provisioner.wiring import check_site

    check_site(meta, context.site)
    if named is not None and tuple(sorted(named)) != meta.regions:
        _change(context, meta, named)
        return
    when = f"{meta.created_at:%Y-%m-%d %H:%M} UTC"
    output.say(f"nothing to do: begun on {when} by {meta.created_by} (site {meta.site})")


def _change(context: Context, meta: Meta, named: Sequence[str]) -> None:
    from provisioner.calls import check_account
    from provisioner.commands import regions

    if not meta.account:
        raise CommandError("the inventory has no EC2 (it was begun with --no-ec2), so no regions")
    check_account(context)
    regions.kept(named, regions.taken(context))
    looked = regions.look(context, named)
    for line in regions.told(looked):
        context.reporter.say(line)
    said = ", ".join(sorted(named)) or "every enabled one"
    event = context.event("regions", why=f"in use: {said}")
    context.inventory.meta.use(named, event, read=meta)
    there = sum(map(len, looked.used.values()))
    output.say(f"regions in use: {said} ({there} machine(s) of site {context.site} there)")
    output.say("next: 'provisioner converge' adopts what has no record yet", err=True)


def _adopted(context: Context, named: Sequence[str]) -> tuple[str, Begun]:
    from provisioner.commands.adopt import adopt_all

    account = context.cloud.account()
    return account, adopt_all(context, named)


def _nothing() -> Begun:
    from provisioner.commands.adopt import Begun

    return Begun()
