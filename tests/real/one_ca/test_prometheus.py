"""A real Prometheus finds the nodes, follows the fleet, and keeps it while the store is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from enc.domain.model import Node, State
from enc.inventory import Inventory, connect
from tests.builders import event, node, role
from tests.conftest import begin
from tests.real.prometheus import Prometheus, of_readme
from tests.servers import KEEPS_ALL, RedisServer, Service, wait_until

# Nobody listens there; Prometheus looks once an hour.
PORT = 9
PATIENCE = 60.0


class Setting:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        options = KEEPS_ALL
        self.redis = RedisServer(folder / "redis", options=options).start()
        stack.callback(self.redis.end)
        self.inventory = Inventory.on(connect(self.redis.url, timeout=5))
        stack.callback(self.inventory.redis.close)
        begin(self.inventory)
        self.inventory.roles.apply([role()], event())
        self.service = Service(folder / "service", self.redis.url).start()
        stack.callback(self.service.end)
        self.prometheus = Prometheus(folder / "prometheus", of_readme(self.service.bind, PORT))
        stack.callback(self.prometheus.stop)
        self.prometheus.start()

    def add(self, number: int) -> Node:
        made = node(f"i-{number:017x}", private_ip=f"127.0.9.{number}")
        return self.inventory.nodes.create(made, event())

    def wait(self, *numbers: int) -> None:
        """Until Prometheus has the targets of exactly these nodes."""
        wanted = {f"127.0.9.{number}:{PORT}" for number in numbers}
        wait_until(
            f"targets {wanted}, not {set(self.prometheus.targets())}",
            lambda: set(self.prometheus.targets()) == wanted,
            timeout=PATIENCE,
        )

    def failures(self) -> float:
        return self.prometheus.own("prometheus_sd_http_failures_total")


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with ExitStack() as stack:
        yield Setting(tmp_path, stack)


def test_a_real_prometheus_follows_the_fleet_and_keeps_it_while_the_store_is_away(
    setting: Setting,
) -> None:
    """One story: to start a Prometheus takes longer than any part of it."""
    setting.wait()
    one, two = setting.add(1), setting.add(2)
    setting.wait(1, 2)

    assert setting.prometheus.targets()[f"127.0.9.1:{PORT}"] == {
        "instance": one.certname,
        "job": "nodes",
        "kind": "extra",
        "market": "spot",
        "role": "web",
        "zone": "us-east-1a",
    }

    # The fleet changes while it asks.
    ready = setting.inventory.nodes.change(one, event(), state=State.READY)
    setting.inventory.nodes.change(ready, event(), state=State.DRAINING)
    setting.add(3)
    setting.wait(2, 3)

    # A damaged node takes nobody with it.
    setting.add(4)
    setting.wait(2, 3, 4)
    setting.inventory.redis.hset(f"node:i-{4:017x}", "kind", "none")
    setting.wait(2, 3)
    setting.inventory.redis.hset(f"node:i-{4:017x}", "kind", "extra")
    setting.wait(2, 3, 4)

    # Its rules are good ones.
    wait_until(
        "all rules", lambda: set(setting.prometheus.rules().values()) == {"ok"}, timeout=PATIENCE
    )
    assert "RolecallStoreAway" not in setting.prometheus.alerts()

    # Redis goes away: it is told so, and keeps what it has.
    failed = setting.failures()
    setting.redis.kill()
    wait_until("failures", lambda: setting.failures() > failed + 3, timeout=PATIENCE)
    assert len(setting.prometheus.targets()) == 3
    wait_until(
        "the alert", lambda: "RolecallStoreAway" in setting.prometheus.alerts(), timeout=PATIENCE
    )

    # It comes back, but has lost its inventory: that is no empty fleet.
    setting.redis.start()
    setting.wait(2, 3, 4)
    keeper = setting.redis.client()
    meta = keeper.hgetall("meta")
    keeper.delete("meta")
    failed = setting.failures()
    wait_until("failures", lambda: setting.failures() > failed + 3, timeout=PATIENCE)
    assert len(setting.prometheus.targets()) == 3

    # And whole: what changes then is seen.
    keeper.hset("meta", mapping=meta)
    keeper.close()
    setting.inventory.nodes.change(two, event(), state=State.RETIRING)
    setting.wait(3, 4)
    wait_until(
        "no alert",
        lambda: "RolecallStoreAway" not in setting.prometheus.alerts(),
        timeout=PATIENCE,
    )
