"""Which pools a launch may draw from, and which of them to ask next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from enc.model import Market
from provisioner.ports import FleetAnswer, Pool, PoolRefusal, Subnet, Trouble

# What no waiting within one launch will change for a pool.
HOPELESS = frozenset({Trouble.QUOTA, Trouble.PRICE, Trouble.UNSUPPORTED})


@dataclass(frozen=True)
class Offer:
    """A launch's types and the one subnet per zone that it uses."""

    instance_types: tuple[str, ...]
    subnets: tuple[Subnet, ...]

    def pools(self, market: Market) -> tuple[Pool, ...]:
        return tuple(
            Pool(market=market, instance_type=kind, zone=subnet.zone)
            for kind in self.instance_types
            for subnet in self.subnets
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


def quota(market: Market, region: str) -> str:
    """The name under which a used-up quota is remembered: EC2 has one a market and region."""
    return f"{market}:*:{region}"


def choose(pools: Sequence[Pool], dry: Collection[str]) -> tuple[Pool, ...]:
    """The pools to ask now: those not in a drought, or all when every one is.

    ``dry`` holds pools as text. A dry pool is tried last, never dropped.
    """
    wet = tuple(pool for pool in pools if str(pool) not in dry)
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


def codes(answer: FleetAnswer) -> str:
    """EC2's words for people: each code once."""
    return ", ".join(sorted({refusal.code for refusal in answer.refusals}))
