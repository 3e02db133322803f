"""How long is waited before a call is repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.calls import wait_before


@pytest.mark.parametrize(
    ("repeat", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (10_000, 8)]
)
def test_the_wait_doubles_up_to_eight_seconds(repeat: int, seconds: float) -> None:
    assert wait_before(repeat, 0.5) == timedelta(seconds=seconds)


@pytest.mark.parametrize("repeat", [0, 3, 50])
def test_the_wait_is_spread_by_half_to_both_sides(repeat: int) -> None:
    middle = wait_before(repeat, 0.5)

    assert wait_before(repeat, 0.0) == middle / 2
    assert wait_before(repeat, 1.0) == middle * 1.5
