"""What commands fail with: an exit code, and one message that names the thing and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click

from provisioner.cli.texts import clean

DONE, FAILED, MISTYPED, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130
# As the shell sees a program that the signal has ended: 128 + SIGPIPE.
NOBODY_READS = 141


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


def tell(text: str) -> None:
    """The last words of a command, on stderr; a terminal that is gone must not change its end."""
    lines = "\n".join(clean(line) for line in text.splitlines())
    try:
        click.echo(f"provisioner: {lines}", err=True)
    except OSError:
        return


def explained(error: Exception) -> CommandError | None:
    """An expected failure as the command error that it is; None for a fault of ours."""
    from enc.certname import ImpossibleCertnameError
    from enc.inventory import StoreError
    from enc.model import IllegalTransitionError
    from provisioner.abandon import LaunchAliveError
    from provisioner.bootstrap import BootstrapError
    from provisioner.launch import WrongAccountError
    from provisioner.ports import CloudError
    from provisioner.rolesfile.problems import RolesFileError
    from provisioner.rolesfile.spec import StoredRoleError
    from provisioner.settings import SettingError

    match error:
        case CommandError():
            return error
        case RolesFileError():
            return mistyped(_of_file(str(error), len(error.problems), error.source))
        case ImpossibleCertnameError() | SettingError() | BootstrapError():
            return mistyped(str(error))
        case (
            StoreError()
            | StoredRoleError()
            | IllegalTransitionError()
            | LaunchAliveError()
            | WrongAccountError()
        ):
            return CommandError(str(error))
        case CloudError():
            return CommandError(advised(error))
    return None


def advised(error: Exception) -> str:
    """EC2's words, and what to do about them."""
    from provisioner.ports import CloudError

    said = str(error).rstrip(". ")
    if not isinstance(error, CloudError):
        return said
    advice = error.hint or ("it may pass by itself: try again in a minute" if error.passing else "")
    return f"{said}; {advice}" if advice else said


def _of_file(lines: str, count: int, source: str) -> str:
    if count == 1:
        return f"{lines}; nothing was changed"
    listed = "\n".join(f"  {line}" for line in lines.splitlines())
    return f"{source} has {count} mistakes, nothing was changed:\n{listed}"
