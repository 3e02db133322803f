"""What the in-memory EC2 keeps of its machines, and how each looks at a given time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from enc.domain.model import Market
from provisioner.ports.ec2 import Instance, InstanceState, Subnet, Volume


@dataclass
class Manners:
    """How long EC2 takes to show what it has done; seconds of the test's clock, 0 is at once."""

    pending_s: float = 0.0
    dns_s: float = 0.0
    shutdown_s: float = 0.0
    forget_s: float = 3600.0  # a dead machine is listed for about an hour
    hidden_s: float = 0.0  # a listing by tags misses a new machine
    unknown_s: float = 0.0  # a question by id answers InvalidInstanceID.NotFound
    template_s: float = 0.0  # CreateFleet does not find a new template
    replay_lists: bool = True  # False: a replayed CreateFleet does nothing and lists nothing


@dataclass(kw_only=True)
class Machine:
    id: str
    region: str
    subnet: Subnet
    instance_type: str
    market: Market
    born: datetime
    image: str
    address: str
    public: bool
    tags: dict[str, str]
    user_data: str = ""
    disks: tuple[Volume, ...] = ()
    disk_tags: Mapping[str, str] = field(default_factory=dict)
    ended: datetime | None = None
    stopped: bool = False
    reason: str = ""

    def age(self, now: datetime) -> float:
        return (now - self.born).total_seconds()

    def state(self, manners: Manners, now: datetime) -> InstanceState:
        if self.ended is not None:
            dead = now - self.ended >= timedelta(seconds=manners.shutdown_s)
            return InstanceState.TERMINATED if dead else InstanceState.SHUTTING_DOWN
        if self.stopped:
            return InstanceState.STOPPED
        up = self.age(now) >= manners.pending_s
        return InstanceState.RUNNING if up else InstanceState.PENDING

    def forgotten(self, manners: Manners, now: datetime) -> bool:
        return self.ended is not None and (now - self.ended).total_seconds() > manners.forget_s

    def seen(self, manners: Manners, now: datetime) -> Instance:
        """A terminated machine has no names and addresses left; a new one has no names yet."""
        state = self.state(manners, now)
        gone = state is InstanceState.TERMINATED
        named = not gone and self.age(now) >= manners.dns_s
        private, public = self._names() if named else ("", "")
        return Instance(
            id=self.id,
            state=state,
            region=self.region,
            zone=self.subnet.zone,
            instance_type=self.instance_type,
            market=self.market,
            launched_at=self.born,
            image=self.image,
            vpc="" if gone else self.subnet.vpc,
            private_ip="" if gone else self._address(),
            private_dns=private,
            public_dns=public if self.public else "",
            state_reason=self.reason,
            tags=dict(self.tags),
        )

    def _address(self) -> str:
        return f"2001:db8::{self.address}" if self.subnet.ipv6_only else self.address

    def _names(self) -> tuple[str, str]:
        """Without IPv4 it is named by its id."""
        private, public = names(self.address, self.region)
        if self.subnet.ipv6_only:
            return f"{self.id}.{private.partition('.')[2]}", ""
        return private, public


def disks_of(image: tuple[Volume, ...], launch: tuple[Volume, ...]) -> tuple[Volume, ...]:
    """The image's volumes, changed and added to by the launch."""
    made = {disk.device: disk for disk in image}
    for change in launch:
        said = {name: value for name, value in vars(change).items() if value is not None}
        new = Volume(device=change.device, delete_on_termination=True)
        made[change.device] = replace(made.get(change.device, new), **said)
    return tuple(made.values())


@cache
def names(address: str, region: str) -> tuple[str, str]:
    """The private and the public DNS name of an address. us-east-1 came first and is shorter."""
    dashed = address.replace(".", "-")
    first = region == "us-east-1"
    inside = "ec2.internal" if first else f"{region}.compute.internal"
    outside = "compute-1" if first else f"{region}.compute"
    return f"ip-{dashed}.{inside}", f"ec2-{dashed}.{outside}.amazonaws.com"


@dataclass
class Machines:
    """All of them, by id. New ones get the addresses of the dead first, as they may on EC2."""

    manners: Manners
    by_id: dict[str, Machine] = field(default_factory=dict)
    made: int = 0
    _addresses: int = 0
    _freed: deque[tuple[datetime, str]] = field(default_factory=deque)

    def next_id(self) -> str:
        self.made += 1
        return f"i-{self.made:017x}"

    def add(self, machine: Machine) -> None:
        self.by_id[machine.id] = machine

    def end(self, instance_id: str, now: datetime, reason: str) -> None:
        """Idempotent: the first end is the one that counts."""
        machine = self.by_id[instance_id]
        if machine.ended is None:
            machine.ended, machine.reason = now, reason
            down = now + timedelta(seconds=self.manners.shutdown_s)
            self._freed.append((down, machine.address))

    def known(self, region: str, instance_id: str, now: datetime) -> Machine | None:
        """By id: not one of another region, too new, or long dead."""
        machine = self.by_id.get(instance_id)
        if machine is None or machine.region != region:
            return None
        hidden = machine.age(now) < self.manners.unknown_s
        return None if hidden or machine.forgotten(self.manners, now) else machine

    def listed(self, region: str, now: datetime) -> Iterator[Machine]:
        for machine in self.by_id.values():
            hidden = machine.age(now) < self.manners.hidden_s
            there = machine.region == region and not hidden
            if there and not machine.forgotten(self.manners, now):
                yield machine

    def address(self, now: datetime) -> str:
        if self._freed and self._freed[0][0] <= now:
            return self._freed.popleft()[1]
        self._addresses += 1
        number = self._addresses + 9
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
