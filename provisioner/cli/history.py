"""history: every machine that ever was, what happened to one, and what became of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from enc.domain.retention import KEPT
from provisioner.cli import output
from provisioner.cli.durations import DurationType
from provisioner.cli.errors import left_out, mistyped
from provisioner.cli.finding import find_launch, find_node, known_node
from provisioner.cli.session import inventory, now
from provisioner.cli.table import columns
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.model import ArchivedNode, Launch, Node
    from enc.domain.summary import Figures, Summary
    from enc.inventory import Inventory, StoreError

# As long as the archive keeps what has ended.
_LONGEST = f"{KEPT.days}d"
_SHOWN = 50
_PAGE = 500
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED = columns(
    *("certname", "role", "ended_at", "hours", "[market]", "[pool]", "[kind]", "[launched_at]"),
    "reason",
)
_LIFE = columns("at", "who", "what", "why")
_SUMMARY = columns(
    *("role", "machines", "spot", "hours", "spot_hours", "interruptions"),
    *("fallbacks", "[spot_launches]", "ready_median", "ready_p95", "[living]"),
)
ALL_ROLES = "*"


@click.command(
    short_help="Show machines that ended, or the events of one.",
    epilog=examples(
        "provisioner history                               # those that ended last",
        "provisioner history i-0123456789abcdef0           # what happened to one",
        "provisioner history --since 30d --living --format csv >machines.csv",
        "provisioner history --since 30d --summary",
    ),
)
@click.argument("node", required=False)
@click.option(
    *("-n", "--count"),
    type=click.IntRange(1, 10_000),
    help=f"How many to show.  [default: {_SHOWN}, with --since all]",
)
@click.option(
    "--since", type=DurationType(_LONGEST), help="Only the last part of the record, as in 30d."
)
@click.option("--role", help="Only machines of this role, also of one that is gone.")
@click.option("--living", is_flag=True, help="List living machines, too, after those that ended.")
@click.option("--summary", is_flag=True, help="Figures by role (and * for all) in place of a list.")
@output.format_option
def history(
    *,
    node: str | None,
    count: int | None,
    since: timedelta | None,
    role: str | None,
    living: bool,
    summary: bool,
    form: str,
) -> None:
    """Show what happened to NODE, alive or gone; without NODE, machines that ended, latest first.

    What has ended is kept for 400 days. A damaged record is named at the end, and the exit code is
    3.

    --summary counts every machine that lived within --since, and only its hours within it: spot's
    share, launches that asked spot first and got on-demand machines (fallbacks), spot machines that
    EC2 took back (interruptions), and how long machines took from launch to ready.
    """
    if node is not None and (role is not None or living or summary):
        raise mistyped("--role, --living and --summary are for all machines: leave out NODE")
    if summary and count is not None:
        raise mistyped("--summary counts every machine: leave out -n, and give --since")
    store, today = inventory(), now()
    begin = today - since if since is not None else None
    if node is not None:
        _show_life(store, node, form, begin, count or (_SHOWN if begin is None else None))
        return
    past = Past(store, begin, role)
    if summary:
        _show_summary(form, summarized(past, today))
    else:
        _show_machines(form, past, count or (_SHOWN if begin is None else None), living=living)
    if past.spoilt:
        raise left_out(past.spoilt, some_shown=True)


def _show_life(
    store: Inventory, node: str, form: str, begin: datetime | None, count: int | None
) -> None:
    from enc.inventory.codec import iso
    from provisioner.cli.records import EVENT_FIELDS, event_record

    if find_launch(store, node):
        raise mistyped(f"{node} is a launch: 'provisioner show {node}' has its attempts and nodes")
    found = find_node(store, node)
    life = store.events.life(found.certname if found else node)
    if not life:
        # One that is there has a life; of one that is not, this says so.
        known_node(store, node)
    since = [one for one in life if begin is None or one.get("at", "") >= iso(begin)]
    events = [event_record(event) for event in (since[-count:] if count else since)]
    output.emit_rows(form, events, output.Listing(_LIFE, EVENT_FIELDS))


@dataclass(frozen=True)
class Past:
    """The machines of a role, or of all, since a time, or ever.

    ``spoilt`` grows with what is read: why each damaged record was passed over.
    """

    store: Inventory
    begin: datetime | None
    role: str | None
    spoilt: list[StoreError] = field(default_factory=list)

    def ended(self, most: int | None = None) -> Iterator[ArchivedNode]:
        """Latest first."""
        found = self.store.nodes.archived_since(self.begin or _EVER, spoilt=self.spoilt.append)
        return islice((one for one in found if self.role in (None, one.node.role)), most)

    def machines(self, most: int | None = None) -> Iterator[Node | ArchivedNode]:
        """The ended, and then those that live.

        Who lives is read first: so one that ends meanwhile is there, and as one that has ended.
        """
        from enc.inventory import Query

        found = self.store.queries.everything(Query(role=self.role))
        self.spoilt.extend(found.spoilt.values())
        for one in self.ended(most):
            found.nodes.pop(one.node.certname, None)
            yield one
        yield from found.nodes.values()

    def launches(self) -> Iterator[Launch]:
        """Latest first: those before ``begin`` are not read."""
        cursor = None
        while True:
            page = self.store.launches.page(
                _PAGE, cursor, role=self.role, since=self.begin, spoilt=self.spoilt.append
            )
            yield from page.launches
            cursor = page.cursor
            if cursor is None:
                return


def _show_machines(form: str, past: Past, most: int | None, *, living: bool) -> None:
    from provisioner.cli.records import MACHINE_FIELDS, machine_record

    today = now()
    found = past.machines(most) if living else past.ended(most)
    rows: Iterable[Mapping[str, Any]] = (machine_record(one, today) for one in found)
    if form == "table":
        rows = list(rows)
    of = f" of role {past.role}" if past.role else ""
    when = "yet" if past.begin is None else "in that time"
    empty = "" if past.spoilt else f"no machine{of} has ended {when}"
    output.emit_rows(form, rows, output.Listing(_ENDED, MACHINE_FIELDS, empty))


def summarized(past: Past, today: datetime) -> Summary:
    from enc.domain.summary import summarize

    return summarize(past.machines(), past.launches(), now=today, since=past.begin)


def _show_summary(form: str, found: Summary) -> None:
    rows = [summary_record(ALL_ROLES, found.total)]
    rows += [summary_record(name, figures) for name, figures in found.roles.items()]
    if form != "table":
        output.emit_rows(form, rows, output.Listing((), tuple(rows[0])))
        return
    readable = [_for_people(row) for row in rows]
    output.emit_rows(form, readable, output.Listing(_SUMMARY, ()))


def summary_record(role: str, figures: Figures) -> dict[str, Any]:
    from enc.domain.summary import figures_shape

    return {"role": role, **figures_shape(figures)}


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "spot": _percent(row["spot_share"]),
        "spot_hours": _percent(row["spot_hours_share"]),
        "ready_median": _span(row["ready_median_s"]),
        "ready_p95": _span(row["ready_p95_s"]),
    }


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share * 100:.1f}%"


def _span(seconds: int | None) -> str | None:
    """Without a blank, so that a line of a table stays one word a column."""
    from enc.domain.durations import for_people

    return None if seconds is None else for_people(timedelta(seconds=seconds)).replace(" ", "")
