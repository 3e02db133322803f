"""What it takes to read EC2's listing of 10,000 machines: our reader beside botocore's own.

The whole way counts: the adapter, the requests' signatures, pages as large as EC2's, our values.
Python looks for garbage later, as in a pass; else botocore takes twice as long, and we do not.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from provisioner.adapters.aws import client_factory
from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.loop.converge import without_cycle_collection
from provisioner.ports.ec2 import Instance
from tests.bench.fleets import machine
from tests.bench.table import Row
from tests.ec2_pages import Answering, pages_in
from tests.fakes.clock import START, FakeClock
from tests.fakes.machines import Machine, Manners
from tests.workbench import SITE

SIZE, TIMES, RATIO = 10_000, 3, 0.2
REGION = "us-east-1"
_KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        listing = Listing(Path(folder), [machine(number) for number in range(SIZE)])
        ours, theirs = (
            _spent(Ec2Cloud(Answering(make, listing.paths), FakeClock()))
            for make in (client_factory(**_KEYS), _botocores)
        )
        megabytes = sum(path.stat().st_size for path in listing.paths) / 1e6
    return [
        Row(
            what=f"reading {len(listing.paths)} pages of EC2's, {megabytes:.0f} MB: CPU time",
            measured=f"{ours:.2f} s",
            bound="-",
            ok=True,
        ),
        Row(
            what=f"the same beside botocore's own parser, which takes {theirs:.2f} s",
            measured=f"{ours / theirs:.3f} x",
            bound=f"<= {RATIO} x",
            ok=ours <= RATIO * theirs,
        ),
    ]


def _botocores(service: str, region: str) -> Any:
    return boto3.Session(**_KEYS).client("ec2", region_name=region)


def _spent(cloud: Ec2Cloud) -> float:
    """CPU seconds, the best of some; at the first the client is made as well."""
    return min(_one(cloud) for _ in range(TIMES))


def _one(cloud: Ec2Cloud) -> float:
    with without_cycle_collection():
        began = time.process_time()
        found = cloud.instances(REGION, SITE)
        spent = time.process_time() - began
    if len(found) != SIZE:
        raise RuntimeError(f"{len(found)} of {SIZE} machines were listed")
    return spent


@dataclass
class Listing:
    """A region's machines in pages, as the adapter asks for them and reads them."""

    folder: Path
    machines: list[Machine]
    paths: list[Path] = field(init=False)
    region: Answering = field(init=False)

    def __post_init__(self) -> None:
        seen = [each.seen(Manners(), START) for each in self.machines]
        self.paths = pages_in(self.folder, seen)
        self.region = Answering(client_factory(**_KEYS), self.paths)
        self._cloud = Ec2Cloud(self.region, FakeClock())

    def instances(self) -> tuple[Instance, ...]:
        return self._cloud.instances(REGION, SITE)
