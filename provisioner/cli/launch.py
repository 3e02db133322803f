"""launch: machines for a role, now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import DONE, FAILED, INTERRUPTED, PARTLY, mistyped
from provisioner.cli.session import DurationType, acting, known_role

if TYPE_CHECKING:
    from enc.inventory import Inventory
    from enc.model import Node
    from provisioner.context import Context
    from provisioner.launch import Order, Outcome

_SHOWN = output.columns(
    "node", "state", "market", "type", "zone", "private_ip", "private_dns", "public_dns"
)


@click.command()
@click.argument("role")
@click.option("-n", "--count", default=1, show_default=True, help="How many machines.")
@click.option("--market", type=click.Choice(["spot", "on-demand"]), help="Default: the role's.")
@click.option("--deadline", type=DurationType(), help="For spot. Default: the role's.")
@click.option("--ttl", type=DurationType(), help="They power themselves off for good after this.")
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
    """Launch machines for ROLE: spot first, on-demand when the deadline passes."""
    from provisioner.launch import LaunchCutShortError
    from provisioner.launch import launch as launch_machines

    with acting() as context:
        order = _order(
            context.inventory,
            role,
            count=count,
            market=market,
            deadline=deadline,
            ttl=ttl,
            fleet=fleet,
        )
        try:
            outcome = launch_machines(context, order)
        except LaunchCutShortError as cut:
            raise KeyboardInterrupt(_how_to_undo(cut.launch)) from cut
        nodes = _followed(context, order, outcome, wait_until)
        good = [node for node in nodes if _there(node, wait_until)]
        for node in nodes:
            if node not in good:
                context.reporter.say(f"{node.certname} is {node.state}, not {wait_until}")
        for left in outcome.left:
            context.reporter.say(f"left behind: {left}; {_how_to_undo(outcome.launch.id)}")
    _print(form, outcome, nodes)
    code = _exit_code(order.count, len(good), outcome)
    if code != DONE:
        click.echo(f"provisioner: {_verdict(order, outcome, len(good))}", err=True)
    raise click.exceptions.Exit(code)


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
    from enc.model import Kind, Market
    from provisioner.launch import Order
    from provisioner.rolesfile.spec import RoleSpec

    role = known_role(store, name)
    spec = RoleSpec.of(role)
    if spec.launch is None:
        raise mistyped(f"role {name} has no launch section: nothing says what to launch")
    if not 1 <= count <= spec.launch.max:
        raise mistyped(f"-n {count}: role {name} allows 1 to {spec.launch.max} (launch.max)")
    return Order(
        role=role,
        spec=spec,
        count=count,
        kind=Kind.FLEET if fleet else Kind.EXTRA,
        market=Market(market) if market else spec.launch.market,
        deadline=deadline or spec.launch.spot_deadline,
        ttl=ttl,
    )


def _followed(context: Context, order: Order, outcome: Outcome, wait_until: str) -> Sequence[Node]:
    from provisioner.follow import follow_to_ready, follow_to_running

    if wait_until == "accepted" or not outcome.nodes or outcome.launch.state == "interrupted":
        return outcome.nodes
    on_running = order.spec.fleet.ready_when == "running"
    try:
        nodes = follow_to_running(context, outcome.nodes, ready_when_running=on_running)
        if wait_until == "ready":
            until = outcome.launch.deadline + order.spec.fleet.ready_timeout
            nodes = follow_to_ready(context, nodes, until)
    except KeyboardInterrupt as stopped:
        ids = " ".join(node.certname for node in outcome.nodes)
        msg = f"launch {outcome.launch.id} is complete and recorded, only the wait ended: {ids}"
        raise KeyboardInterrupt(f"{msg}; 'provisioner ls --role {order.spec.name}'") from stopped
    return nodes


def _there(node: Node, wait_until: str) -> bool:
    reached = {
        "accepted": {"pending", "running", "ready"},
        "running": {"running", "ready"},
        "ready": {"ready"},
    }
    return node.state.value in reached[wait_until]


def _exit_code(wanted: int, good: int, outcome: Outcome) -> int:
    if outcome.launch.state == "interrupted":
        return INTERRUPTED
    if good == wanted:
        return PARTLY if outcome.left else DONE
    return PARTLY if good else FAILED


def _verdict(order: Order, outcome: Outcome, good: int) -> str:
    launch, name = outcome.launch, order.spec.name
    why = f": {outcome.launch.why}" if outcome.launch.why else ""
    if outcome.error is not None:
        why += f". {outcome.error.hint}" if outcome.error.hint else ""
    text = f"{good} of {order.count} for {name} (launch {launch.id}){why}"
    missing = order.count - good
    if missing and good:
        text += f"; 'provisioner launch {name} -n {missing}' asks for the rest"
    if launch.state == "interrupted" and outcome.nodes:
        ids = " ".join(node.certname for node in outcome.nodes)
        text += f"; 'provisioner retire {ids}' undoes it"
    return text


def _how_to_undo(launch_id: str) -> str:
    return (
        f"'provisioner show {launch_id}' says what is there, "
        f"'provisioner retire {launch_id}' ends all of it"
    )


def _print(form: str, outcome: Outcome, nodes: Sequence[Node]) -> None:
    from provisioner.cli.records import node_record

    rows = [node_record(node) for node in nodes]
    if form in {"json", "yaml"}:
        launch = outcome.launch
        record: dict[str, Any] = {
            "launch": launch.id,
            "role": launch.role,
            "want": launch.want,
            "got": len(nodes),
            "state": launch.state.value,
            "why": launch.why,
            "left": list(outcome.left),
            "nodes": rows,
        }
        output.emit_record(form, record)
    elif rows:
        output.emit_rows(form, rows, _SHOWN)
