"""What the in-memory EC2 has to give in each pool, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from enc.domain.model import Market
from provisioner.ports.ec2 import Pool, PoolRefusal, TypeOffer
from provisioner.ports.errors import Trouble

ARCHITECTURE = "x86_64"  # of every image


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
    arm: frozenset[str] = frozenset({"c6g.large"})  # run arm64 images; all others x86_64 ones
    withdrawn: set[tuple[str, str]] = field(default_factory=set)  # (type, zone) not offered
    deadly: dict[str, str] = field(default_factory=dict)  # pattern -> why a machine dies at launch
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
        return _refused(pool, subnet, *(self._said(pool) or plain))

    def kills(self, pool: Pool) -> str:
        """Why a new machine of the pool dies at once; "" for one that lives."""
        return next((why for pattern, why in self.deadly.items() if _matches(pattern, pool)), "")

    def offers(self, kinds: Iterable[str], zones: Iterable[str]) -> dict[str, TypeOffer]:
        there = {kind: self._zones(kind, zones) for kind in kinds}
        return {
            kind: TypeOffer(architectures=(self._runs(kind),), zones=found)
            for kind, found in there.items()
            if found
        }

    def unfit(self, pool: Pool, subnet: str) -> PoolRefusal | None:
        """EC2's refusal of a type that does not run the image, or that the zone has not."""
        if self._runs(pool.instance_type) != ARCHITECTURE:
            said = (Trouble.MALFORMED, "InvalidParameterValue")
        elif not self._zones(pool.instance_type, [pool.zone]):
            said = (Trouble.UNSUPPORTED, "Unsupported")
        else:
            return None
        return _refused(pool, subnet, *said)

    def _runs(self, kind: str) -> str:
        return "arm64" if kind in self.arm else ARCHITECTURE

    def _zones(self, kind: str, zones: Iterable[str]) -> frozenset[str]:
        return frozenset(zone for zone in zones if (kind, zone) not in self.withdrawn)

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


def _refused(pool: Pool, subnet: str, trouble: Trouble, code: str) -> PoolRefusal:
    return PoolRefusal(
        trouble=trouble,
        code=code,
        message=f"{pool} has nothing to give",
        market=pool.market,
        instance_type=pool.instance_type,
        subnet=subnet,
    )


def _matches(pattern: str, pool: Pool) -> bool:
    return fnmatchcase(str(pool), pattern)
