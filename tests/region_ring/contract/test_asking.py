"""Asking for machines: what comes, what is refused, and what a repeat does."""

from __future__ import annotations

import pytest

from enc.domain.model import Market
from provisioner.ports.errors import CloudError, Trouble
from tests.region_ring.contract.stages import (
    ARM,
    KIND,
    TAGS,
    Stage,
    fleet,
    launched,
    listed,
    trouble,
)


@pytest.mark.parametrize("market", Market)
def test_all_that_is_asked_for_comes(ready: Stage, market: Market) -> None:
    answer = ready.cloud.create_fleet(fleet(ready, market=market))

    assert len({instance.id for instance in answer.instances}) == 3
    assert {instance.market for instance in answer.instances} == {market}
    assert {instance.instance_type for instance in answer.instances} == {KIND}
    assert {instance.subnet for instance in answer.instances} <= set(ready.subnets.values())
    assert answer.refusals == ()


def test_machines_are_listed_with_market_zone_and_tags(ready: Stage) -> None:
    (zone, subnet), *_ = ready.subnets.items()
    spot = launched(ready, count=1, overrides=((KIND, subnet),))
    other = launched(ready, count=1, token="l-1-2", market=Market.ON_DEMAND)
    found = {instance.id: instance for instance in listed(ready)}

    assert found.keys() == {*spot, *other}
    assert (found[spot[0]].market, found[spot[0]].zone) == (Market.SPOT, zone)
    assert found[other[0]].market is Market.ON_DEMAND
    assert found[spot[0]].image == ready.image
    assert found[spot[0]].instance_type == KIND
    assert TAGS.items() <= found[spot[0]].tags.items()
    assert found[spot[0]].launched_at.utcoffset() is not None


def test_a_part_comes_and_the_dry_pool_says_so(ready: Stage) -> None:
    (zone, subnet), *_ = ready.subnets.items()
    ready.capacity(f"spot:*:{zone}", 0)
    ready.capacity("spot:*:*", 2)
    answer = ready.cloud.create_fleet(fleet(ready))

    assert len(answer.instances) == 2
    assert subnet not in {instance.subnet for instance in answer.instances}
    dry = [refused for refused in answer.refusals if refused.subnet == subnet]
    assert [(r.trouble, r.market, r.instance_type) for r in dry] == [
        (Trouble.CAPACITY, Market.SPOT, KIND)
    ]


def test_nothing_comes_from_dry_pools_and_each_says_so(ready: Stage) -> None:
    ready.capacity("spot:*:*", 0)
    answer = ready.cloud.create_fleet(fleet(ready))

    assert answer.instances == ()
    assert {refused.subnet for refused in answer.refusals} == set(ready.subnets.values())
    assert {refused.trouble for refused in answer.refusals} == {Trouble.CAPACITY}
    assert listed(ready) == ()


def test_one_market_does_not_fall_over_to_the_other(ready: Stage) -> None:
    ready.capacity("spot:*:*", 0)

    assert launched(ready) == []
    assert len(launched(ready, market=Market.ON_DEMAND, token="l-1-2")) == 3


def test_capacity_that_comes_late_is_there_for_a_new_token(ready: Stage) -> None:
    ready.capacity("spot:*:*", 0)
    ready.capacity("spot:*:*", 2, after_s=60)

    assert launched(ready) == []
    ready.wait(61)
    assert len(launched(ready, token="l-1-2")) == 2


@pytest.mark.parametrize(
    "kind", [Trouble.CAPACITY, Trouble.QUOTA, Trouble.PRICE, Trouble.UNSUPPORTED]
)
def test_pools_that_refuse_for_now_are_refusals(ready: Stage, kind: Trouble) -> None:
    ready.refuse("spot:*:*", kind)
    answer = ready.cloud.create_fleet(fleet(ready))

    assert answer.instances == ()
    assert {refused.trouble for refused in answer.refusals} == {kind}


def test_a_type_that_does_not_run_the_image_is_refused_and_no_other(ready: Stage) -> None:
    places = tuple((kind, subnet) for kind in (KIND, ARM) for subnet in ready.subnets.values())
    ready.capacity(f"spot:{KIND}:*", 1)
    answer = ready.cloud.create_fleet(fleet(ready, overrides=places))

    assert [one.instance_type for one in answer.instances] == [KIND]
    wrong = [one for one in answer.refusals if one.instance_type == ARM]
    assert {(one.trouble, one.code) for one in wrong} == {
        (Trouble.MALFORMED, "InvalidParameterValue")
    }


def test_a_type_that_the_zone_does_not_offer_is_unsupported_there(ready: Stage) -> None:
    zone, subnet = next(iter(ready.subnets.items()))
    ready.withdraw(KIND, zone)
    (refused,) = ready.cloud.create_fleet(fleet(ready, overrides=((KIND, subnet),))).refusals

    assert refused.trouble is Trouble.UNSUPPORTED


def test_spot_above_the_cap_gives_nothing(ready: Stage) -> None:
    ready.price(KIND, 0.06)
    answer = ready.cloud.create_fleet(fleet(ready, max_price="0.05"))

    assert answer.instances == ()
    assert {refused.trouble for refused in answer.refusals} == {Trouble.PRICE}


def test_spot_below_the_cap_gives_and_on_demand_has_no_cap(ready: Stage) -> None:
    ready.price(KIND, 0.06)

    assert len(launched(ready, max_price="0.07")) == 3
    assert len(launched(ready, max_price="0.05", market=Market.ON_DEMAND, token="l-1-2")) == 3


@pytest.mark.parametrize("kind", [Trouble.DENIED, Trouble.MALFORMED])
def test_pools_that_refuse_for_good_are_named_one_by_one(ready: Stage, kind: Trouble) -> None:
    ready.refuse("spot:*:*", kind)
    answer = ready.cloud.create_fleet(fleet(ready))

    assert answer.instances == ()
    assert {refused.trouble for refused in answer.refusals} == {kind}
    assert {refused.subnet for refused in answer.refusals} == set(ready.subnets.values())


def test_a_denied_pool_beside_one_that_gives_is_a_refusal(ready: Stage) -> None:
    zone = next(iter(ready.subnets))
    ready.refuse(f"spot:*:{zone}", Trouble.DENIED)
    ready.capacity("spot:*:*", 1)
    answer = ready.cloud.create_fleet(fleet(ready))

    assert len(answer.instances) == 1
    assert Trouble.DENIED in {refused.trouble for refused in answer.refusals}


def test_two_subnets_of_one_zone_fail_the_call(ready: Stage) -> None:
    first = next(iter(ready.subnets.values()))
    with pytest.raises(CloudError, match="InvalidFleetConfig") as caught:
        launched(ready, overrides=((KIND, first), (KIND, ready.twin)))

    assert trouble(caught) is Trouble.MALFORMED


def test_the_same_request_again_launches_nothing_more(ready: Stage) -> None:
    assert sorted(launched(ready)) == sorted(launched(ready))
    assert len(listed(ready)) == 3


def test_another_request_under_the_same_token_is_refused(ready: Stage) -> None:
    launched(ready)
    with pytest.raises(CloudError, match="IdempotentParameterMismatch") as caught:
        launched(ready, count=4)

    assert trouble(caught) is Trouble.MALFORMED
    assert len(listed(ready)) == 3


def test_a_lost_answer_leaves_machines_that_the_repeat_names(ready: Stage) -> None:
    ready.lose("create_fleet")
    with pytest.raises(CloudError) as caught:
        launched(ready)

    assert trouble(caught) is Trouble.UNKNOWN_OUTCOME
    made = {instance.id for instance in listed(ready)}
    assert len(made) == 3
    assert set(launched(ready)) == made


@pytest.mark.parametrize("kind", [Trouble.THROTTLED, Trouble.DENIED])
def test_a_call_that_was_refused_did_nothing_and_spent_no_token(
    ready: Stage, kind: Trouble
) -> None:
    ready.fail("create_fleet", kind)
    with pytest.raises(CloudError) as caught:
        launched(ready)

    assert trouble(caught) is kind
    assert listed(ready) == ()
    assert len(launched(ready)) == 3
