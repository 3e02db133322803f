"""init: begin a new or lost store."""

from __future__ import annotations

import click

from provisioner.cli.session import acting


@click.command()
@click.option("--no-ec2", is_flag=True, help="For an inventory without EC2: ask it nothing.")
def init(*, no_ec2: bool) -> None:
    """Begin a new or lost store: adopt every machine that is tagged as ours.

    Lists every enabled region by our tags, records what lives there, and only then lets the
    service answer. Where the store is begun already, nothing is done.
    """
    from provisioner.adopt import Begun, adopt_all

    with acting(begun=False) as context:
        if meta := context.inventory.meta.get():
            when = f"{meta.created_at:%Y-%m-%d %H:%M} UTC"
            click.echo(f"already begun on {when} by {meta.created_by} (site {meta.site})")
            return
        account = "" if no_ec2 else context.cloud.account()
        found = Begun() if no_ec2 else adopt_all(context)
        for line in found.strange:
            context.reporter.say(f"left alone: {line}")
        event = context.event("init", why=f"adopted {len(found.adopted)} machine(s)")
        context.inventory.meta.begin(site=context.site, account=account, event=event)
    looked = f"{len(found.regions)} region(s) of account {account}" if account else "no EC2"
    click.echo(f"begun: site {context.site}, {looked}, {len(found.adopted)} machine(s) adopted")
    click.echo("next: 'provisioner roles apply FILE'")
