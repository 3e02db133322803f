from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.ca_server import PuppetServer
from tests.service.contract_ca.stages import FaultyStage, InMemory, OverHttps


@pytest.fixture
def puppet(tmp_path: Path) -> Iterator[PuppetServer]:
    with PuppetServer(tmp_path) as server:
        yield server


@pytest.fixture(params=["in memory", "over HTTPS"])
def stage(request: pytest.FixtureRequest) -> FaultyStage:
    if request.param == "in memory":
        return InMemory()
    return OverHttps(request.getfixturevalue("puppet"))
