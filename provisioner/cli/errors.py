"""What commands fail with: an exit code, and one message that names the thing and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

DONE, FAILED, MISTYPED, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130


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
        case ImpossibleCertnameError() | SettingError() | RolesFileError() | BootstrapError():
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
            return CommandError(f"{error}. {error.hint}" if error.hint else str(error))
    return None
