"""The simulated region: one server for the ring, as new in every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.region.handle import Region, World


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
