"""When Python looks for garbage that refers to itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def looked_for_later() -> Iterator[None]:
    """Not in here, where very many values are made and all of them stay.

    To go through them again and again took a quarter of a pass over 100,000 nodes.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
