"""launch: machines for a role, now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.durations import DurationType
from provisioner.cli.errors import advised, mistyped, tell
from provisioner.cli.exit_codes import DONE
from provisioner.cli.finding import known_role
from provisioner.cli.session import acting, check_puppet_files, if_interrupted
from provisioner.cli.table import columns
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.model import Node
    from enc.inventory import Inventory
    from provisioner.cli.outcome import LaunchReport
    from provisioner.context import Context
    from provisioner.launching.order import Order

_SHOWN = columns(
    *("certname", "state", "market", "instance_type", "zone"),
    *("private_ip", "[private_dns]", "[public_dns]"),
)
_DEATHS = 10
NOTHING_YET = "nothing was launched and nothing is left"


@click.command(
    short_help="Launch machines for a role.",
    epilog=examples(
        "provisioner launch web",
        "provisioner launch web -n 20 --fleet --wait-until ready",
        "provisioner launch web --market on-demand --ttl 8h",
        "provisioner launch web --format json | jq -r '.nodes[].certname'",
    ),
)
@click.argument("role")
@click.option("-n", "--count", default=1, show_default=True, help="How many machines.")
@click.option("--market", type=click.Choice(["spot", "on-demand"]), help="Default: the role's.")
@click.option(
    "--deadline",
    type=DurationType("24h"),
    help="How long the first market may take, as in 90s or 5m. Default: the role's spot_deadline.",
)
@click.option(
    "--ttl",
    type=DurationType("3650d"),
    help="Time after which they power themselves off for good, as in 8h or 7d. Default: never.",
)
@click.option("--fleet", is_flag=True, help="Count them towards the role's fleet size.")
@click.option(
    "--wait-until",
    type=click.Choice(["accepted", "running", "ready"]),
    default="running",
    show_default=True,
    help="accepted: recorded; running: EC2 says so; ready: Puppet has run well.",
)
@output.format_option
def launch(
    role: str,
    *,
    count: int,
    market: str | None,
    deadline: timedelta | None,
    ttl: timedelta | None,
    fleet: bool,
    wait_until: str,
    form: str,
) -> None:
    """Launch machines for ROLE: spot first, on-demand when the deadline passes.

    Converge does not count these machines towards the role's fleet.size, unless you give --fleet.
    The machines are printed on stdout, progress on stderr. Ctrl-C stops the launch, keeps and
    records the machines that came, and prints how to go on or undo it.

    Exit codes: 0 all machines came; 3 some came, or not all reached --wait-until; 1 none came;
    2 mistyped; 130 interrupted.
    """
    if wait_until == "ready":
        check_puppet_files()
    with acting() as context, if_interrupted(NOTHING_YET):
        order = _order(
            context.inventory,
            role,
            count=count,
            market=market,
            deadline=deadline,
            ttl=ttl,
            fleet=fleet,
        )
        if warning := beside_the_fleet(order):
            context.reporter.say(f"warning: {warning}")
        told = carried_out(context, order, wait_until)
    print_told(form, told)
    if told.code != DONE:
        tell(told.verdict)
    raise click.exceptions.Exit(told.code)


def _order(
    store: Inventory,
    name: str,
    *,
    count: int,
    market: str | None,
    deadline: timedelta | None,
    ttl: timedelta | None,
    fleet: bool,
) -> Order:
    """Check what was typed against the role; raises CommandError (2) before anything is asked."""
    from enc.domain.model import Kind, Market
    from enc.domain.rolespec import RoleSpec
    from provisioner.launching.order import Order

    role = known_role(store, name)
    spec = RoleSpec.of(role)
    if spec.launch is None:
        raise mistyped(f"role {name} has no launch section: nothing says what to launch")
    if not 1 <= count <= spec.launch.max:
        raise mistyped(f"-n {count}: role {name} allows 1 to {spec.launch.max} (launch.max)")
    longest = deadline or spec.launch.spot_deadline
    _check_ttl(ttl, longest)
    return Order(
        role=role,
        spec=spec,
        count=count,
        kind=Kind.FLEET if fleet else Kind.EXTRA,
        market=Market(market) if market else spec.launch.market,
        deadline=longest,
        ttl=ttl,
    )


def _check_ttl(ttl: timedelta | None, deadline: timedelta) -> None:
    from enc.domain.durations import for_people

    if ttl is not None and ttl <= deadline:
        must = f"it must be longer than the deadline ({for_people(deadline)})"
        raise mistyped(f"--ttl {for_people(ttl)}: {must}")


def beside_the_fleet(order: Order) -> str:
    """What a person should know of machines that converge will not count; "" where it does."""
    from enc.domain.model import Kind

    size = order.spec.fleet.size
    if not size or order.kind is Kind.FLEET:
        return ""
    return (
        f"role {order.role.name} has a fleet of {size} (fleet.size), and machines of this launch "
        "do not count towards it; with --fleet they do"
    )


def carried_out(context: Context, order: Order, wait_until: str) -> LaunchReport:
    from enc.inventory import StoreError
    from provisioner.cli.outcome import LaunchReport
    from provisioner.launching.launch import LaunchCutShortError
    from provisioner.launching.launch import launch as launch_machines
    from provisioner.ports.errors import CloudError

    try:
        outcome = launch_machines(context, order)
    except LaunchCutShortError as cut:
        raise KeyboardInterrupt(_how_it_was_left(context.inventory, cut.launch)) from cut
    told = LaunchReport(order=order, outcome=outcome, nodes=outcome.nodes, wait_until=wait_until)
    try:
        nodes = tuple(_followed(context, told))
        return replace(told, nodes=nodes, deaths=_deaths(context.inventory, nodes))
    except KeyboardInterrupt:
        return replace(told, stopped=True)
    except (CloudError, StoreError) as error:
        return replace(told, trouble=advised(error))


def _followed(context: Context, told: LaunchReport) -> Sequence[Node]:
    """The nodes as far as they were to be waited for."""
    from provisioner.launching.follow import follow_to_ready, follow_to_running

    nodes, fleet = told.nodes, told.order.spec.fleet
    if told.wait_until == "accepted" or not nodes or told.interrupted:
        return nodes
    nodes = follow_to_running(context, nodes, ready_when_running=fleet.ready_when == "running")
    if told.wait_until == "ready":
        until = told.outcome.launch.deadline + fleet.ready_timeout
        nodes = follow_to_ready(context, nodes, until)
    return nodes


def _deaths(store: Inventory, nodes: Sequence[Node]) -> dict[str, str]:
    """Why the first machines were lost, by the log; without it they are lost all the same."""
    from enc.inventory import StoreError

    found: dict[str, str] = {}
    with suppress(StoreError):
        for node in [one for one in nodes if one.state == "lost"][:_DEATHS]:
            life = store.events.life(node.certname)
            whys = [event.get("why", "") for event in life if event.get("what") == "lost"]
            found[node.certname] = whys[-1] if whys else ""
    return found


def _how_it_was_left(store: Inventory, launch_id: str) -> str:
    from provisioner.cli.launches import how_it_was_left, how_to_undo

    with if_interrupted(f"launch {launch_id} was left as it stood; {how_to_undo(launch_id)}"):
        return how_it_was_left(store, launch_id)


def print_told(form: str, told: LaunchReport) -> None:
    from provisioner.cli.records import NODE_FIELDS, node_record

    rows = [node_record(node) for node in told.nodes]
    if form not in output.FOR_PROGRAMS:
        output.emit_rows(form, rows, output.Listing(_SHOWN, NODE_FIELDS))
        return
    launch = told.outcome.launch
    record: dict[str, Any] = {
        "launch": launch.id,
        "role": launch.role,
        "want": launch.want,
        "got": len(rows),
        "state": launch.state.value,
        "why": launch.why or None,
        "left": list(told.outcome.left),
        "nodes": rows,
    }
    output.emit_value(form, record)
