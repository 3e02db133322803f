"""EC2 behind boto3, with nothing but our own code real."""

from __future__ import annotations

import pytest

from provisioner.adapters.ec2 import Ec2Cloud
from tests.fakes.aws import FakeAws
from tests.fakes.clock import FakeClock


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cloud(aws: FakeAws, clock: FakeClock) -> Ec2Cloud:
    return Ec2Cloud(aws, clock)
