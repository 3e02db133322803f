"""ls, show, history, assign and retire: the nodes that are there, and their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import PARTLY, CommandError, mistyped
from provisioner.cli.session import (
    DurationType,
    acting,
    confirm,
    find_node,
    inventory,
    known_node,
    known_role,
)

if TYPE_CHECKING:
    from enc.inventory import Inventory
    from enc.model import Launch, Node
    from provisioner.context import Context

_STATES = ("pending", "running", "ready", "draining", "failed", "lost", "retiring")
_LISTED = output.columns(
    "node", "role", "kind", "state", "age", "market", "type", "zone", "private_ip", "private_dns"
)
_ENDED = output.columns(
    "node", "role", "kind", "market", "type", "zone", "launched_at", "ended_at", "hours", "reason"
)
_LIFE = output.columns("at", "who", "what", "why")
_EVENTS_SHOWN = 10


@click.command()
@click.option("--role", help="Only nodes of this role.")
@click.option("--state", type=click.Choice(_STATES), help="Only nodes in this state.")
@click.option("--market", type=click.Choice(["spot", "on-demand"]), help="Only of this market.")
@click.option("-q", "prefix", help="Only where certname, name or address begins with this.")
@output.format_option
def ls(
    *, role: str | None, state: str | None, market: str | None, prefix: str | None, form: str
) -> None:
    """List nodes, oldest first."""
    from enc.durations import for_people
    from enc.inventory import Query
    from enc.model import Market, State
    from provisioner.adapters.clock import SystemClock
    from provisioner.cli.records import node_record

    store = inventory()
    if role is not None:
        known_role(store, role)
    query = Query(
        role=role,
        state=State(state) if state else None,
        market=Market(market) if market else None,
        q=prefix,
    )
    now = SystemClock().now()
    rows = [
        {**node_record(node), "age": for_people(now - node.launched_at)}
        for node in store.queries.every(query)
    ]
    empty = "no such nodes; 'provisioner launch ROLE' makes one, 'provisioner assign' names one"
    output.emit_rows(form, rows, _LISTED, empty=empty)
    _warn_of_dead_launches(store)


@click.command()
@click.argument("node")
@output.format_option
def show(node: str, *, form: str) -> None:
    """Show one NODE by certname, name or <vpc>:<ip>, alive or archived; or one launch (l-...)."""
    from provisioner.cli.records import archived_record, node_record

    store = inventory()
    if launch := _launch(store, node):
        _show_launch(store, launch, form)
        return
    found = find_node(store, node)
    if found is None and ":" not in node and (ended := store.nodes.archived(node)):
        record, certname = archived_record(ended), node
    else:
        certname = (found := found or known_node(store, node)).certname
        record = node_record(found)
    life = store.events.life(certname)
    if form in {"json", "yaml"}:
        record["life"] = life
    output.emit_record(form, record)
    if form == "table":
        click.echo()
        output.emit_rows("table", life[-_EVENTS_SHOWN:], _LIFE)


@click.command()
@click.argument("node", required=False)
@click.option("-n", "--count", type=click.IntRange(1, 10_000), default=50, show_default=True)
@output.format_option
def history(node: str | None, *, count: int, form: str) -> None:
    """What happened to NODE, alive or gone; without NODE, the machines that ended last."""
    from provisioner.cli.records import archived_record

    store = inventory()
    if node is None:
        rows = [archived_record(ended) for ended in store.nodes.lately_archived(count)]
        output.emit_rows(form, rows, _ENDED, empty="no machine has ended yet")
        return
    found = find_node(store, node)
    certname = found.certname if found else node
    life = store.events.life(certname)
    if not life:
        known_node(store, node)
    output.emit_rows(form, life[-count:], _LIFE)


@click.command()
@click.argument("node")
@click.argument("role")
@click.option("--environment", help="Puppet environment; '' gives the choice back to the role.")
def assign(node: str, role: str, *, environment: str | None) -> None:
    """Give NODE another ROLE. An unknown NODE is made: a foreign one, which EC2 never sees."""
    from provisioner.assign import assign as assign_node
    from provisioner.assign import make_foreign

    with acting() as context:
        known_role(context.inventory, role)
        _check_environment(environment)
        found = find_node(context.inventory, node)
        if found is None and ":" in node:
            raise mistyped(f"no machine has the address {node!r}; 'provisioner ls' lists them")
        if found is None:
            made = make_foreign(context, node, role, environment)
            click.echo(f"{made.certname} is new: a foreign node with role {role}")
            return
        now = assign_node(context, found, role, environment)
    where = f" in environment {now.environment}" if now.environment else ""
    click.echo(f"{now.certname} has role {role}{where}; its next Puppet run sees it")


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@click.option("--drain", type=DurationType(zero=True), help="Default: the role's fleet.drain.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retire(nodes: Sequence[str], *, drain: timedelta | None, yes: bool) -> None:
    """End NODEs for good: drain, terminate, confirm, archive. A launch (l-...) means all of it.

    Interrupted or failed, the same command goes on where it stopped.
    """
    from provisioner.retire import retire as retire_nodes

    with acting() as context:
        found = _to_retire(context, nodes, yes=yes)
        for node in found:
            if node.held:
                context.reporter.say(f"warning: {node.certname} is held: {node.held}")
        result = retire_nodes(
            context, found, drain=_drain(context.inventory, drain), why=f"retired by {context.who}"
        )
    if result.remaining:
        lines = "\n".join(f"  {name}: {why}" for name, why in sorted(result.remaining.items()))
        done = f"{len(result.archived)} of {len(found)} archived"
        raise CommandError(f"{done}; remaining:\n{lines}", PARTLY if result.archived else 1)
    click.echo(f"{len(result.archived)} node(s) archived")


def _to_retire(context: Context, given: Sequence[str], *, yes: bool) -> list[Node]:
    """The nodes that were named, each once, after the question."""
    from provisioner.abandon import abandon

    launches = [launch for name in given if (launch := _launch(context.inventory, name))]
    ids = {launch.id for launch in launches}
    nodes = [known_node(context.inventory, name) for name in given if name not in ids]
    confirm(_question(nodes, launches), yes=yes)
    for launch in launches:
        nodes += abandon(context, launch).nodes
    return list({node.certname: node for node in nodes}.values())


def _question(nodes: Sequence[Node], launches: Sequence[Launch]) -> str:
    named = [f"{n.certname} ({n.role}, {n.kind}, {n.state})" for n in nodes]
    named += [f"launch {one.id} with all its machines ({one.role})" for one in launches]
    return f"End for good: {', '.join(named)}?"


def _drain(store: Inventory, given: timedelta | None) -> Any:
    """How long each node drains: as typed, else as its role says, if the role is still there."""
    from provisioner.rolesfile.spec import RoleSpec

    if given is not None:
        return lambda _node: given
    roles = {name: RoleSpec.of(role) for name, role in store.roles.all().items()}
    return lambda node: roles[node.role].fleet.drain if node.role in roles else timedelta(0)


def _launch(store: Inventory, given: str) -> Launch | None:
    if not given.startswith("l-"):
        return None
    return store.launches.get(given)


def _show_launch(store: Inventory, launch: Launch, form: str) -> None:
    from provisioner.cli.records import launch_record, node_record

    nodes = [node_record(node) for node in store.nodes.of_launch(launch.id, launch.role)]
    attempts = [
        {
            "attempt": attempt.number,
            "market": attempt.market.value,
            "wanted": attempt.wanted,
            "got": len(attempt.got),
            "answers": "; ".join(f"{pool} {code}" for pool, code, _ in attempt.answers),
        }
        for attempt in launch.attempts
    ]
    record = launch_record(launch)
    if form in {"json", "yaml"}:
        output.emit_record(form, {**record, "attempts": attempts, "nodes": nodes})
        return
    output.emit_record(form, record)
    if form == "table":
        click.echo()
        output.emit_rows(
            "table", attempts, output.columns("attempt", "market", "wanted", "got", "answers")
        )
        click.echo()
        output.emit_rows("table", nodes, _LISTED)


def _warn_of_dead_launches(store: Inventory) -> None:
    from provisioner.adapters.clock import SystemClock
    from provisioner.context import Spans

    now = SystemClock().now()
    for launch in store.launches.latest(20):
        silent = now - (launch.heartbeat or launch.opened_at)
        if launch.state == "open" and silent > Spans().dead:
            click.echo(
                f"launch {launch.id} ({launch.role}) was cut short: its command died "
                f"{silent.total_seconds():.0f} s ago; 'provisioner show {launch.id}' says what is "
                f"there, 'provisioner retire {launch.id}' ends all of it",
                err=True,
            )


def _check_environment(environment: str | None) -> None:
    import re

    if environment and not re.fullmatch(r"[a-z0-9_]+", environment):
        msg = f"environment {environment!r}: Puppet allows a-z, 0-9 and '_'"
        raise mistyped(msg)
