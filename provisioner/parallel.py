"""Several calls at a time, and never more than the context allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from provisioner.context import Context

A = TypeVar("A")
B = TypeVar("B")


def at_once(context: Context, act: Callable[[A], B], over: Sequence[A]) -> list[B]:
    """``act`` on each; the answers in the order of ``over``. The first error is raised."""
    if context.at_once <= 1 or len(over) <= 1:
        return [act(one) for one in over]
    with ThreadPoolExecutor(max_workers=context.at_once) as pool:
        return list(pool.map(act, over))
