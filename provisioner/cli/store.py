"""init: begin a new or lost store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.session import acting, if_interrupted
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.inventory import Meta
    from provisioner.adopt import Begun
    from provisioner.context import Context

_INTERRUPTED = "the store is not begun; 'provisioner init' again goes on"


@click.command(
    short_help="Begin a new or lost store.",
    epilog=examples("provisioner init", "provisioner init --no-ec2    # foreign nodes only"),
)
@click.option("--no-ec2", is_flag=True, help="For an inventory without EC2: ask it nothing.")
def init(*, no_ec2: bool) -> None:
    """Begin a new or lost store: adopt every machine that is tagged as ours.

    Lists every enabled region by our tags, records what lives there, and only then lets the
    service answer. Where the store is begun already, nothing is done.
    """
    with acting(begun=False) as context:
        if meta := context.inventory.meta.get():
            _already(context, meta)
            return
        with if_interrupted(_INTERRUPTED):
            account, found = ("", _nothing()) if no_ec2 else _adopted(context)
            for line in found.strange:
                context.reporter.say(f"left alone: {line}")
            event = context.event("init", why=f"adopted {len(found.adopted)} machine(s)")
            context.inventory.meta.begin(site=context.site, account=account, event=event)
    looked = f"{len(found.regions)} region(s) of account {account}" if account else "no EC2"
    output.say(f"begun: site {context.site}, {looked}, {len(found.adopted)} machine(s) adopted")
    output.say("next: 'provisioner roles apply FILE'", err=True)


def _already(context: Context, meta: Meta) -> None:
    from provisioner.wiring import check_site

    check_site(meta, context.site)
    when = f"{meta.created_at:%Y-%m-%d %H:%M} UTC"
    output.say(f"nothing to do: begun on {when} by {meta.created_by} (site {meta.site})")


def _adopted(context: Context) -> tuple[str, Begun]:
    from provisioner.adopt import adopt_all

    account = context.cloud.account()
    return account, adopt_all(context)


def _nothing() -> Begun:
    from provisioner.adopt import Begun

    return Begun()
