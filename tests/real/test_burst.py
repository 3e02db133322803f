"""A burst ends by itself, by the timers of its own machines: nothing of ours need be alive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.region.boots import Booter
from tests.region.handle import Region
from tests.region_ring.cli import roles_yaml
from tests.region_ring.operators import Operators
from tests.servers import wait_until

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("tools")]

# Long enough for three to boot beside each other on a busy machine.
LIFE_SECONDS = 60
A_MOMENT = 2


@pytest.fixture
def operators(tmp_path: Path) -> Iterator[Operators]:
    with Region.start() as region, Operators.open(region, tmp_path) as found:
        yield found


def test_three_end_at_their_time_with_redis_gone_and_no_converge(operators: Operators) -> None:
    operator = operators.new()
    text: Any = json.loads(roles_yaml(operator.world, fleet={"ready_when": "running"}))
    text["roles"]["solid"]["burst"] = {"ttl": "2h", "max": 3}
    text["roles"]["solid"]["fleet"] = {"ready_when": "running"}
    operator.apply(json.dumps(text))
    with Booter(operators.region, services={}) as booter:
        done = operator.run(
            *("burst", "solid", "-n", "3", "--ttl", f"{LIFE_SECONDS}s", "--format", "json")
        )
        assert done.code == 0, done
        names = [one["certname"] for one in done.json["nodes"]]
        for name in names:
            booter.booted(name)
        operators.server.stop()
        assert not booter.is_off(names[0], A_MOMENT)
        wait_until(
            "all three are terminated",
            lambda: sorted(names) == operator.machines("terminated"),
            timeout=LIFE_SECONDS * 3,
        )
    assert operator.machines() == []
