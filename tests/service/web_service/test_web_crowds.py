"""The service before two thousand clients that are idle, slow, or stop half-way."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from enc.inventory import Inventory
from tests.builders import event, node, role
from tests.servers import RedisServer, Service, wait_until
from tests.service import http
from tests.service.crowds import MANNERS, crowd
from tests.service.programs.test_web_service import workers

FEW = 60
NODE = "i-0aaaaaaaaaaaaaaa1"


@pytest.fixture(scope="module", params=["socket", "loopback"])
def service(
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    bind = f"unix:{folder}/enc.sock" if request.param == "socket" else ""
    service = Service(folder, redis_server.url, bind=bind).start()
    yield service
    service.end()


@pytest.mark.parametrize("says", MANNERS.values(), ids=MANNERS)
def test_two_thousand_of_them_keep_no_node_from_its_answer(
    service: Service, inventory: Inventory, says: bytes
) -> None:
    inventory.roles.apply([role()], event())
    inventory.nodes.create(node(NODE), event())
    with crowd(service.bind, says):
        for _ in range(3):
            assert http.get(service, f"/v1/enc/{NODE}").status == 200
    assert http.get(service, f"/v1/enc/{NODE}").status == 200


def test_a_worker_without_descriptors_lives_and_lets_the_oldest_silent_client_go(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    service = Service(tmp_path, redis_server.url).start()
    try:
        wait_until("two workers", lambda: len(workers(service)) == 2)
        before = workers(service)
        for pid in before:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        with crowd(service.bind, b"", 4 * FEW):
            assert http.get(service, "/healthz").status == 200
        assert workers(service) == before
        assert "no descriptor is left" in service.log.read_text(encoding="utf-8")
    finally:
        service.end()
