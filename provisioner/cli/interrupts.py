"""Ctrl-C: held back while EC2 and the store would otherwise disagree; the second one is obeyed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# A person at the keyboard, a system that shuts down, a terminal that is closed.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HELD = "stopping as soon as EC2 has answered, so that no machine is lost; Ctrl-C again stops now"


def ignore_all() -> None:
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


class Interrupts:
    """Turns the signals of STOPS into KeyboardInterrupt.

    Handlers are installed for the rest of the process and never given back: a command ends with
    its interrupts.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._depth = 0
        self._pending = False
        self._obeyed = False

    def install(self) -> None:
        """A signal that the caller has had ignored stays so: nohup, ``&`` in a script."""
        for number in STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Hold a signal back until the outermost block ends; a second one is obeyed at once.

        So is every one after that, in whatever block. A block that fails ends the command anyway:
        its error is told, not the signal.
        """
        self._depth += 1
        try:
            yield
        except BaseException:
            self._pending = self._pending and self._depth > 1
            raise
        finally:
            self._depth -= 1
        if self._pending and self._depth == 0:
            self._pending = False
            raise KeyboardInterrupt

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._depth and not self._pending and not self._obeyed:
            self._pending = True
            # Whatever was interrupted may itself have been printing: then nothing is said.
            with suppress(OSError, RuntimeError):
                self._say(HELD)
            return
        self._obeyed = self._obeyed or self._pending
        self._pending = False
        raise KeyboardInterrupt
