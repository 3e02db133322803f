"""Puppet's last runs on a node, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from provisioner.cli import output
from provisioner.cli.table import columns
from provisioner.cli.texts import clean

if TYPE_CHECKING:
    from enc.domain.reports import Report

_RUNS = columns("run", "status", "seconds", "resources", "changed", "failed")
_RUNS_SHOWN = 5


def show_runs(runs: Sequence[Report]) -> None:
    """The last ones, oldest first, and what the very last complained of."""
    if not runs:
        return
    output.write("\n")
    output.emit_rows("table", [_row(run) for run in runs[-_RUNS_SHOWN:]], output.Listing(_RUNS, ()))
    output.write("".join(f"last run: {clean(error)}\n" for error in runs[-1].errors))


def _row(run: Report) -> dict[str, Any]:
    from enc.inventory.codec import iso

    total, counts = run.seconds["total"], run.resources
    return {
        "run": iso(run.time),
        "status": run.standing.value,
        "seconds": "" if total is None else f"{total:.1f}",
        "resources": counts["total"],
        "changed": counts["changed"],
        "failed": run.failures,
    }
