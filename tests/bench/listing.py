"""How many calls the adapter needs to list a region that gives pages of the size asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provisioner.adapters.ec2 import Ec2Cloud
from tests.fakes.clock import START, FakeClock
from tests.workbench import SITE


def calls_to_list(machines: int) -> int:
    region = PagedRegion(machines)
    found = Ec2Cloud(region, FakeClock()).instances("us-east-1", SITE)
    if len(found) != machines:
        raise RuntimeError(f"{len(found)} of {machines} machines were listed")
    return region.calls


@dataclass
class PagedRegion:
    """A client factory, and its one client: each machine is in a reservation of its own."""

    machines: int
    calls: int = 0

    def __call__(self, service: str, region: str) -> PagedRegion:
        return self

    def describe_instances(self, **asked: Any) -> dict[str, Any]:
        self.calls += 1
        first = int(asked.get("NextToken", "0"))
        past = min(first + asked["MaxResults"], self.machines)
        page = {"Reservations": [{"Instances": [_listed(n)]} for n in range(first, past)]}
        return page | ({"NextToken": str(past)} if past < self.machines else {})


def _listed(number: int) -> dict[str, Any]:
    return {
        "InstanceId": f"i-{number:017x}",
        "State": {"Name": "running"},
        "LaunchTime": START,
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "InstanceType": "c5.large",
        "Tags": [{"Key": "rolecall:site", "Value": SITE}],
    }
