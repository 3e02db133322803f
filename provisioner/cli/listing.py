"""ls and show: what there is. Nothing here changes anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import left_out
from provisioner.cli.finding import find_ended, find_launch, find_node, known_node, known_role
from provisioner.cli.session import inventory, now
from provisioner.cli.table import columns
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.model import Launch, Node
    from enc.domain.reports import Report
    from enc.inventory import Inventory, Query

_STATES = ("pending", "running", "ready", "draining", "failed", "lost", "retiring")
_KINDS = ("fleet", "extra", "burst", "foreign")
_LISTED = columns(
    *("certname", "role", "state", "age", "[private_ip]", "[report]", "[reported]"),
    *("[market]", "[instance_type]", "[zone]", "[kind]", "[private_dns]"),
)
# Shown while some node is at its end.
_NEXT = columns("[retire_step]")
_LIFE = columns("at", "who", "what", "why")
_ATTEMPTS = columns("attempt", "market", "wanted", "got", "answers")
_EVENTS_SHOWN = 10


@click.command(
    short_help="List nodes.",
    epilog=examples(
        "provisioner ls --role web --state running",
        "provisioner ls -q 10.20.0.        # by the beginning of a name or address",
        "provisioner ls --format csv | cut -d, -f1",
    ),
)
@click.option("--role", help="Only nodes of this role.")
@click.option("--state", type=click.Choice(_STATES), help="Only nodes in this state.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only nodes of this kind.")
@click.option("--market", type=click.Choice(["spot", "on-demand"]), help="Only of this market.")
@click.option(
    "-q", "prefix", help="Only nodes whose certname, DNS name or address begins with this."
)
@output.format_option
def ls(
    *,
    role: str | None,
    state: str | None,
    kind: str | None,
    market: str | None,
    prefix: str | None,
    form: str,
) -> None:
    """List nodes, oldest first.

    One whose record is damaged is named at the end, and the exit code is 3.
    """
    from enc.domain.timeouts import Timeouts
    from provisioner.cli.launches import cut_short
    from provisioner.cli.records import NODE_FIELDS, listed_record, node_record

    store, today = inventory(), now()
    if role is not None:
        known_role(store, role)
    asked = (role, state, kind, market, prefix)
    found = store.queries.everything(_query(*asked))
    as_row = partial(listed_record, now=today) if form == "table" else node_record
    rows = [as_row(node) for node in found.nodes.values()]
    empty = "" if rows or found.spoilt else _empty(store, narrowed=any(asked))
    listed = (*_LISTED, *_NEXT) if any(row["retire_step"] for row in rows) else _LISTED
    output.emit_rows(form, rows, output.Listing(listed, NODE_FIELDS, empty))
    for warning in cut_short(store, today, Timeouts().dead):
        output.say(warning, err=True)
    if found.spoilt:
        raise left_out(found.spoilt.values(), some_shown=bool(rows))


def _query(
    role: str | None, state: str | None, kind: str | None, market: str | None, prefix: str | None
) -> Query:
    from enc.domain.model import Kind, Market, State
    from enc.inventory import Query
    from enc.inventory.query import fold

    return Query(
        role=role,
        state=State(state) if state else None,
        kind=Kind(kind) if kind else None,
        market=Market(market) if market else None,
        q=fold(prefix) if prefix else None,
    )


def _empty(store: Inventory, *, narrowed: bool) -> str:
    if narrowed:
        return "no node matches; 'provisioner ls' lists all"
    if store.roles.names():
        return (
            "no nodes yet: 'provisioner launch ROLE' makes some; 'provisioner roles ls' has roles"
        )
    return "no nodes and no roles yet: 'provisioner roles apply FILE' comes first"


@click.command(
    short_help="Show one node, alive or archived, or one launch.",
    epilog=examples(
        "provisioner show i-0123456789abcdef0",
        "provisioner show ip-10-20-0-4.ec2.internal",
        "provisioner show vpc-0123456789abcdef0:10.20.0.4",
        "provisioner show l-0123456789abcdef",
    ),
)
@click.argument("node")
@output.format_option
def show(node: str, *, form: str) -> None:
    """Show NODE by certname, DNS name or VPC:IP, alive or archived; or a launch by its id (l-...).

    With Puppet's last runs and the last events; 'provisioner history NODE' has all events.
    """
    from provisioner.cli.records import archived_record, node_record

    store = inventory()
    if launch := find_launch(store, node):
        _show_launch(store, launch, form)
        return
    found = find_node(store, node)
    if found is None and (ended := find_ended(store, node)):
        record, certname = archived_record(ended), node
    else:
        certname = (found := found or known_node(store, node)).certname
        record = node_record(found)
    _show_with_past(form, record, store.reports.runs(certname), store.events.life(certname))


def _show_with_past(
    form: str,
    record: Mapping[str, Any],
    runs: Sequence[Report],
    life: Sequence[Mapping[str, str]],
) -> None:
    from enc.inventory.runs import run_record
    from provisioner.cli.records import EVENT_FIELDS, event_record
    from provisioner.cli.runs import show_runs

    events = [event_record(event) for event in life]
    if form in output.FOR_PROGRAMS:
        output.emit_value(form, {**record, "runs": list(map(run_record, runs)), "life": events})
        return
    output.emit_record(form, record)
    if form == "table":
        show_runs(runs)
        _paragraph(events[-_EVENTS_SHOWN:], output.Listing(_LIFE, EVENT_FIELDS))


def _show_launch(store: Inventory, launch: Launch, form: str) -> None:
    from enc.domain.timeouts import Timeouts
    from provisioner.cli.launches import standing
    from provisioner.cli.records import attempt_record, launch_record, node_record

    nodes = store.nodes.of_launch(launch.id, launch.role)
    attempts = [attempt_record(attempt) for attempt in launch.attempts]
    record = launch_record(launch) | {"note": standing(launch, now(), Timeouts().dead) or None}
    if form in output.FOR_PROGRAMS:
        every = [node_record(node) for node in nodes]
        output.emit_value(form, {**record, "attempts": attempts, "nodes": every})
        return
    output.emit_record(form, record)
    if form == "table":
        _paragraph([_in_short(one) for one in attempts], output.Listing(_ATTEMPTS, ()))
        _show_machines(launch, nodes)


def _show_machines(launch: Launch, nodes: Sequence[Node]) -> None:
    from provisioner.cli.records import NODE_FIELDS, listed_record

    today = now()
    rows = [listed_record(node, today) for node in nodes]
    _paragraph(rows, output.Listing(_LISTED, NODE_FIELDS))
    if not nodes and launch.got:
        gone = f"none of its {launch.got} is left in its role: 'provisioner history' lists them"
        output.say(gone, err=True)


def _in_short(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """For a table: how many came, and EC2's words with how many pools said so."""
    codes = Counter(one["code"] for one in attempt["answers"])
    answers = ", ".join(f"{code} ({count} pools)" for code, count in codes.items())
    answers = answers.replace("(1 pools)", "(1 pool)")
    return {**attempt, "got": len(attempt["got"]), "answers": answers}


def _paragraph(rows: Sequence[Mapping[str, Any]], listing: output.Listing) -> None:
    if rows:
        output.write("\n")
        output.emit_rows("table", rows, listing)
