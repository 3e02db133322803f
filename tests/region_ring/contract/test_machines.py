"""Machines after their launch: listed, described, tagged, ended."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from enc.domain.model import Market
from provisioner.ports.ec2 import InstanceState
from provisioner.ports.errors import CloudError, Trouble
from tests.fakes.cloud import REGION
from tests.region_ring.contract.stages import (
    KIND,
    TAGS,
    Stage,
    launched,
    listed,
    one,
    template,
    trouble,
)

NOBODY = "i-0bad0bad0bad0bad0"


def test_a_listing_has_every_page(ready: Stage) -> None:
    made = launched(ready, count=12)

    assert {instance.id for instance in listed(ready)} == set(made)


def test_a_listing_is_of_one_site(ready: Stage) -> None:
    launched(ready, tags={**TAGS, "rolecall:site": "other"})

    assert listed(ready) == ()


def test_everyone_is_of_every_site_and_of_none(ready: Stage) -> None:
    others = launched(ready, count=1, tags={"Name": "by-hand"}, token="l-2-1")
    ours = launched(ready, count=12)

    found = ready.cloud.everyone(REGION)
    assert {instance.id for instance in found} == {*ours, *others}


def test_everyone_that_cannot_be_listed_is_an_error_and_never_nobody(ready: Stage) -> None:
    launched(ready)
    ready.fail("everyone", Trouble.DENIED)
    with pytest.raises(CloudError) as caught:
        ready.cloud.everyone(REGION)

    assert trouble(caught) is Trouble.DENIED


def test_tags_narrow_a_listing(ready: Stage) -> None:
    ours = launched(ready, count=1)
    launched(ready, token="l-2-1", tags={**TAGS, "rolecall:launch": "l-2"})

    assert [i.id for i in listed(ready, **{"rolecall:launch": "l-1"})] == ours


def test_a_site_named_with_a_star_is_not_every_site(ready: Stage) -> None:
    launched(ready)

    assert ready.cloud.instances(REGION, "def*") == ()


def test_a_listing_may_miss_a_new_machine_for_a_while(ready: Stage) -> None:
    ready.manners(hidden_s=30)
    launched(ready)

    assert listed(ready) == ()
    ready.wait(31)
    assert len(listed(ready)) == 3


@pytest.mark.parametrize("kind", [Trouble.DENIED, Trouble.THROTTLED, Trouble.UNAVAILABLE])
def test_a_listing_that_fails_is_an_error_and_never_empty(ready: Stage, kind: Trouble) -> None:
    launched(ready)
    ready.fail("instances", kind)
    with pytest.raises(CloudError) as caught:
        listed(ready)

    assert trouble(caught) is kind


def test_a_disrupted_zone_spoils_the_listing_but_not_the_look_elsewhere(ready: Stage) -> None:
    (sick, there), (_, elsewhere), *_ = ready.subnets.items()
    (lost,) = launched(ready, count=1, overrides=((KIND, there),))
    (seen,) = launched(ready, count=1, overrides=((KIND, elsewhere),), token="l-1-2")
    ready.disrupt(sick)

    with pytest.raises(CloudError):
        listed(ready)
    with pytest.raises(CloudError):
        ready.cloud.describe(REGION, [lost])
    assert set(ready.cloud.describe(REGION, [seen])) == {seen}


def test_a_machine_is_pending_then_running_then_named(ready: Stage) -> None:
    ready.manners(pending_s=20, dns_s=40)
    (machine,) = launched(ready, count=1)
    seen = []
    for seconds in (0, 21, 20):
        ready.wait(seconds)
        now = one(ready, machine)
        seen.append((now.state, bool(now.private_dns), bool(now.public_dns)))

    assert seen == [
        (InstanceState.PENDING, False, False),
        (InstanceState.RUNNING, False, False),
        (InstanceState.RUNNING, True, True),
    ]


def test_an_address_is_public_only_where_asked_for(stage: Stage) -> None:
    stage.cloud.create_template(template(stage, public_ip=False))
    (machine,) = launched(stage, count=1)

    assert one(stage, machine).private_ip
    assert one(stage, machine).public_dns == ""


def test_a_machine_without_ipv4_has_its_ipv6_address_and_a_name_by_its_id(stage: Stage) -> None:
    stage.cloud.create_template(template(stage, public_ip=None, ipv6=True))
    (machine,) = launched(stage, count=1, overrides=((KIND, stage.ipv6_subnet),))
    seen = one(stage, machine)

    assert ip_address(seen.private_ip).version == 6
    assert seen.private_dns == f"{machine}.ec2.internal"
    assert seen.public_dns == ""


def test_a_machine_with_ipv4_is_known_by_that(ready: Stage) -> None:
    (machine,) = launched(ready, count=1)

    assert ip_address(one(ready, machine).private_ip).version == 4


def test_a_machine_that_was_just_launched_may_not_be_known_yet(ready: Stage) -> None:
    ready.manners(unknown_s=30)
    made = launched(ready)

    assert ready.cloud.describe(REGION, made) == {}
    ready.wait(31)
    assert set(ready.cloud.describe(REGION, made)) == set(made)


def test_an_unknown_id_does_not_hide_the_others(ready: Stage) -> None:
    made = launched(ready)

    assert set(ready.cloud.describe(REGION, [NOBODY, *made, "nonsense"])) == set(made)


def test_an_unknown_id_does_not_keep_the_others_alive(ready: Stage) -> None:
    made = launched(ready)

    assert ready.cloud.terminate(REGION, [*made, NOBODY]) == {NOBODY}
    assert not any(instance.alive for instance in listed(ready))


def test_a_machine_may_be_ended_twice(ready: Stage) -> None:
    made = launched(ready)

    assert ready.cloud.terminate(REGION, made) == frozenset()
    assert ready.cloud.terminate(REGION, made) == frozenset()


def test_only_the_machines_named_are_ended(ready: Stage) -> None:
    first, *others = launched(ready)
    ready.cloud.terminate(REGION, [first])

    assert {instance.id for instance in listed(ready) if instance.alive} == set(others)


def test_a_machine_shuts_down_and_is_then_listed_without_names(ready: Stage) -> None:
    ready.manners(shutdown_s=30)
    (machine,) = launched(ready, count=1)
    ready.cloud.terminate(REGION, [machine])
    going = one(ready, machine)
    ready.wait(31)
    (gone,) = listed(ready)

    assert going.state is InstanceState.SHUTTING_DOWN
    assert gone.state is InstanceState.TERMINATED
    assert (gone.private_dns, gone.public_dns, gone.private_ip) == ("", "", "")
    assert TAGS.items() <= gone.tags.items()


def test_the_dead_are_forgotten_in_the_end(ready: Stage) -> None:
    (machine,) = launched(ready, count=1)
    ready.cloud.terminate(REGION, [machine])
    ready.wait(3700)

    assert listed(ready) == ()
    assert ready.cloud.terminate(REGION, [machine]) == {machine}


def test_a_new_machine_may_get_a_dead_ones_name(ready: Stage) -> None:
    place = ((KIND, next(iter(ready.subnets.values()))),)
    (old,) = launched(ready, count=1, overrides=place)
    name = one(ready, old).private_dns
    ready.cloud.terminate(REGION, [old])
    (new,) = launched(ready, count=1, overrides=place, token="l-1-2")

    assert name
    assert one(ready, new).private_dns == name


def test_a_spot_machine_that_ec2_takes_back_says_so(ready: Stage) -> None:
    (machine,) = launched(ready, count=1, market=Market.SPOT)
    ready.interrupt(machine)
    (gone,) = listed(ready)

    assert not gone.alive
    assert gone.state_reason.startswith("Server.SpotInstanceTermination")


@pytest.mark.parametrize("kind", [Trouble.DENIED, Trouble.THROTTLED])
def test_an_end_that_is_refused_ends_nothing(ready: Stage, kind: Trouble) -> None:
    made = launched(ready)
    ready.fail("terminate", kind)
    with pytest.raises(CloudError) as caught:
        ready.cloud.terminate(REGION, made)

    assert trouble(caught) is kind
    assert all(instance.alive for instance in listed(ready))


def test_a_new_tag_is_seen_and_the_old_ones_stay(ready: Stage) -> None:
    (machine,) = launched(ready, count=1)
    ready.cloud.tag(REGION, [machine], {"rolecall:role": "web", "Name": "web"})

    expected = {**TAGS, "rolecall:role": "web", "Name": "web"}
    assert expected.items() <= one(ready, machine).tags.items()


def test_an_unknown_machine_cannot_be_tagged(ready: Stage) -> None:
    (machine,) = launched(ready, count=1)
    with pytest.raises(CloudError) as caught:
        ready.cloud.tag(REGION, [machine, NOBODY], {"Name": "web"})

    assert trouble(caught) is Trouble.GONE
    assert one(ready, machine).tags["Name"] == TAGS["Name"]


def test_the_account_and_its_regions_are_known(stage: Stage) -> None:
    assert stage.cloud.account() == stage.account
    assert REGION in stage.cloud.regions()


def test_a_region_that_is_denied_is_listed_among_them_and_cannot_be_read(stage: Stage) -> None:
    stage.deny("eu-west-1")

    assert {"eu-west-1", REGION} <= set(stage.cloud.regions())
    with pytest.raises(CloudError) as caught:
        stage.cloud.instances("eu-west-1", "default")
    assert trouble(caught) is Trouble.DENIED
    assert stage.cloud.instances(REGION, "default") == ()
