"""burst: short-lived machines from a baked image."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.durations import DurationType
from provisioner.cli.errors import mistyped, tell
from provisioner.cli.exit_codes import DONE
from provisioner.cli.finding import known_role
from provisioner.cli.launch import NOTHING_YET, carried_out, print_told
from provisioner.cli.session import acting, check_puppet_files, if_interrupted
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.rolespec import RoleSpec
    from enc.inventory import Inventory
    from provisioner.launching.order import Order


@click.command(
    short_help="Launch short-lived machines of a role.",
    epilog=examples("provisioner burst pdf2swf -n 10", "provisioner burst pdf2swf --ttl 30m"),
)
@click.argument("role")
@click.option("-n", "--count", default=1, show_default=True, help="How many machines.")
@click.option(
    "--ttl", type=DurationType("30d"), help="Their life, as in 30m or 2h. Default: burst.ttl."
)
@click.option(
    "--wait-until",
    type=click.Choice(["accepted", "running", "ready"]),
    default="running",
    show_default=True,
    help="accepted: recorded; running: EC2 says so; ready: Puppet has run well.",
)
@output.format_option
def burst(role: str, *, count: int, ttl: timedelta | None, wait_until: str, form: str) -> None:
    """Fire machines of ROLE that end by themselves: from burst.image, up to burst.max at a time.

    Each powers itself off for good when its life ends, and converge ends it too. They count
    towards no size, and nobody replaces them.

    Exit codes: as launch.
    """
    if wait_until == "ready":
        check_puppet_files()
    with acting() as context, if_interrupted(NOTHING_YET):
        order = _order(context.inventory, role, count=count, ttl=ttl)
        told = carried_out(context, order, wait_until)
    print_told(form, told)
    if told.code != DONE:
        tell(told.verdict)
    raise click.exceptions.Exit(told.code)


def _order(store: Inventory, name: str, *, count: int, ttl: timedelta | None) -> Order:
    """Check what was typed against the role; raises CommandError (2) before anything is asked."""
    from enc.domain.durations import for_people
    from enc.domain.model import Kind
    from enc.domain.rolespec import RoleSpec
    from provisioner.launching.order import Order

    role = known_role(store, name)
    spec = RoleSpec.of(role)
    if spec.burst is None or spec.launch is None:
        raise mistyped(f"role {name} has no burst section: add 'burst: {{ttl: 2h}}' to roles.yaml")
    if not 1 <= count <= spec.burst.max:
        raise mistyped(f"-n {count}: role {name} allows 1 to {spec.burst.max} (burst.max)")
    _check_room(store, spec, count)
    life = ttl or spec.burst.ttl
    if life <= spec.launch.spot_deadline:
        must = f"longer than the deadline ({for_people(spec.launch.spot_deadline)})"
        raise mistyped(f"--ttl {for_people(life)}: it must be {must}")
    return Order(
        role=replace(role, spec_hash=""),
        spec=_baked(spec),
        count=count,
        kind=Kind.BURST,
        market=spec.launch.market,
        deadline=spec.launch.spot_deadline,
        ttl=life,
    )


def _check_room(store: Inventory, spec: RoleSpec, count: int) -> None:
    """burst.max holds for all that live at a time, however often somebody fires."""
    counts = store.roles.counts([spec.name])[spec.name]
    living = sum(n for key, n in counts.items() if key.startswith("burst:"))
    opened = [one for one in store.launches.opened() if one.role == spec.name]
    living += sum(one.want - one.got for one in opened if one.kind == "burst")
    most = spec.burst.max if spec.burst else 0
    if living + count > most:
        raise mistyped(
            f"-n {count}: {living} burst machines of role {spec.name} live or are asked for, and "
            f"burst.max is {most}; see 'provisioner ls --role {spec.name}'"
        )


def _baked(spec: RoleSpec) -> RoleSpec:
    """The role as a burst launches it: from its own image."""
    if spec.launch is None or spec.burst is None or spec.burst.image is None:
        return spec
    launch = spec.launch.model_copy(update={"image": spec.burst.image})
    return spec.model_copy(update={"launch": launch})
