"""What one launch has learnt of its pools: which to ask next, and whether there is any hope."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from enc.domain.model import Market
from provisioner.domain.pools import DRY, HOPELESS, Offer, choose
from provisioner.domain.quotas import OF_A_FAMILY, quota
from provisioner.ports.ec2 import FleetAnswer, Pool, PoolRefusal
from provisioner.ports.errors import PASSING, Trouble


class Tried:
    """Of one launch. ``unfit``: pools, as text, that it is not to ask again."""

    def __init__(self, offer: Offer, region: str, unfit: Iterable[str] = ()) -> None:
        self._offer, self._region = offer, region
        self._unfit = set(unfit)
        self._asked: set[Pool] = set()
        self._refused: dict[Pool, Trouble] = {}

    def names(self, market: Market) -> list[str]:
        """Of the pools and of their quotas, as the store remembers them."""
        pools = self._offer.pools(market)
        return [*map(str, pools), *sorted({self._quota(pool) for pool in pools})]

    def following(self, market: Market, dry: Collection[str]) -> tuple[Pool, ...]:
        """The pools to ask now. ``dry``: those of the names that are dry or used up.

        Never none: a request that names no pool would get machines of no type that was wanted.
        """
        fit = self._fit(market) or self._offer.pools(market)
        untried = [pool for pool in fit if pool not in self._asked] or fit
        return choose(untried, {p for p in fit if {str(p), self._quota(p)} & set(dry)})

    def heard(self, pools: Collection[Pool], answer: FleetAnswer) -> frozenset[str]:
        """Take in EC2's answer for these pools; the names that are to be remembered as dry."""
        self._asked.update(pools)
        dry: set[str] = set()
        for refusal in answer.refusals:
            of = self._spoken_of(refusal, pools)
            self._refused |= dict.fromkeys(of, refusal.trouble)
            if refusal.trouble in DRY:
                dry |= set(map(str, of))
            elif refusal.code in OF_A_FAMILY:
                dry |= set(map(self._quota, of))
            elif refusal.trouble not in PASSING and refusal.names_a_pool:
                self._unfit |= set(map(str, of))
        return frozenset(dry)

    def again(self) -> None:
        """After a wait every pool may be asked once more."""
        self._asked.clear()

    def untried(self, market: Market) -> bool:
        return any(pool not in self._asked for pool in self._fit(market))

    def hopeless(self, market: Market) -> bool:
        """Every pool that is left refused for what no waiting changes."""
        return all(self._refused.get(pool) in HOPELESS for pool in self._fit(market))

    def final(self, market: Market, answer: FleetAnswer) -> PoolRefusal | None:
        """What ends the launch: a refusal of the whole request, or one that leaves no pool."""
        for_good = [one for one in answer.refusals if one.trouble not in PASSING]
        if self._fit(market):
            for_good = [one for one in for_good if not one.names_a_pool]
        return for_good[0] if for_good else None

    @property
    def unfit(self) -> tuple[str, ...]:
        return tuple(sorted(self._unfit))

    def _fit(self, market: Market) -> tuple[Pool, ...]:
        return tuple(p for p in self._offer.pools(market) if str(p) not in self._unfit)

    def _spoken_of(self, refusal: PoolRefusal, pools: Collection[Pool]) -> frozenset[Pool]:
        """A used-up quota is that of the whole family, asked for or not."""
        of = self._offer.pools_of(refusal) & frozenset(pools)
        if refusal.trouble is not Trouble.QUOTA:
            return of
        quotas = {self._quota(pool) for pool in of}
        every = self._offer.pools(refusal.market)
        return frozenset(pool for pool in every if self._quota(pool) in quotas)

    def _quota(self, pool: Pool) -> str:
        return quota(pool.market, pool.instance_type, self._region)
