"""What came of an action."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from enc.domain.model import Node
from enc.inventory import ConflictError, StoreError
from provisioner.domain.actions import Action, Drain, Write


class Result(StrEnum):
    """``LEFT``: a second look found that it need not, or may not, be done any more."""

    DONE = "done"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Done:
    """``said``: what a person is told besides the action's own reason."""

    action: Action
    result: Result = Result.DONE
    said: str = ""

    @property
    def line(self) -> str:
        act, told = self.action, f" ({self.said})" if self.said else ""
        if self.result is Result.DONE:
            return f"{act.verb} {act.target}: {act.reason}{told}"
        word = "not done" if self.result is Result.LEFT else "failed"
        return f"{word}: {act.verb} {act.target}: {self.said or act.reason}"


def left(action: Action, why: str) -> Done:
    return Done(action=action, result=Result.LEFT, said=why)


def failed(action: Action, error: BaseException | str) -> Done:
    hint = getattr(error, "hint", "")
    return Done(
        action=action, result=Result.FAILED, said=f"{error}; {hint}" if hint else str(error)
    )


def all_failed(actions: Iterable[Action], error: BaseException | str) -> list[Done]:
    return [failed(action, error) for action in actions]


def came(action: Write | Drain, now: Node | StoreError) -> Done:
    match now:
        case ConflictError():
            return left(action, "it was changed meanwhile; the next pass looks again")
        case StoreError():
            return failed(action, now)
    return Done(action=action)
