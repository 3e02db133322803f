"""What may be a moment old, where making it anew costs much."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")

_MOST = 1_000


class ShortCache(Generic[V]):
    """Values by name, each for so many seconds after it was kept, and not a moment longer."""

    def __init__(self, timer: Callable[[], float], seconds: float) -> None:
        self._timer, self._seconds = timer, seconds
        self._kept: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str) -> V | None:
        kept = self._kept.get(name)
        return kept[1] if kept and self._timer() < kept[0] else None

    def keep(self, name: str, value: V, *, asked: float) -> None:
        """``asked``: when the question was, by the same timer; what it was answered is as old."""
        with self._lock:
            self._kept[name] = (asked + self._seconds, value)
            self._kept.move_to_end(name)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)

    def now(self) -> float:
        return self._timer()
