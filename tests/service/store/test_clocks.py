"""A command on a machine whose clock is wrong: it launches nothing, and says what to set."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enc.inventory import Inventory
from provisioner.clocks import WrongClockError, check_clocks
from provisioner.launching.launch import launch
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


@pytest.mark.parametrize(
    ("redis_ahead", "ec2_ahead", "says"),
    [
        (7200, 0, "this machine's clock is 7200 s behind Redis'"),
        (-61, 0, "this machine's clock is 61 s ahead of Redis'"),
        (0, 61, "this machine's clock is 61 s behind EC2's (us-east-1)"),
    ],
)
def test_a_launch_by_a_wrong_clock_is_refused_before_anything_is_made(
    bench: Workbench, redis_ahead: int, ec2_ahead: int, says: str
) -> None:
    """Machines launched by one that is 2 h behind would be ended by converge at once."""
    bench.store_ahead = timedelta(seconds=redis_ahead)
    bench.cloud.ahead = timedelta(seconds=ec2_ahead)
    with pytest.raises(WrongClockError) as refused:
        launch(bench.context, bench.order(1))

    assert says in str(refused.value)
    assert "nothing was changed" in str(refused.value)
    assert list(bench.inventory.launches.page(10).launches) == []
    assert (bench.cloud.alive, bench.cloud.template_names) == ([], [])


@pytest.mark.parametrize("seconds", [60, -60])
def test_a_minute_of_difference_is_borne(bench: Workbench, seconds: int) -> None:
    bench.store_ahead = bench.cloud.ahead = timedelta(seconds=seconds)
    assert len(launch(bench.context, bench.order(1)).nodes) == 1


def test_a_region_that_was_not_asked_says_nothing_of_the_time(bench: Workbench) -> None:
    bench.cloud.ahead = timedelta(hours=2)
    check_clocks(bench.context)
