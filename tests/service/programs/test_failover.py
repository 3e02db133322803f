"""The service while Redis fails over under Sentinel, with clients that never pause."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest

from enc.inventory import Inventory, connect
from tests.builders import event, node, role
from tests.conftest import begin
from tests.sentinels import NAME, Watched, watched
from tests.servers import Service
from tests.service import http

NAMES = [f"i-{number:017x}" for number in range(50)]
CLIENTS = 8
BEFORE, AFTER = 1.0, 10.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as made:
        inventory = Inventory.on(connect(made.url, timeout=2.0, clock=monotonic))
        begin(inventory)
        inventory.roles.apply([role()], event())
        inventory.nodes.create_many((node(name), event()) for name in NAMES)
        with made.primary().client() as client:
            assert client.wait(1, 5000) == 1
        inventory.redis.close()
        yield made


@pytest.fixture
def service(site: Watched, tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "service", site.url).start()
    yield made
    made.end()


class Clients:
    """Look-ups without pause: when each was answered, and how."""

    def __init__(self, service: Service) -> None:
        self._service, self._over = service, Event()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._asked = [self._pool.submit(self._ask, number) for number in range(CLIENTS)]

    def end(self) -> list[tuple[float, int, str]]:
        self._over.set()
        self._pool.shutdown()
        return [one for each in self._asked for one in each.result()]

    def _ask(self, number: int) -> list[tuple[float, int, str]]:
        found = []
        while not self._over.is_set():
            name = NAMES[number % len(NAMES)]
            reply = http.get(self._service, f"/v1/enc/{name}")
            right = reply.status != 200 or reply.text.endswith(f"# end {name}\n")
            found.append((monotonic(), reply.status, "" if right else name))
            number += 1
        return found


def test_a_primary_that_dies_costs_seconds_and_no_wrong_answer(
    site: Watched, service: Service
) -> None:
    clients = Clients(service)
    sleep(BEFORE)
    old, died = site.primary(), monotonic()
    old.kill()
    site.wait_for_another_than(old)
    sleep(AFTER - (monotonic() - died))
    found = clients.end()

    assert {status for _, status, _ in found} <= {200, 503}
    assert [wrong for _, _, wrong in found if wrong] == []
    late = [at - died for at, status, _ in found if status == 503]
    assert max(late, default=0.0) < AFTER - 1
    assert [status for at, status, _ in found if at > died + AFTER - 1] != []


def test_a_planned_failover_costs_no_look_up(site: Watched, service: Service) -> None:
    clients = Clients(service)
    sleep(BEFORE)
    old = site.primary()
    assert site.sentinels[0].says("SENTINEL", "FAILOVER", NAME)
    site.wait_for_another_than(old)
    # Until who was the primary follows, and answers nobody any more.
    sleep(3.0)
    found = clients.end()

    refused = [status for _, status, _ in found if status != 200]
    assert len(refused) * 100 <= len(found)
    assert found[-1][1] == 200
    assert [wrong for _, _, wrong in found if wrong] == []
