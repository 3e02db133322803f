"""The plan of an import as rows of a list."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from provisioner.cli.output import FOR_PROGRAMS, Listing
from provisioner.cli.table import columns

if TYPE_CHECKING:
    from provisioner.importing.plan import Entry, Plan
    from provisioner.ports.ec2 import Instance

LISTING = Listing(
    columns("name", "verdict", "role", "[ec2]", "reason"),
    ("name", "verdict", "role", "role_is_new", "lines", "ec2", "reason", "notes"),
)


def rows(made: Plan, form: str, unknown: Collection[str]) -> Iterator[dict[str, Any]]:
    """``unknown`` are classes that no module has."""
    return (_row(entry, form, unknown) for entry in made.entries)


def _row(entry: Entry, form: str, unknown: Collection[str]) -> dict[str, Any]:
    lines, machines = list(entry.lines), [_machine(one) for one in entry.machines]
    notes = [str(note) for note in entry.notes]
    if form not in FOR_PROGRAMS:
        return {
            **_base(entry),
            "name": entry.name or "''",
            "lines": " ".join(map(str, lines)),
            "ec2": ", ".join(machines),
            "notes": "; ".join(notes),
        }
    content = entry.content
    missing = [name for name in content.classes if name in unknown] if content else []
    return {
        **_base(entry),
        "lines": lines,
        "ec2": machines,
        "notes": notes,
        "classes": dict(content.classes) if content else None,
        "parameters": dict(content.parameters) if content else None,
        "unknown_classes": missing,
    }


def _base(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "verdict": entry.verdict.value,
        "role": entry.role or None,
        "role_is_new": entry.role_is_new,
        "reason": entry.reason,
    }


def _machine(one: Instance) -> str:
    return f"{one.id} ({one.state}, {one.region})"
