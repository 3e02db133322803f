"""What commands fail with: an exit code, and one message that names the thing and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import click

from provisioner.cli.exit_codes import (
    FAILED,
    FAILED_KINDS,
    MISTYPED,
    MISTYPED_KINDS,
    PARTLY,
    ROLES_FILE,
)
from provisioner.cli.texts import clean

# Of many damaged records.
_NAMED = 20


class CommandError(Exception):
    """Ends a command. ``code`` is its exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        self.code = code
        super().__init__(message)


def mistyped(message: str) -> CommandError:
    return CommandError(message, MISTYPED)


def unknown(what: str, given: str, known: Iterable[str], *, otherwise: str) -> CommandError:
    """``otherwise`` says what to do where nothing of that name is near."""
    near = difflib.get_close_matches(given, list(known), n=1)
    tail = f"did you mean {near[0]}?" if near else otherwise
    return mistyped(f"there is no {what} {given!r}; {tail}")


def left_out(why: Iterable[Exception], *, some_shown: bool) -> CommandError:
    """The end of a list that lacks what is damaged: why, of each of the first."""
    every = [str(one) for one in why]
    lines = [f"  {one}" for one in every[:_NAMED]]
    if more := len(every) - len(lines):
        lines.append(f"  and {more} more")
    told = "\n".join([f"{len(every)} records are damaged, and not shown:", *lines])
    if len(every) == 1:
        told = f"a record is damaged, and not shown: {every[0]}"
    return CommandError(told, PARTLY if some_shown else FAILED)


def tell(text: str) -> None:
    """The last words of a command, on stderr; a terminal that is gone must not change its end."""
    lines = "\n".join(clean(line) for line in text.split("\n"))
    try:
        click.echo(f"provisioner: {lines}", err=True)
    except OSError:
        return


def explained(error: Exception) -> CommandError | None:
    """An expected failure as the command error that it is; None for a fault of ours."""
    if isinstance(error, CommandError):
        return error
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if ROLES_FILE in names:
        return mistyped(_of_file(error))
    if names & MISTYPED_KINDS:
        return mistyped(str(error))
    return CommandError(advised(error)) if names & FAILED_KINDS else None


def advised(error: Exception) -> str:
    """What went wrong; where EC2 or Puppet said no, with what to do about it."""
    said = str(error).rstrip(". ")
    advice = getattr(error, "hint", "")
    if not advice and getattr(error, "passing", False):
        advice = "it may pass by itself: try again in a minute"
    return f"{said}; {advice}" if advice else said


def _of_file(error: Any) -> str:
    """A RolesFileError: one mistake in a line, several below each other."""
    if len(error.problems) == 1:
        return f"{error}; nothing was changed"
    listed = "\n".join(f"  {line}" for line in str(error).splitlines())
    return f"{error.source} has {len(error.problems)} mistakes, nothing was changed:\n{listed}"
