"""What the in-memory EC2 has to give in each pool, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from enc.model import Market
from provisioner.ports import Pool, PoolRefusal, Trouble


@dataclass
class Capacity:
    """Machines left, by pattern of ``market:type:zone`` (``spot:*:*``).

    A machine takes one from every pattern that its pool matches; a pool that matches none is
    endless (the simulated region of tests/region counts alike). What is set for later replaces
    what is left at its time; None is endless again.
    """

    left: dict[str, int] = field(default_factory=dict)
    later: list[tuple[datetime, str, int | None]] = field(default_factory=list)
    refusals: dict[str, tuple[Trouble, str]] = field(default_factory=dict)
    spot_price: dict[str, float] = field(default_factory=dict)  # type -> $; 0 where none is set

    def plan(self, at: datetime, pattern: str, number: int | None) -> None:
        self.later.append((at, pattern, number))
        self.later.sort(key=lambda change: change[0])

    def take(self, pool: Pool, wanted: int, now: datetime, max_price: str | None) -> int:
        """How many of those wanted the pool gives."""
        self._come(now)
        if self._said(pool) or self._too_dear(pool, max_price):
            return 0
        matching = [pattern for pattern in self.left if _matches(pattern, pool)]
        given = min([wanted, *(self.left[pattern] for pattern in matching)])
        for pattern in matching:
            self.left[pattern] -= given
        return given

    def refusal(self, pool: Pool, subnet: str, max_price: str | None) -> PoolRefusal:
        """What a pool says that gave too few."""
        spot = pool.market is Market.SPOT
        dry = "UnfulfillableCapacity" if spot else "InsufficientInstanceCapacity"
        plain = (Trouble.CAPACITY, dry)
        if self._too_dear(pool, max_price):
            plain = (Trouble.PRICE, "SpotMaxPriceTooLow")
        trouble, code = self._said(pool) or plain
        return PoolRefusal(
            trouble=trouble,
            code=code,
            message=f"{pool} has nothing to give",
            market=pool.market,
            instance_type=pool.instance_type,
            subnet=subnet,
        )

    def _too_dear(self, pool: Pool, max_price: str | None) -> bool:
        price = self.spot_price.get(pool.instance_type, 0.0)
        return pool.market is Market.SPOT and max_price is not None and float(max_price) < price

    def _said(self, pool: Pool) -> tuple[Trouble, str] | None:
        said = (answer for pattern, answer in self.refusals.items() if _matches(pattern, pool))
        return next(said, None)

    def _come(self, now: datetime) -> None:
        while self.later and self.later[0][0] <= now:
            _, pattern, number = self.later.pop(0)
            self.left.pop(pattern, None)
            if number is not None:
                self.left[pattern] = number


def _matches(pattern: str, pool: Pool) -> bool:
    return fnmatchcase(str(pool), pattern)
