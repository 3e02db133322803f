"""One body of tests for anything that calls itself Cloud: it runs twice.

In memory: the fake that the tests of the launch stand on, on a clock that is stepped. Over HTTP:
the real adapter against the simulated region.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.adapters.aws import client_factory
from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.ports.ec2 import Cloud
from tests.fakes.clock import FakeClock
from tests.region.handle import Region
from tests.region_ring.contract.stages import InMemory, OverHttp, Stage, template

# EC2's smallest, so that a listing of a few machines has several.
SMALL_PAGE = 5


@pytest.fixture(scope="module")
def ec2_cloud(region_server: Region) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in region_server.env().items():
            environment.setenv(name, value)
        yield Ec2Cloud(client_factory(), FakeClock(), page=SMALL_PAGE)


@pytest.fixture(params=["in memory", "over HTTP"])
def stage(request: pytest.FixtureRequest) -> Stage:
    if request.param == "in memory":
        return InMemory()
    region: Region = request.getfixturevalue("region")
    cloud: Cloud = request.getfixturevalue("ec2_cloud")
    return OverHttp(cloud, region, region.seed())


@pytest.fixture
def ready(stage: Stage) -> Stage:
    """With its template made."""
    stage.cloud.create_template(template(stage))
    return stage
