"""The lease of converge: several hosts may run it, and one acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.errors import (
    CorruptError,
    LeaseHeldError,
    LeaseLostError,
    StoreError,
    StoreLostError,
    translated,
)
from enc.inventory.scripts import Script


@dataclass(frozen=True)
class Lease:
    """``value`` is ``<epoch> <token> <holder>``; what is written under it is fenced by it."""

    value: str

    @property
    def epoch(self) -> int:
        return int(self.value.partition(" ")[0])

    @property
    def holder(self) -> str:
        return self.value.split(" ", 2)[-1]


class Leases:
    """Raises StoreError's kinds. Redis, and no clock of ours, says when a lease is over."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = Script(redis, "lease.lua")

    def take(self, holder: str, token: str, span: timedelta) -> Lease:
        """Safe to repeat with the same token. Raises LeaseHeldError, which names the holder."""
        match self._run("take", f"{token} {holder}", _milliseconds(span)):
            case ["ok", str(value)]:
                return Lease(value)
            case ["held", str(value), int(left)]:
                raise LeaseHeldError(Lease(value).holder, max(left, 0) / 1000)
            case other:
                raise StoreError(f"lease.lua answered {other!r}; is another version there?")

    def renew(self, lease: Lease, span: timedelta) -> None:
        """Raises LeaseLostError where it is over, or somebody else's."""
        self._run("renew", lease.value, _milliseconds(span))

    def give_back(self, lease: Lease) -> None:
        """Raises LeaseLostError where it was over."""
        self._run("give", lease.value)

    def current(self) -> Lease | None:
        with translated(keys.LEASE):
            value: Any = self._redis.get(keys.LEASE)
        return Lease(value) if value else None

    def _run(self, *arguments: str) -> Any:
        match self._script.run([], *arguments):
            case ["fenced"]:
                raise LeaseLostError
            case ["lost"]:
                raise StoreLostError
            case ["wrong", str(key)]:
                raise CorruptError(key, "has a value of the wrong type")
            case answer:
                return answer


def _milliseconds(span: timedelta) -> str:
    return str(max(int(span.total_seconds() * 1000), 1))
