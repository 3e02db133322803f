"""The newest of a list of the store, as many as a page counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

CHUNK = 1000
# Each looks at as much as one page of a list may, whatever fits.
_READS = 8


class Latest(Generic[T]):
    """``seen`` were given out so far, ``last`` at last; ``is_cut``: there are more, or may be."""

    def __init__(
        self, read: Callable[[str | None], tuple[Sequence[T], str | None]], most: int
    ) -> None:
        self._read, self._most = read, most
        self.seen = 0
        self.last: T | None = None
        self.is_cut = False

    def every(self) -> Iterator[T]:
        """No more than ``most``, in the list's order, read as they are asked for."""
        cursor = None
        for _ in range(_READS):
            found, cursor = self._read(cursor)
            for one in found:
                if self.seen == self._most:
                    self.is_cut = True
                    return
                self.seen, self.last = self.seen + 1, one
                yield one
            if cursor is None:
                return
        self.is_cut = True
