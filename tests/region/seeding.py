"""A region that can be launched in: the same ids after every reset."""

from __future__ import annotations

import json
from typing import Any

from tests.region import world
from tests.region.state import Store

REGION = "us-east-1"
CIDR = "10.20.0.0/16"
# Zone, address range, public addresses by default. Zone a has two: a fleet may name only one.
SUBNETS = [
    ("a", "10.20.0.0/19", False),
    ("a", "10.20.224.0/24", True),
    ("b", "10.20.32.0/19", False),
    ("c", "10.20.64.0/19", False),
]
IPV6_CIDR = "2001:db8:20:1::/64"
KEY, PROFILE, GROUP = "ops", "node", "nodes"
KEY_TEXT = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkN0rUyvl+8R5TWYTBPIBEtcXTlEQbYvPYWxkCVd4d ops"
DATA_DISK = "/dev/sdf"
IMAGE_NAME, PARAMETER = "debian-12-amd64", "/aws/service/debian/release/12/latest/amd64"


def seed(store: Store) -> dict[str, Any]:
    """What is there now, by the fields of ``handle.World``."""
    here = world.backend(store.region)
    vpc = here.create_vpc(CIDR)
    vpc.enable_dns_hostnames = True
    subnets: dict[str, list[str]] = {}
    for letter, cidr, public in SUBNETS:
        zone = f"{store.region}{letter}"
        made = here.create_subnet(vpc.id, cidr, availability_zone=zone)
        made.map_public_ip_on_launch = public
        subnets.setdefault(zone, []).append(made.id)
    alone = here.create_subnet(
        vpc.id, None, IPV6_CIDR, availability_zone=f"{store.region}c", ipv6_native=True
    )
    alone.map_public_ip_on_launch = False
    group = here.create_security_group(GROUP, "nodes", vpc_id=vpc.id)
    here.import_key_pair(KEY, KEY_TEXT, {})
    store.profiles.add(PROFILE)
    image, older = _image(here, IMAGE_NAME), _image(here, f"{IMAGE_NAME}-older")
    world.put_parameter(store.region, PARAMETER, image)
    baked = _image(here, "baked", root="/dev/sda1", keeps=True, more_disks=(DATA_DISK,))
    return {
        "region": store.region,
        "vpc": vpc.id,
        "subnets": subnets,
        "security_group": group.id,
        "key_name": KEY,
        "profile": PROFILE,
        "image": image,
        "other_image": older,
        "image_parameter": PARAMETER,
        "ipv6_subnet": alone.id,
        "baked_image": baked,
        "diskless_image": _image(here, "diskless", kind="instance-store"),
    }


def _image(
    here: Any,
    name: str,
    *,
    root: str = "/dev/xvda",
    kind: str = "ebs",
    keeps: bool = False,
    more_disks: tuple[str, ...] = (),
) -> str:
    """``keeps``: its volumes outlive the machine, unless the launch says otherwise."""
    made = here.register_image(name=name, description=name)
    made.root_device_name, made.architecture = root, "x86_64"
    made.root_device_type, made.virtualization_type = kind, "hvm"
    made.keeps, made.more_disks = keeps, more_disks
    return str(made.id)


def queue(region: str, name: str) -> str:
    """A queue that hears of interruptions and rebalancing; its URL's path."""
    made = world.backend(region, "sqs").create_queue(name, {})
    events = world.backend(region, "events")
    pattern = {"source": ["aws.ec2"]}
    events.put_rule(name=name, event_pattern=json.dumps(pattern), state="ENABLED")
    events.put_targets(name, None, [{"Id": name, "Arn": made.queue_arn}])
    return f"/{world.ACCOUNT}/{name}"
