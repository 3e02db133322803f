"""Where an export goes: a file in another program's folder, and that program's commands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class ExportError(Exception):
    """The file is not written, or who reads it was not told; the message says what to do."""


class ExportFile(Protocol):
    """A file in a folder of somebody else's program. All raise ExportError."""

    @property
    def name(self) -> str: ...
    def locked(self) -> AbstractContextManager[None]: ...
    def current(self) -> bytes | None: ...
    def staged(self, data: bytes) -> AbstractContextManager[str]: ...
    def put(self, data: bytes) -> None: ...
    def loaded(self) -> str: ...
    def note_loaded(self, what: str) -> None: ...
    def forget_loaded(self) -> None: ...
    def stood(self) -> tuple[datetime, datetime] | None: ...


@dataclass(frozen=True)
class Ran:
    """How a command ended; ``code`` None: it did not within its time. ``said``: out and err."""

    code: int | None
    said: str


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What a site lets us run; "" is nothing. ``run`` never raises for how it ends.

    ``cut`` ends what runs just now, from whatever thread.
    """

    run: Callable[[str, timedelta], Ran]
    cut: Callable[[], None]
    quoted: Callable[[str], str]
    reload: str = ""
    verify: str = ""
    deadline: timedelta = timedelta(seconds=60)
