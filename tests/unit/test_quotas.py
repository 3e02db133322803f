"""Which types share a quota, in which market."""

from __future__ import annotations

import pytest

from enc.domain.model import Market
from provisioner.domain.quotas import family, quota, quotas, used_up

SPOT, ON_DEMAND = Market.SPOT, Market.ON_DEMAND


@pytest.mark.parametrize(
    ("instance_type", "spot", "on_demand"),
    [
        ("c5.large", "Standard", "Standard"),
        ("a1.large", "Standard", "Standard"),
        ("t3.micro", "Standard", "Standard"),
        ("z1d.large", "Standard", "Standard"),
        ("m7i-flex.large", "Standard", "Standard"),
        ("g5.xlarge", "G-and-VT", "G-and-VT"),
        ("vt1.3xlarge", "G-and-VT", "G-and-VT"),
        ("p4d.24xlarge", "P2-to-P4", "P"),
        ("p5en.48xlarge", "P5", "P"),
        ("x2gd.large", "X", "X"),
        ("f1.2xlarge", "F", "F"),
        ("dl2q.24xlarge", "DL", "DL"),
        ("trn1n.32xlarge", "Trn", "Trn"),
        ("inf2.xlarge", "Inf", "Inf"),
        ("hpc7g.4xlarge", "hpc7g.4xlarge", "HPC"),
        ("u-6tb1.metal", "u-6tb1.metal", "High-Memory"),
        ("u7i-12tb.224xlarge", "u7i-12tb.224xlarge", "High-Memory"),
    ],
)
def test_each_market_has_its_own_families(instance_type: str, spot: str, on_demand: str) -> None:
    assert (family(SPOT, instance_type), family(ON_DEMAND, instance_type)) == (spot, on_demand)


@pytest.mark.parametrize("instance_type", ["mac2.metal", "p6-b200.48xlarge", "q1.large", "odd"])
def test_a_type_of_no_known_family_is_its_own(instance_type: str) -> None:
    assert family(SPOT, instance_type) == instance_type


def test_a_quota_is_named_like_no_pool() -> None:
    assert quota(SPOT, "c5.large", "us-east-1") == "spot:*Standard:us-east-1"


def test_quotas_are_used_up_when_none_is_left_for_any_type() -> None:
    known = quotas(SPOT, ["g5.xlarge", "c5.large"], "us-east-1")

    assert used_up(SPOT, ["c5.large", "g5.xlarge"], "us-east-1", known) == "G-and-VT, Standard"
    assert used_up(SPOT, ["m5.large"], "us-east-1", known) == "Standard"


def test_quotas_are_not_used_up_while_one_family_has_some() -> None:
    known = quotas(SPOT, ["g5.xlarge"], "us-east-1")

    assert used_up(SPOT, ["c5.large", "g5.xlarge"], "us-east-1", known) == ""
    assert used_up(ON_DEMAND, ["g5.xlarge"], "us-east-1", known) == ""
    assert used_up(SPOT, ["g5.xlarge"], "eu-west-1", known) == ""
    assert used_up(SPOT, [], "us-east-1", known) == ""
