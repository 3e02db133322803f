"""The least and the most that a number of roles.yaml may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from enc.domain.rolefields import ClassName, KeyName, ParameterName, VariableName
from enc.domain.rolespec import (
    BurstSpec,
    Check,
    FleetSpec,
    LaunchSpec,
    LimitsSpec,
    PuppetServer,
    VolumeSpec,
)

LAUNCH: dict[str, Any] = {
    "region": "us-east-1",
    "subnets": ["subnet-1"],
    "image": "ami-1",
    "instance_types": ["c5.large"],
}
CHECK: dict[str, Any] = {"name": "http", "command": "check_http"}
IOPS, THROUGHPUT = {"size": 8, "type": "io2", "iops": 100}, {"size": 8}
# model, what it needs besides, the key, its least and its most.
TABLE: list[tuple[type[BaseModel], dict[str, Any], str, float, float]] = [
    (VolumeSpec, {}, "size", 1, 65536),
    (VolumeSpec, IOPS, "iops", 100, 256_000),
    (VolumeSpec, THROUGHPUT, "throughput", 125, 2000),
    (LaunchSpec, LAUNCH, "http_put_response_hop_limit", 1, 64),
    (LaunchSpec, LAUNCH, "max", 1, 1000),
    (LaunchSpec, LAUNCH, "max_price", 0.0001, 10_000),
    (PuppetServer, {}, "port", 1, 65535),
    (FleetSpec, {}, "size", 0, 10_000),
    (FleetSpec, {}, "max_unavailable", 0, 10_000),
    (FleetSpec, {"max_unavailable": 1}, "surge", 0, 10_000),
    (BurstSpec, {}, "max", 1, 1000),
    (Check, CHECK, "port", 1, 65535),
    (LimitsSpec, {}, "machines", 0, 100_000),
    (LimitsSpec, {}, "launches_per_hour", 0, 100_000),
]
LISTS: list[tuple[str, int, int, str]] = [
    ("subnets", 1, 50, "subnet-{}"),
    ("security_groups", 0, 16, "sg-{}"),
    ("instance_types", 1, 40, "c5.{}xlarge"),
]


def is_taken(model: type[BaseModel], given: dict[str, Any]) -> bool:
    try:
        model.model_validate(given, strict=False)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("model", "needs", "key", "least", "most"),
    TABLE,
    ids=[f"{row[0].__name__}.{row[2]}" for row in TABLE],
)
def test_a_number_may_be_its_least_and_its_most_and_nothing_beyond(
    model: type[BaseModel], needs: dict[str, Any], key: str, least: float, most: float
) -> None:
    step = 1 if isinstance(least, int) else 0.00005
    taken = [is_taken(model, {**needs, key: n}) for n in (least, most, least - step, most + 1)]

    assert taken == [True, True, False, False]


@pytest.mark.parametrize(("key", "least", "most", "name"), LISTS, ids=[row[0] for row in LISTS])
def test_a_list_may_be_as_long_as_it_says_and_no_longer(
    key: str, least: int, most: int, name: str
) -> None:
    def taken(length: int) -> bool:
        entries = tuple(name.format(n) for n in range(length))
        return is_taken(LaunchSpec, {**LAUNCH, key: entries})

    assert taken(least)
    assert taken(most)
    assert not taken(most + 1)
    assert least == 0 or not taken(least - 1)


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({"type": "gp3", "iops": 3000}, True),
        ({"type": "gp2", "iops": 3000}, False),
        ({"type": "io1"}, False),
        ({"type": "io2", "iops": 100}, True),
        ({"type": "gp3"}, True),
        ({"type": "gp2"}, True),
        ({"type": "gp3", "throughput": 125}, True),
        ({"type": "gp2", "throughput": 125}, False),
        ({"kms_key": "alias/a"}, False),
        ({"kms_key": "alias/a", "encrypted": True}, True),
    ],
)
def test_what_a_volume_says_fits_its_type(given: dict[str, Any], fine: bool) -> None:
    assert is_taken(VolumeSpec, {"size": 8, **given}) is fine


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({"size": 3, "max_unavailable": 2}, True),
        ({"size": 3, "max_unavailable": 3}, False),
        ({"size": 0, "max_unavailable": 1}, True),
        ({"surge": 0}, False),
        ({"surge": 0, "max_unavailable": 1}, True),
        ({"surge": 1, "max_unavailable": 0}, True),
    ],
)
def test_a_fleet_can_rotate(given: dict[str, Any], fine: bool) -> None:
    assert is_taken(FleetSpec, given) is fine


@pytest.mark.parametrize("name", [ClassName, ParameterName, VariableName, KeyName])
def test_a_name_may_have_255_characters_and_no_more(name: Any) -> None:
    kind = TypeAdapter(name)

    assert kind.validate_python("a" * 255) == "a" * 255
    with pytest.raises(ValidationError, match="256 characters"):
        kind.validate_python("a" * 256)


@pytest.mark.parametrize(("length", "taken"), [(0, False), (1, True), (4096, True), (4097, False)])
def test_the_name_of_a_file_may_have_4096_characters_and_not_none(length: int, taken: bool) -> None:
    assert is_taken(PuppetServer, {"ca": "x" * length}) is taken
