"""A request, and a machine as EC2 lists it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from enc.domain.model import Market
from provisioner.ports.ec2 import FleetRequest

REGION = "us-east-1"
FLEET = FleetRequest(
    region=REGION,
    token="l-1-1",
    template="rolecall-l-1",
    market=Market.SPOT,
    count=3,
    overrides=(("c5.large", "subnet-b"),),
)
LAUNCHED = datetime(2026, 1, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
LISTED = {
    "InstanceId": "i-1",
    "State": {"Name": "running"},
    "LaunchTime": LAUNCHED,
    "Placement": {"AvailabilityZone": "us-east-1a"},
    "InstanceType": "c5.large",
    "Tags": [{"Key": "rolecall:site", "Value": "default"}],
}
