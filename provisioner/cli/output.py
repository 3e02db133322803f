"""How commands print results: a table for people, json, csv or yaml for programs; all on stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from provisioner.cli.csv_cells import csv_lines, csv_text
from provisioner.cli.errors import CommandError
from provisioner.cli.table import Column, lay_out, plainly
from provisioner.cli.texts import clean, readable

FORMATS = ("table", "json", "csv", "yaml")
# Records in one write.
_AT_ONCE = 500
_YAML_WIDTH = 100
# For programs a record has all its fields, and null for what is not known.
FOR_PROGRAMS = frozenset({"json", "yaml"})

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How to print it: json, csv and yaml have every field.",
)

_COLOURS = {
    "ready": "green",
    "running": "cyan",
    "pending": "yellow",
    "draining": "yellow",
    "retiring": "yellow",
    "failed": "red",
    "lost": "red",
    # A report's: such a run proves nothing.
    "cached": "yellow",
    "noop": "yellow",
    # The doctor's.
    "ok": "green",
    "warning": "yellow",
    "broken": "red",
}


@dataclass(frozen=True)
class Listing:
    """A kind of list. ``fields`` are the columns of csv; ``empty`` tells people what to do then."""

    shown: tuple[Column, ...]
    fields: tuple[str, ...]
    empty: str = ""


def emit_rows(form: str, records: Iterable[Mapping[str, Any]], listing: Listing) -> None:
    """Print a list of records; where there is none, ``empty`` goes to stderr.

    For programs, an iterator is printed as it comes: memory does not grow with a million of them.
    """
    match form:
        case "csv":
            _write_all(csv_lines(records, listing.fields))
        case "json":
            _write_all(_json_lines(records))
        case "yaml":
            _write_all(_yaml_lines(records))
        case _ if rows := list(records):
            write(_table(rows, listing.shown))
        case _ if listing.empty:
            say(listing.empty, err=True)


def emit_record(form: str, record: Mapping[str, Any]) -> None:
    """Print one record: for people, the fields that hold something, one below the other."""
    if form == "csv":
        write(csv_text([record], list(record)))
    elif form in FOR_PROGRAMS:
        emit_value(form, record)
    else:
        width = max(len(key) for key in record) + 2
        known = {key: readable(value) for key, value in record.items()}
        write("".join(f"{key:<{width}}{text}\n" for key, text in known.items() if text))


def emit_value(form: str, value: Any) -> None:
    write(_json(value) if form == "json" else _yaml(value))


def say(text: str, *, err: bool = False) -> None:
    """One line of words; whatever others wrote of it is shown and not obeyed."""
    click.echo(clean(text), err=err)


def write(text: str) -> None:
    """To stdout, as it is: what others wrote must have been cleaned.

    Raises BrokenPipeError when nobody reads it; CommandError for a full disk.
    """
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_stdout()
        raise CommandError(f"the result could not be written: {error.strerror}") from error


def _write_all(texts: Iterable[str]) -> None:
    """Many at a time: each write is flushed."""
    rest = iter(texts)
    while text := "".join(islice(rest, _AT_ONCE)):
        write(text)


def on_terminal(stream: Any) -> bool:
    """Whether a person looks on. A stream that the caller has closed is None."""
    return stream is not None and stream.isatty()


def give_up_stdout() -> None:
    """Nothing more goes there; Python flushes it at its end, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json(value: Any) -> str:
    """What is not printable stands only inside of strings, where JSON has an escape for it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f"{text}\n"


def _yaml(value: Any) -> str:
    from enc.outputs.yamltext import dump

    text = dump(value, width=_YAML_WIDTH)
    if text.replace("\n", "").isprintable():
        return text
    return dump(value, as_it_is=False, width=_YAML_WIDTH)


def _json_lines(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The text of one list, an item at a time."""
    before = "[\n"
    for record in records:
        # No text in it has a line end of its own.
        yield before + "  " + _json(record).rstrip().replace("\n", "\n  ")
        before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"


def _yaml_lines(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    empty = True
    for record in records:
        empty = False
        yield _yaml([record])
    if empty:
        yield _yaml([])


def _table(rows: Sequence[Mapping[str, Any]], shown: Sequence[Column]) -> str:
    if not on_terminal(sys.stdout):
        return "\n".join(lay_out(rows, shown).lines) + "\n"
    width = shutil.get_terminal_size().columns
    table = lay_out(rows, shown, width=width, paint=_paint if _colourful() else plainly)
    lines = [*table.lines]
    if table.hidden:
        lines.append(f"(no room for {', '.join(table.hidden)}: --format json has all)")
    return "\n".join(lines) + "\n"


def _colourful() -> bool:
    """Whether the terminal's owner wants it: https://no-color.org says how to refuse."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _paint(key: str, value: str, text: str) -> str:
    if not key:
        return click.style(text, bold=True)
    colour = _COLOURS.get(value) if key in ("state", "report", "status", "verdict") else None
    return click.style(text, fg=colour) if colour else text
