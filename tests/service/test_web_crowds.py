"""The service before two thousand clients that are idle, slow, or stop half-way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enc.inventory import Inventory
from tests.builders import event, node, role
from tests.servers import RedisServer, Service
from tests.service import http
from tests.service.crowds import MANNERS, crowd

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
