"""Ctrl-C: held back while EC2 and the store would otherwise disagree; the second one is obeyed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Handles SIGINT and SIGTERM alike: a stop asked for by a person or by a system."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._depth = 0
        self._pending = False

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if self._pending and self._depth == 0:
            self._pending = False
            raise KeyboardInterrupt

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._depth and not self._pending:
            self._pending = True
            self._say("stopping after this call to EC2, so that nothing is lost; again: stop now")
            return
        self._pending = False
        raise KeyboardInterrupt
