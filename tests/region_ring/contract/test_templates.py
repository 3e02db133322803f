"""Launch templates, and looking up what a launch stands on."""

from __future__ import annotations

import pytest

from provisioner.ports.ec2 import Volume
from provisioner.ports.errors import CloudError, Trouble
from tests.fakes.cloud import REGION
from tests.region_ring.contract.stages import KIND, SITE, Stage, ground, launched, template, trouble


def test_a_template_that_is_not_there_is_not_there_yet(stage: Stage) -> None:
    with pytest.raises(CloudError) as caught:
        launched(stage)

    assert trouble(caught) is Trouble.NOT_YET
    stage.cloud.create_template(template(stage))
    assert len(launched(stage)) == 3


def test_a_new_template_may_not_be_seen_at_once(stage: Stage) -> None:
    stage.manners(template_s=30)
    stage.cloud.create_template(template(stage))
    with pytest.raises(CloudError) as caught:
        launched(stage)

    assert trouble(caught) is Trouble.NOT_YET
    stage.wait(31)
    assert len(launched(stage)) == 3


def test_a_template_is_made_once_however_often_it_is_asked_for(stage: Stage) -> None:
    stage.lose("create_template")
    with pytest.raises(CloudError) as caught:
        stage.cloud.create_template(template(stage))
    stage.cloud.create_template(template(stage))
    stage.cloud.create_template(template(stage, token="another"))

    assert trouble(caught) is Trouble.UNKNOWN_OUTCOME
    assert len(stage.cloud.templates(REGION, "default")) == 1


def test_a_name_that_another_launch_has_is_refused(ready: Stage) -> None:
    other = template(ready, token="l-2", tags={**SITE, "rolecall:launch": "l-2"})
    with pytest.raises(CloudError, match="AlreadyExists"):
        ready.cloud.create_template(other)


def test_our_sites_templates_are_listed_with_their_tags(ready: Stage) -> None:
    elsewhere = template(ready, name="rolecall-l-2", token="l-2", tags={"rolecall:site": "other"})
    ready.cloud.create_template(elsewhere)

    assert ready.cloud.templates(REGION, "default") == (
        ("rolecall-l-1", {**SITE, "rolecall:launch": "l-1"}),
    )


@pytest.mark.parametrize(
    ("kind", "runs"), [("c5.large", "x86_64"), ("c6g.large", "arm64"), ("c99.large", "")]
)
def test_the_ground_says_which_images_a_type_runs_and_where(
    ready: Stage, kind: str, runs: str
) -> None:
    ready.withdraw("c99.large", "*")
    found = ready.cloud.ground(ground(ready, instance_types=(kind,)))

    assert found.architecture == "x86_64"
    assert found.types is not None
    if runs:
        assert runs in found.types[kind].architectures
        assert found.types[kind].zones >= set(ready.subnets)
    else:
        assert found.types == {}


def test_a_type_that_a_zone_does_not_offer_lacks_it(ready: Stage) -> None:
    zone = next(iter(ready.subnets))
    ready.withdraw(KIND, zone)
    found = ready.cloud.ground(ground(ready, instance_types=(KIND,)))

    assert found.types is not None
    assert zone not in found.types[KIND].zones


def test_a_template_may_be_deleted_twice(ready: Stage) -> None:
    ready.cloud.delete_template(REGION, "rolecall-l-1")
    ready.cloud.delete_template(REGION, "rolecall-l-1")

    assert ready.cloud.templates(REGION, "default") == ()


def test_the_ground_is_found_in_the_roles_order(stage: Stage) -> None:
    places = tuple(reversed(stage.subnets.items()))
    found = stage.cloud.ground(ground(stage, subnets=tuple(subnet for _, subnet in places)))

    assert found.image == stage.image
    assert [(subnet.zone, subnet.id) for subnet in found.subnets] == list(places)
    assert all(subnet.free_addresses > 0 and subnet.vpc for subnet in found.subnets)


def test_a_subnet_of_ipv6_alone_is_told_and_has_room(stage: Stage) -> None:
    first = next(iter(stage.subnets.values()))
    alone, other = stage.cloud.ground(ground(stage, subnets=(stage.ipv6_subnet, first))).subnets

    assert (alone.ipv6_only, alone.free_addresses, other.ipv6_only) == (True, 0, False)
    assert alone.room > other.room > 0


def test_an_image_may_be_named_by_a_parameter(stage: Stage) -> None:
    named = ground(stage, image=f"resolve:ssm:{stage.parameter}")

    assert stage.cloud.ground(named).image == stage.image


def test_groups_and_key_may_be_left_out(stage: Stage) -> None:
    assert stage.cloud.ground(ground(stage, security_groups=(), key_name=None)).subnets


def test_the_ground_names_the_images_root_and_its_volumes(stage: Stage) -> None:
    found = stage.cloud.ground(ground(stage, image=stage.baked))
    bare = stage.cloud.ground(ground(stage, image=stage.diskless))

    assert found.root == "/dev/sda1"
    assert {disk.device: disk.delete_on_termination for disk in found.disks} == {
        "/dev/sda1": False,
        "/dev/sdf": False,
    }
    assert bare.disks == ()


def test_volumes_and_interfaces_carry_the_templates_tags(stage: Stage) -> None:
    stage.cloud.create_template(template(stage, volumes=(Volume(device="/dev/xvda"),)))
    (machine,) = launched(stage, count=1)

    assert stage.disk_tags(machine) == {**SITE, "rolecall:launch": "l-1"}


def test_an_image_without_a_volume_is_launched_with_its_tags(stage: Stage) -> None:
    stage.cloud.create_template(template(stage, image=stage.diskless, volumes=()))

    assert len(launched(stage)) == 3


def test_a_volume_ends_with_its_machine_where_the_template_says_so(stage: Stage) -> None:
    ends = Volume(device="/dev/sda1", delete_on_termination=True)
    more = Volume(device="/dev/sdg", size=8)
    stage.cloud.create_template(template(stage, image=stage.baked, volumes=(ends, more)))
    (machine,) = launched(stage, count=1)

    assert stage.disks(machine) == {"/dev/sda1": True, "/dev/sdf": False, "/dev/sdg": True}


@pytest.mark.parametrize(
    ("key", "missing"),
    [
        ("image", "ami-0bad0bad0bad0bad0"),
        ("image", "resolve:ssm:/images/none"),
        ("subnets", ("subnet-0bad0bad0bad0bad0",)),
        ("security_groups", ("sg-0bad0bad0bad0bad0",)),
        ("key_name", "nobodys"),
    ],
)
def test_a_missing_thing_is_named_with_its_place_in_the_role(
    stage: Stage, key: str, missing: str | tuple[str, ...]
) -> None:
    with pytest.raises(CloudError) as caught:
        stage.cloud.ground(ground(stage, **{key: missing}))

    assert trouble(caught) is Trouble.MALFORMED
    assert f"launch.{key}" in caught.value.message
    name = missing if isinstance(missing, str) else missing[0]
    assert name in caught.value.message


@pytest.mark.parametrize("kind", [Trouble.DENIED, Trouble.THROTTLED, Trouble.UNAVAILABLE])
def test_a_look_up_that_fails_is_not_a_missing_thing(stage: Stage, kind: Trouble) -> None:
    stage.fail("ground", kind)
    with pytest.raises(CloudError) as caught:
        stage.cloud.ground(ground(stage))

    assert trouble(caught) is kind
