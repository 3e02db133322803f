"""Which pools a launch may draw from, and which it asks next."""

from __future__ import annotations

from enc.domain.model import Market
from provisioner.domain.pools import Offer, choose, one_subnet_per_zone
from provisioner.ports.ec2 import Pool, PoolRefusal, Subnet
from provisioner.ports.errors import Trouble


def subnet(name: str, zone: str, free: int = 100) -> Subnet:
    return Subnet(id=name, zone=zone, vpc="vpc-1", free_addresses=free)


A, B = subnet("subnet-a", "1a"), subnet("subnet-b", "1b")
OFFER = Offer(("c5.large", "c5a.large"), (A, B))


def refusal(**fields: str) -> PoolRefusal:
    return PoolRefusal(trouble=Trouble.CAPACITY, code="X", message="", market=Market.SPOT, **fields)


def test_uses_the_subnet_with_most_free_addresses_of_each_zone() -> None:
    crowded = subnet("subnet-a2", "1a", free=3)
    assert one_subnet_per_zone([crowded, B, A]) == (A, B)


def test_a_subnet_of_ipv6_alone_is_not_full() -> None:
    alone = Subnet(id="subnet-6", zone="1a", vpc="vpc-1", free_addresses=0, ipv6_only=True)
    full = subnet("subnet-a2", "1a", free=0)
    assert one_subnet_per_zone([full, alone]) == (alone,)
    assert one_subnet_per_zone([alone, B]) == (alone, B)


def test_never_two_subnets_of_one_zone() -> None:
    assert len(one_subnet_per_zone([A, subnet("subnet-a2", "1a")])) == 1


def test_offers_every_type_in_every_zone() -> None:
    assert [str(pool) for pool in OFFER.pools(Market.SPOT)] == [
        "spot:c5.large:1a",
        "spot:c5.large:1b",
        "spot:c5a.large:1a",
        "spot:c5a.large:1b",
    ]


def test_overrides_name_the_subnet_of_each_pool() -> None:
    pools = OFFER.pools(Market.SPOT)[1:3]
    assert OFFER.overrides(pools) == (("c5.large", "subnet-b"), ("c5a.large", "subnet-a"))


def test_dry_pools_are_left_for_later() -> None:
    pools = OFFER.pools(Market.SPOT)
    assert choose(pools, pools[:1]) == pools[1:]


def test_dry_pools_are_asked_when_there_is_no_other() -> None:
    pools = OFFER.pools(Market.SPOT)
    assert choose(pools, pools) == pools


def test_a_refusal_speaks_of_the_pool_that_it_names() -> None:
    named = OFFER.pools_of(refusal(instance_type="c5.large", subnet="subnet-b"))
    assert named == {Pool(market=Market.SPOT, instance_type="c5.large", zone="1b")}


def test_a_refusal_that_names_no_pool_speaks_of_all_of_its_market() -> None:
    assert OFFER.pools_of(refusal()) == set(OFFER.pools(Market.SPOT))


def test_a_refusal_without_a_subnet_speaks_of_the_type_in_every_zone() -> None:
    named = OFFER.pools_of(refusal(instance_type="c5.large"))
    assert {pool.zone for pool in named} == {"1a", "1b"}
