"""Which pools a launch may draw from, and which of them to ask next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from enc.domain.model import Market
from provisioner.ports.ec2 import FleetAnswer, Pool, PoolRefusal, Subnet
from provisioner.ports.errors import Trouble

# What no waiting within one launch will change for a pool.
HOPELESS = frozenset({Trouble.QUOTA, Trouble.UNSUPPORTED})
# What a pool may have later: spot's price rises and falls as its capacity does.
DRY = frozenset({Trouble.CAPACITY, Trouble.PRICE})


@dataclass(frozen=True)
class Offer:
    """A launch's types and the one subnet per zone that it uses.

    ``missing``: (instance type, zone) of the pools that are none.
    """

    instance_types: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    missing: frozenset[tuple[str, str]] = frozenset()

    def pools(self, market: Market) -> tuple[Pool, ...]:
        return tuple(
            Pool(market=market, instance_type=kind, zone=subnet.zone)
            for kind in self.instance_types
            for subnet in self.subnets
            if (kind, subnet.zone) not in self.missing
        )

    def overrides(self, pools: Iterable[Pool]) -> tuple[tuple[str, str], ...]:
        """(instance type, subnet id) of each pool, as CreateFleet takes them."""
        by_zone = {subnet.zone: subnet.id for subnet in self.subnets}
        return tuple((pool.instance_type, by_zone[pool.zone]) for pool in pools)

    def pools_of(self, refusal: PoolRefusal) -> frozenset[Pool]:
        """The pools that a refusal speaks of: where EC2 names no type or subnet, all of them."""
        zones = {subnet.zone for subnet in self.subnets if refusal.subnet in ("", subnet.id)}
        return frozenset(
            pool
            for pool in self.pools(refusal.market)
            if refusal.instance_type in ("", pool.instance_type) and pool.zone in zones
        )

    def subnet(self, subnet_id: str) -> Subnet | None:
        return next((s for s in self.subnets if s.id == subnet_id), None)


def one_subnet_per_zone(subnets: Sequence[Subnet]) -> tuple[Subnet, ...]:
    """The one with most room in each zone: two of one zone fail the whole call."""
    best: dict[str, Subnet] = {}
    for subnet in subnets:
        there = best.get(subnet.zone)
        if there is None or subnet.room > there.room:
            best[subnet.zone] = subnet
    return tuple(best[zone] for zone in sorted(best))


def choose(pools: Sequence[Pool], dry: Collection[Pool]) -> tuple[Pool, ...]:
    """The pools to ask now: those that are not dry, or all when every one is.

    A dry pool is tried last, never dropped.
    """
    wet = tuple(pool for pool in pools if pool not in dry)
    return wet or tuple(pools)


def told_by_pool(answer: FleetAnswer, offer: Offer) -> tuple[tuple[str, str, str], ...]:
    """(pool, code, message) of each refusal; the pool is ``*`` where EC2 names none."""
    found = []
    for refusal in answer.refusals:
        subnet = offer.subnet(refusal.subnet)
        named = refusal.instance_type and subnet
        place = (
            f"{refusal.market}:{refusal.instance_type}:{subnet.zone}" if named and subnet else "*"
        )
        found.append((place, refusal.code, refusal.message[:200]))
    return tuple(found)


def left_out(unfit: Sequence[str], told: Sequence[tuple[str, str, str]]) -> str:
    """For people: the pools that are not asked again, with EC2's words."""
    pools = ", ".join(unfit)
    said = next((f"{code}: {text}" for pool, code, text in told if pool in unfit), "EC2 refuses")
    return f"{pools}: left out of this launch ({said})"


def codes(answer: FleetAnswer) -> str:
    """EC2's words for people: each code once."""
    return ", ".join(sorted({refusal.code for refusal in answer.refusals}))
