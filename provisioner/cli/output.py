"""How commands print: a table for people, json, csv or yaml for programs.

On a terminal a table has colour and fits the width; through a pipe it is plain, one line a row.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

FORMATS = ("table", "json", "csv", "yaml")

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How to print it.",
)


@dataclass(frozen=True)
class Column:
    """``key`` is the field of the record, ``title`` what stands above it."""

    key: str
    title: str


def columns(*keys: str) -> tuple[Column, ...]:
    return tuple(Column(key, key.replace("_", " ").upper()) for key in keys)


def emit_rows(
    form: str, records: Iterable[Mapping[str, Any]], shown: Sequence[Column], *, empty: str = ""
) -> None:
    """Print a list of records. ``empty`` tells people, on stderr, what to do when there is none."""
    rows = list(records)
    if not rows and empty and form == "table":
        click.echo(empty, err=True)
        return
    match form:
        case "json":
            click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        case "yaml":
            click.echo(_yaml(rows), nl=False)
        case "csv":
            _csv(rows, shown)
        case _:
            _table(rows, shown)


def emit_record(form: str, record: Mapping[str, Any]) -> None:
    """Print one record: its fields one below the other."""
    match form:
        case "json":
            click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        case "yaml":
            click.echo(_yaml(record), nl=False)
        case "csv":
            _csv([record], [Column(key, key) for key in record])
        case _:
            width = max(len(key) for key in record) + 2
            for key, value in record.items():
                click.echo(f"{key:<{width}}{clean(value)}")


def clean(value: Any) -> str:
    """A value as one line of text that a terminal shows and does not obey."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _yaml(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text


def _csv(rows: Sequence[Mapping[str, Any]], shown: Sequence[Column]) -> None:
    import csv

    writer = csv.writer(sys.stdout)
    writer.writerow([column.key for column in shown])
    writer.writerows([_cell(row.get(column.key)) for column in shown] for row in rows)


def _cell(value: Any) -> str:
    """Spreadsheets run what begins like a formula; an apostrophe makes it text."""
    text = clean(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _table(rows: Sequence[Mapping[str, Any]], shown: Sequence[Column]) -> None:
    cells = [[clean(row.get(column.key)) for column in shown] for row in rows]
    if sys.stdout.isatty():
        _rich_table(cells, shown)
    else:
        _plain_table(cells, shown)


def _plain_table(cells: Sequence[Sequence[str]], shown: Sequence[Column]) -> None:
    titles = [column.title for column in shown]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    lines = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [titles, *cells]
    )
    click.echo("\n".join(lines))


def _rich_table(cells: Sequence[Sequence[str]], shown: Sequence[Column]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in shown:
        table.add_column(column.title, overflow="fold")
    for row in cells:
        # Text, not markup: names are other people's, and brackets would be obeyed.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
