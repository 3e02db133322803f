"""The heartbeat of a launch: proof for everybody else that its command is alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from enc.inventory import StoreError

log = logging.getLogger(__name__)


class Heart:
    """Calls ``beat`` every ``seconds`` from a thread, as long as the ``with`` block lasts.

    A thread, because a single EC2 call may take longer than a dead launch is silent.
    """

    def __init__(self, beat: Callable[[], None], seconds: float) -> None:
        self._beat, self._seconds = beat, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._beat()
            except StoreError as error:
                # The next beat tells whether it passed; the launch itself meets Redis anyway.
                log.warning("heartbeat missed", extra={"why": str(error)})
