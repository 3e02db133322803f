"""Two EC2s that the contract is held against: in memory, and the real adapter over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import pytest

from enc.domain.model import Market
from provisioner.ports.ec2 import (
    Cloud,
    FleetRequest,
    GroundRequest,
    Instance,
    TemplateRequest,
    Volume,
)
from provisioner.ports.errors import CloudError, Trouble
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, GROUP, IMAGE, KEY, PARAMETER, REGION, FakeCloud
from tests.fakes.script import CODES
from tests.region.handle import Region, World

SITE = {"rolecall:site": "default"}
TAGS = {**SITE, "rolecall:launch": "l-1", "Name": "pdf2swf"}
KIND, ARM = "c5.large", "c6g.large"


class Stage(Protocol):
    """A cloud with something to launch in, and the hands to make it behave."""

    account: str
    image: str
    baked: str  # an image with two volumes that it would leave behind, its root at /dev/sda1
    diskless: str  # an image without a volume
    parameter: str
    subnets: dict[str, str]  # zone -> subnet
    twin: str  # another subnet of the first zone
    ipv6_subnet: str  # without IPv4
    group: str
    key: str

    @property
    def cloud(self) -> Cloud: ...

    def capacity(self, pattern: str, number: int | None, *, after_s: float = 0.0) -> None: ...

    def refuse(self, pattern: str, trouble: Trouble) -> None:
        """Pools that match answer this inside a 200."""

    def price(self, instance_type: str, dollars: float) -> None:
        """What spot costs an hour."""

    def withdraw(self, instance_type: str, zone: str) -> None:
        """A zone, or each one (*), does not offer the type."""

    def fail(self, action: str, trouble: Trouble, *, times: int = 1) -> None:
        """The next calls of a method of the port are refused, and nothing is done."""

    def lose(self, action: str) -> None:
        """The next call is done, and its answer lost."""

    def manners(self, **seconds: float) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def interrupt(self, instance_id: str) -> None: ...

    def disrupt(self, zone: str) -> None: ...

    def disks(self, instance_id: str) -> dict[str, bool]:
        """Its volumes by device, and whether each ends with it."""

    def disk_tags(self, instance_id: str) -> Mapping[str, str]: ...

    def deny(self, region: str) -> None:
        """The organisation's policy denies everything there."""


class InMemory:
    """The fake that the tests of the launch stand on."""

    account, image, parameter, group, key = ACCOUNT, IMAGE, PARAMETER, GROUP, KEY

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cloud = FakeCloud(self.clock)
        self.subnets = {subnet.zone: subnet.id for subnet in self.cloud.subnets.values()}
        self.twin = "subnet-twin"
        first = next(iter(self.cloud.subnets.values()))
        self.cloud.subnets[self.twin] = replace(first, id=self.twin)
        self.ipv6_subnet = "subnet-ipv6"
        alone = replace(first, id=self.ipv6_subnet, free_addresses=0, ipv6_only=True)
        self.cloud.subnets[self.ipv6_subnet] = alone
        self.capacity, self.interrupt = self.cloud.capacity, self.cloud.interrupt
        self.refuse, self.wait = self.cloud.refuse, self.clock.step
        self.disrupt, self.price = self.cloud.disrupted.add, self.cloud.price
        self.baked, self.diskless = "ami-0baked", "ami-0diskless"
        stays = tuple(
            Volume(device=device, delete_on_termination=False)
            for device in ("/dev/sda1", "/dev/sdf")
        )
        self.cloud.images |= {self.baked: ("/dev/sda1", stays), self.diskless: ("/dev/xvda", ())}

    def disks(self, instance_id: str) -> dict[str, bool]:
        found = self.cloud.machines.by_id[instance_id].disks
        return {disk.device: bool(disk.delete_on_termination) for disk in found}

    def disk_tags(self, instance_id: str) -> Mapping[str, str]:
        return self.cloud.machines.by_id[instance_id].disk_tags

    def withdraw(self, instance_type: str, zone: str) -> None:
        for each in self.subnets if zone == "*" else [zone]:
            self.cloud.withdraw(instance_type, each)

    def fail(self, action: str, trouble: Trouble, *, times: int = 1) -> None:
        self.cloud.fail(action, trouble, times=times)

    def lose(self, action: str) -> None:
        self.cloud.fail(action, Trouble.UNKNOWN_OUTCOME, after=True)

    def deny(self, region: str) -> None:
        self.cloud.region_names.add(region)
        self.cloud.denied.add(region)

    def manners(self, **seconds: float) -> None:
        for name, value in seconds.items():
            assert hasattr(self.cloud.manners, name)
            setattr(self.cloud.manners, name, value)


# What the adapter calls for a method of the port.
ACTIONS = {
    "account": "GetCallerIdentity",
    "ground": "DescribeSubnets",
    "create_template": "CreateLaunchTemplate",
    "delete_template": "DeleteLaunchTemplate",
    "templates": "DescribeLaunchTemplates",
    "create_fleet": "CreateFleet",
    "instances": "DescribeInstances",
    "everyone": "DescribeInstances",
    "describe": "DescribeInstances",
    "terminate": "TerminateInstances",
    "tag": "CreateTags",
}
ENDLESS = -1


class OverHttp:
    """The adapter and a simulated region."""

    account = "123456789012"

    def __init__(self, cloud: Cloud, region: Region, world: World) -> None:
        self.cloud, self._region = cloud, region
        self.image, self.parameter = world.image, world.image_parameter
        self.baked, self.diskless = world.baked_image, world.diskless_image
        self.group, self.key = world.security_group, world.key_name
        self.subnets = dict(zip(world.zones, world.one_per_zone, strict=True))
        self.twin = world.subnets[world.zones[0]][1]
        self.ipv6_subnet = world.ipv6_subnet
        self.capacity, self.wait = region.capacity, region.advance
        self._refused: list[dict[str, Any]] = []
        region.configure(reuse_addresses=True)

    def refuse(self, pattern: str, trouble: Trouble) -> None:
        self._refused.append({"pool": pattern, "code": CODES[trouble], "times": ENDLESS})
        self._region.configure(pool_errors=self._refused)

    def withdraw(self, instance_type: str, zone: str) -> None:
        self._region.configure(not_offered=[f"{instance_type}:{zone}"])

    def price(self, instance_type: str, dollars: float) -> None:
        self._region.configure(spot_price={instance_type: dollars})

    def fail(self, action: str, trouble: Trouble, *, times: int = 1) -> None:
        # A call that may be repeated is, by the adapter: such a fault must last.
        doing = action in {"create_fleet", "create_template"}
        code = "Unavailable" if trouble is Trouble.UNAVAILABLE else CODES[trouble]
        self._region.fault(ACTIONS[action], code, times=times if doing else ENDLESS)

    def lose(self, action: str) -> None:
        self._region.fault(ACTIONS[action], cut="after")

    def manners(self, **seconds: float) -> None:
        self._region.configure(**seconds)

    def interrupt(self, instance_id: str) -> None:
        self._region.interrupt(instance_id, notice_s=0)

    def disrupt(self, zone: str) -> None:
        self._region.configure(disrupted_zones=[zone])

    def disks(self, instance_id: str) -> dict[str, bool]:
        found = self._region.instance(instance_id)["volumes"]
        return {device: each["DeleteOnTermination"] for device, each in found.items()}

    def disk_tags(self, instance_id: str) -> Mapping[str, str]:
        true = self._region.instance(instance_id)
        assert true["volume_tags"] == (true["interface_tags"] if true["volumes"] else {})
        tags: Mapping[str, str] = true["interface_tags"]
        return tags

    def deny(self, region: str) -> None:
        self._region.deny(region)


def template(stage: Stage, **changes: Any) -> TemplateRequest:
    plain = TemplateRequest(
        region=REGION,
        name="rolecall-l-1",
        token="l-1",
        image=stage.image,
        security_groups=(stage.group,),
        user_data="#cloud-config\n",
        key_name=stage.key,
        public_ip=True,
        tags={**SITE, "rolecall:launch": "l-1"},
    )
    return replace(plain, **changes)


def fleet(stage: Stage, **changes: Any) -> FleetRequest:
    """Three spot machines over all zones."""
    plain = FleetRequest(
        region=REGION,
        token="l-1-1",
        template="rolecall-l-1",
        market=Market.SPOT,
        count=3,
        overrides=tuple((KIND, subnet) for subnet in stage.subnets.values()),
        tags=TAGS,
    )
    return replace(plain, **changes)


def ground(stage: Stage, **changes: Any) -> GroundRequest:
    plain = GroundRequest(
        region=REGION,
        image=stage.image,
        subnets=tuple(stage.subnets.values()),
        security_groups=(stage.group,),
        key_name=stage.key,
    )
    return replace(plain, **changes)


def launched(stage: Stage, **changes: Any) -> list[str]:
    answer = stage.cloud.create_fleet(fleet(stage, **changes))
    return [instance.id for instance in answer.instances]


def listed(stage: Stage, **tags: str) -> tuple[Instance, ...]:
    return stage.cloud.instances(REGION, "default", tags)


def one(stage: Stage, instance_id: str) -> Instance:
    return stage.cloud.describe(REGION, [instance_id])[instance_id]


def trouble(caught: pytest.ExceptionInfo[CloudError]) -> Trouble:
    return caught.value.trouble
