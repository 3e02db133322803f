"""Which instance types a launch can have, by what EC2 says of image, zones and types."""

from __future__ import annotations

from provisioner.domain.ground import not_offered, unsuitable
from provisioner.ports.ec2 import Ground, Subnet, TypeOffer

SUBNETS = tuple(
    Subnet(id=f"subnet-{letter}", zone=f"us-east-1{letter}", vpc="vpc-1", free_addresses=9)
    for letter in "ab"
)
INTEL = TypeOffer(architectures=("i386", "x86_64"), zones=frozenset({"us-east-1a", "us-east-1b"}))
ARM = TypeOffer(architectures=("arm64",), zones=INTEL.zones)
ELSEWHERE = TypeOffer(architectures=("x86_64",), zones=frozenset({"us-east-1e"}))
HALF = TypeOffer(architectures=("x86_64",), zones=frozenset({"us-east-1b", "us-east-1e"}))
NOWHERE = TypeOffer(architectures=("x86_64",), zones=frozenset())


def ground(types: dict[str, TypeOffer] | None, architecture: str = "x86_64") -> Ground:
    return Ground(image="ami-1", subnets=SUBNETS, architecture=architecture, types=types)


def why(offer: TypeOffer, architecture: str = "x86_64") -> str:
    found = unsuitable(ground({"c5.large": offer}, architecture), ["c5.large"], "us-east-1")
    return found.get("c5.large", "")


def test_a_type_that_runs_the_image_in_some_zone_is_suitable() -> None:
    assert (why(INTEL), why(HALF), why(ARM, "arm64")) == ("", "", "")


def test_each_unsuitable_type_says_why() -> None:
    assert why(ARM) == "this type runs arm64 images, and ami-1 is x86_64"
    assert why(INTEL, "arm64") == "this type runs i386 and x86_64 images, and ami-1 is arm64"
    assert why(NOWHERE) == "us-east-1 does not offer this type"
    assert why(ELSEWHERE) == (
        "it is offered in us-east-1e alone, and launch.subnets are in us-east-1a, us-east-1b"
    )


def test_a_type_that_the_region_does_not_list_is_not_offered() -> None:
    found = unsuitable(ground({}), ["c5.large"], "us-east-1")

    assert found == {"c5.large": "us-east-1 does not offer this type"}


def test_what_is_not_known_is_no_reason() -> None:
    assert unsuitable(ground(None), ["c5.large"], "us-east-1") == {}
    assert why(INTEL, "") == ""
    assert why(TypeOffer(architectures=(), zones=INTEL.zones)) == ""


def test_pools_that_are_none_are_left_out_and_no_others() -> None:
    types = {"c5.large": INTEL, "c6g.large": ARM, "m5.large": HALF}

    assert not_offered(ground(types), list(types)) == {
        ("c6g.large", "us-east-1a"),
        ("c6g.large", "us-east-1b"),
        ("m5.large", "us-east-1a"),
    }
    assert not_offered(ground(None), list(types)) == frozenset()
