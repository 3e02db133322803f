"""The simulated region: one server for the ring, as new in every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.ca_server import PuppetServer
from tests.region.handle import Region, World
from tests.region_ring.cli import Operator
from tests.region_ring.operators import Operators


@pytest.fixture(scope="session")
def region_server() -> Iterator[Region]:
    with Region.start() as region:
        yield region


@pytest.fixture(scope="session")
def region_client(region_server: Region) -> Any:
    return region_server.client("ec2")


@pytest.fixture
def region(region_server: Region) -> Iterator[Region]:
    """A new region with nothing in it. It fails the test in which it dies itself."""
    region_server.reset()
    yield region_server
    assert region_server.crashes() == []


@pytest.fixture
def world(region: Region) -> World:
    """What there is to launch with."""
    return region.seed()


@pytest.fixture
def ec2(region: Region, region_client: Any) -> Any:
    """A client that does not retry."""
    return region_client


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture
def puppet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PuppetServer]:
    """A CA and a PuppetDB over HTTPS, before which ``operator`` works."""
    with PuppetServer(tmp_path_factory.mktemp("puppet")) as found:
        yield found


@pytest.fixture
def operator(operators: Operators, puppet: PuppetServer) -> Operator:
    made = operators.new()
    made.env |= puppet.env()
    return made
