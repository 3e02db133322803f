"""EC2: what we ask of it, and what it answers. Its errors are in ``errors``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from enc.domain.model import Market
from provisioner.ports.errors import CloudError, Trouble


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Where spare capacity lies. EC2 prices and empties each on its own."""

    market: Market
    instance_type: str
    zone: str

    def __str__(self) -> str:
        return f"{self.market}:{self.instance_type}:{self.zone}"


class InstanceState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A machine as EC2 lists it. Names and addresses may be empty at first, and are when dead.

    ``private_ip`` is its IPv4 address in the network; where it has IPv6 alone, that one.
    """

    id: str
    state: InstanceState
    region: str
    zone: str
    instance_type: str
    market: Market
    launched_at: datetime
    image: str = ""
    vpc: str = ""
    private_ip: str = ""
    private_dns: str = ""
    public_dns: str = ""
    state_reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        return self.state not in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """``free_addresses`` of IPv4. One that has IPv6 alone has none of those, and is not full."""

    id: str
    zone: str
    vpc: str
    free_addresses: int
    ipv6_only: bool = False

    @property
    def room(self) -> int:
        """The least that EC2 gives a subnet of IPv6 is a /64."""
        return 2**64 if self.ipv6_only else self.free_addresses


@dataclass(frozen=True, kw_only=True)
class Volume:
    """An EBS volume that a launch makes. None: as the image has it, or else EC2's default.

    ``size`` in GiB, ``throughput`` in MiB/s. ``delete_on_termination``: it ends with its machine.
    """

    device: str
    size: int | None = None
    type: str | None = None
    encrypted: bool | None = None
    kms_key: str | None = None
    iops: int | None = None
    throughput: int | None = None
    delete_on_termination: bool | None = None


@dataclass(frozen=True, kw_only=True)
class TypeOffer:
    """An instance type as a region has it. ``architectures`` as in x86_64, arm64."""

    architectures: tuple[str, ...]
    zones: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a launch stands on, looked up before anything is written.

    ``root`` is the name of the image's root device, ``disks`` the EBS volumes that it brings; the
    root is among them unless it is on instance store. ``types`` lacks those that the region does
    not offer. It is None where EC2 could not be asked, and ``types_error`` says why; that says
    nothing of any type.
    """

    image: str  # an AMI id, also where the role says resolve:ssm:/path
    subnets: tuple[Subnet, ...]
    root: str = ""
    disks: tuple[Volume, ...] = ()
    architecture: str = ""
    types: Mapping[str, TypeOffer] | None = None
    types_error: str = ""


@dataclass(frozen=True, kw_only=True)
class GroundRequest:
    """What to look up: ids as the role has them."""

    region: str
    image: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    key_name: str | None = None
    instance_types: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TemplateRequest:
    """A launch template for one launch. It carries the key: user_data is never shown.

    IMDSv2 is required and shutdown terminates, always. ``token`` makes a repeat harmless.
    ``ipv6``: some machines have no IPv4, and reach the metadata service by IPv6.
    ``volumes`` are all that a launch makes; ``options`` are those of the role's, by its own names.
    ``tags`` go on the template itself and on the volumes
    and network interfaces of its machines; those of the machines come with each fleet request.
    """

    region: str
    name: str
    token: str
    image: str
    security_groups: tuple[str, ...]
    user_data: str = field(repr=False)
    key_name: str | None = None
    instance_profile: str | None = None
    public_ip: bool | None = None
    ipv6: bool = False
    volumes: tuple[Volume, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FleetRequest:
    """One CreateFleet call of type instant. A repeat with the same token must be identical.

    ``overrides`` are (instance type, subnet id): at most one subnet of a zone.
    """

    region: str
    token: str
    template: str  # its name
    market: Market
    count: int
    overrides: tuple[tuple[str, str], ...]
    max_price: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FleetInstance:
    """What a fleet answer says of a machine; the rest is for DescribeInstances to tell."""

    id: str
    market: Market
    instance_type: str
    subnet: str


@dataclass(frozen=True, kw_only=True)
class PoolRefusal:
    """An error inside a 200. ``subnet`` and ``instance_type`` are empty where EC2 names none.

    ``hint`` is what the user can do about it.
    """

    trouble: Trouble
    code: str
    message: str
    market: Market
    instance_type: str = ""
    subnet: str = ""
    hint: str = ""

    @classmethod
    def of(cls, error: CloudError, market: Market) -> PoolRefusal:
        """What a call that failed as a whole says of all its pools."""
        code, message, hint = error.code, error.message, error.hint
        return cls(trouble=error.trouble, code=code, message=message, market=market, hint=hint)

    def error(self, action: str) -> CloudError:
        return CloudError(self.trouble, self.code, self.message, action=action, hint=self.hint)

    @property
    def names_a_pool(self) -> bool:
        """Whether it speaks of some pools, and so not of the whole request."""
        return bool(self.instance_type or self.subnet)


@dataclass(frozen=True, kw_only=True)
class FleetAnswer:
    """Both, either or neither may be empty."""

    instances: tuple[FleetInstance, ...] = ()
    refusals: tuple[PoolRefusal, ...] = ()


class Cloud(Protocol):
    """EC2, as much of it as we use. Every method may raise CloudError.

    A listing is whole or an error: a page that does not come is never a shorter list.
    """

    def guarded(self, check: Callable[[], None]) -> Cloud:
        """The same, asking ``check`` before each request of a call that takes several."""

    def account(self) -> str:
        """The account id of the credentials (STS)."""

    def regions(self) -> tuple[str, ...]:
        """Every region that is enabled for the account."""

    def ground(self, request: GroundRequest) -> Ground:
        """Look up image, subnets, groups, key and types. MALFORMED names one that is not there.

        An instance type that is not there is no error, nor is it one that types cannot be read.
        """

    def create_template(self, request: TemplateRequest) -> None:
        """Make it, once: a repeat with the same name and tags finds it made."""

    def delete_template(self, region: str, name: str) -> None:
        """Delete it; one that is not there is as good as deleted."""

    def templates(self, region: str, site: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
        """Our launch templates: (name, tags)."""

    def create_fleet(self, request: FleetRequest) -> FleetAnswer:
        """Ask for machines once. Errors inside a 200 are refusals, those that will not pass too.

        UNKNOWN_OUTCOME: ask again with the identical request. After any answer a new attempt needs
        a new token.
        """

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        """Every machine of the site (by tag ``rolecall:site``), dead ones too while EC2 lists them.

        ``tags`` narrows it, as in {"rolecall:launch": "l-…"}.
        """

    def everyone(self, region: str) -> tuple[Instance, ...]:
        """Every machine of the region, whoever launched it."""

    def describe(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        """By id. What EC2 does not know is left out, which is no proof that it is gone."""

    def terminate(self, region: str, ids: Sequence[str]) -> frozenset[str]:
        """Terminate; idempotent. Returns the ids unknown to EC2; all others are accepted."""

    def tag(self, region: str, ids: Sequence[str], tags: Mapping[str, str]) -> None: ...

    def skew(self, region: str) -> timedelta | None:
        """How far EC2's clock was ahead of ours at its last answer there; to a second or two.

        Nothing is asked; None where it has not answered yet.
        """
