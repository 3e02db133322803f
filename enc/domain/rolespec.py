"""A role, checked: the values behind roles.yaml with every default filled in.

docs/roles.md tells users what each key means; a test holds the two together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from enc.domain import rolefields as f
from enc.domain.classify import class_name
from enc.domain.durations import Duration
from enc.domain.limits import Limits
from enc.domain.model import Market, Role

# Fields that are filled in by us: in the file they are unknown keys.
OURS = frozenset({("name",), ("spec_hash",), ("launch", "puppet_server", "ca_pem")})

ROOT = "root"  # in volumes: the image's root device, whatever its name
BURSTABLE = re.compile(r"t[0-9]")

_PORT = Field(ge=1, le=65535)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class VolumeSpec(_Section):
    """``size`` in GiB, ``throughput`` in MiB/s. ``encrypted`` false: as image and account say.

    Bounds: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html
    """

    size: Annotated[int, Field(ge=1, le=65536)] | None = Field(default=None, examples=[20])
    type: Literal["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"] = "gp3"
    encrypted: bool = False
    kms_key: f.KmsKey | None = None
    iops: Annotated[int, Field(ge=100, le=256_000)] | None = None
    throughput: Annotated[int, Field(ge=125, le=2000)] | None = None
    delete_on_termination: bool = True

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        with_iops = ("gp3", "io1", "io2")
        if self.kms_key and not self.encrypted:
            raise f.wrong("kms_key needs encryption", "write encrypted: true", kind="cross")
        if self.iops is not None and self.type not in with_iops:
            hint = f"take it out, or one of the types {', '.join(with_iops)}"
            raise f.wrong(f"iops cannot be chosen for type {self.type}", hint, kind="cross")
        if self.iops is None and self.type in with_iops[1:]:
            raise f.wrong(f"type {self.type} needs iops", "as in iops: 3000", kind="cross")
        if self.throughput is not None and self.type != "gp3":
            hint = "take it out, or type gp3"
            raise f.wrong(f"throughput cannot be chosen for type {self.type}", hint, kind="cross")
        return self


def _sized(volumes: dict[str, VolumeSpec]) -> dict[str, VolumeSpec]:
    for name, volume in volumes.items():
        if volume.size is None and name != ROOT:
            hint = f"as in size: 20; only {ROOT} may have none, and then has the image's size"
            raise f.wrong(f"{name} has no size", hint, kind="cross")
    return volumes


class MachineOptions(_Section):
    """What EC2's launch template takes as it stands here; ec2_template has EC2's names."""

    http_put_response_hop_limit: int = Field(default=1, ge=1, le=64)
    credit_specification: Literal["standard", "unlimited"] | None = None
    monitoring: bool = False
    ebs_optimized: bool = False


class PuppetServer(_Section):
    """Whom the agent asks. ``ca`` is the path as written, ``ca_pem`` the certificates in it.

    ``host`` is also the agent's own default, so that a role need not say it.
    """

    host: f.Host = "puppet"
    address: f.Address | None = None
    port: Annotated[int, _PORT] = 8140
    ca: str | None = Field(default=None, min_length=1, max_length=4096)
    ca_pem: str | None = None


class PuppetInstall(_Section):
    """How the agent gets onto the machine."""

    install: Literal["packages", "aio", "openvox", "none"] = "packages"
    package: f.Package = "puppet-agent"

    @model_validator(mode="before")
    @classmethod
    def _name_of_the_vendor(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("install") == "openvox":
            return {"package": "openvox-agent", **given}
        return given


class LaunchSpec(MachineOptions):
    """How machines of the role are asked for. ``max_price`` in US dollars an hour."""

    region: f.Region = Field(examples=["us-east-1"])
    subnets: Annotated[tuple[f.SubnetId, ...], f.Distinct] = Field(
        min_length=1, max_length=50, examples=["[subnet-0123456789abcdef0]"]
    )
    security_groups: Annotated[tuple[f.GroupId, ...], f.Distinct] = Field(default=(), max_length=16)
    key_name: f.KeyName | None = None
    instance_profile: f.InstanceProfile | None = None
    tags: dict[f.TagKey, f.TagValue] = Field(default={}, max_length=40)
    volumes: Annotated[dict[f.Device, VolumeSpec], AfterValidator(_sized)] = Field(
        default={}, max_length=40
    )
    public_ip: bool | None = None
    puppet_server: PuppetServer | None = PuppetServer()
    image: f.Image = Field(examples=["ami-0123456789abcdef0"])
    instance_types: Annotated[tuple[f.InstanceType, ...], f.Distinct] = Field(
        min_length=1, max_length=40, examples=["[c5.large, c5a.large]"]
    )
    market: Market = Market.SPOT
    spot_deadline: f.Moment = Duration("5m")
    fallback: Literal["on-demand", "none"] = "on-demand"
    max: int = Field(default=100, ge=1, le=1000)
    max_price: float | None = Field(default=None, ge=0.0001, le=10_000)
    puppet: PuppetInstall = PuppetInstall()
    extra_user_data: f.UserData | None = None

    @model_validator(mode="after")
    def _can_be_launched(self) -> Self:
        fixed = [kind for kind in self.instance_types if not BURSTABLE.match(kind)]
        if self.credit_specification and fixed:
            message = f"{fixed[0]} has no CPU credits, so credit_specification cannot be used"
            raise f.wrong(message, "take it out, or keep T types alone (t3.small)", kind="cross")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Of the machine, those that are set."""
        said = {name: getattr(self, name) for name in MachineOptions.model_fields}
        return {name: value for name, value in said.items() if value}

    @model_validator(mode="after")
    def _dearer_only_if_said(self) -> Self:
        """With a cap on the price, on-demand is bought only where ``fallback`` is written."""
        if self.max_price is None or "fallback" in self.model_fields_set:
            return self
        return self.model_copy(update={"fallback": "none"})


class FleetSpec(_Section):
    """What converge keeps. ``size`` None: nothing; ``max_age`` None: no node is too old.

    ``rebalance``: EC2 recommends to replace spot machines far more often than it takes one back
    (https://github.com/aws/karpenter-provider-aws/issues/2853), so the role must ask for it.
    """

    size: Annotated[int, Field(ge=0, le=10_000)] | None = None
    max_age: f.Span | None = None
    max_unavailable: int = Field(default=0, ge=0, le=10_000)
    surge: int = Field(default=2, ge=0, le=10_000)
    ready_when: Literal["report", "running"] = "report"
    ready_timeout: f.Moment = Duration("15m")
    drain: f.Pause = Duration("5m")
    windows: Annotated[tuple[f.Window, ...], f.Distinct] = Field(default=(), max_length=50)
    rebalance: Literal["replace", "ignore"] = "ignore"

    @model_validator(mode="after")
    def _can_rotate(self) -> Self:
        if not self.surge and not self.max_unavailable:
            message = "surge and max_unavailable are both 0: nothing could ever be replaced"
            raise f.wrong(message, "set surge to 1 or more", kind="cross")
        if self.size and self.max_unavailable >= self.size:
            message = (
                f"max_unavailable ({self.max_unavailable}) must be less than size ({self.size})"
            )
            raise f.wrong(message, f"at most {self.size - 1}", kind="cross")
        return self


class BurstSpec(_Section):
    """Machines with a short life. ``image`` None: the launch section's."""

    image: f.Image | None = None
    ttl: f.Span = Duration("2h")
    max: int = Field(default=20, ge=1, le=1000)


class Check(_Section):
    """What monitoring looks at on every node of the role."""

    name: f.CheckName = Field(examples=["http"])
    command: f.Command = Field(examples=["check_http"])
    port: Annotated[int, _PORT] | None = None


class StoredRoleError(ValueError):
    """The stored role is not one that this version can use."""


class LimitsSpec(_Section):
    """What no launch may go beyond. None: no limit."""

    machines: Annotated[int, Field(ge=0, le=100_000)] | None = None
    launches_per_hour: Annotated[int, Field(ge=0, le=100_000)] | None = None

    @property
    def limits(self) -> Limits:
        return Limits(machines=self.machines, launches_per_hour=self.launches_per_hour)


class RoleSpec(_Section):
    """A role. ``launch`` None: for classification only; ``burst`` None: no bursts of it.

    ``spec_hash`` is over the launch section as it was written, so that a new release with a new
    default replaces no machine; "" without a launch section.
    """

    name: str = Field(pattern=r"\A[a-z][a-z0-9_-]{0,62}\z")
    spec_hash: str = ""
    description: f.Text = ""
    environment: f.EnvironmentName | None = None
    classes: Annotated[dict[f.ClassName, dict[f.ParameterName, f.Value]], f.SomeClass]
    parameters: dict[f.VariableName, f.Value] = {}
    launch: LaunchSpec | None = None
    fleet: FleetSpec = FleetSpec()
    burst: BurstSpec | None = None
    limits: LimitsSpec = LimitsSpec()
    checks: tuple[Check, ...] = Field(default=(), max_length=50)

    def definition(self) -> dict[str, Any]:
        """What is stored: plain JSON values, defaults filled in, durations as written."""
        return self.model_dump(mode="json", exclude={"name", "spec_hash"})

    @classmethod
    def from_definition(
        cls, name: str, definition: Mapping[str, Any], *, spec_hash: str = ""
    ) -> Self:
        """The role again; keys that an older version did not know get their defaults.

        Raises StoredRoleError, as for a role that a newer version has stored.
        """
        stored = json.dumps({**definition, "name": name, "spec_hash": spec_hash})
        try:
            return cls.model_validate_json(stored)
        except ValidationError as error:
            at = ".".join(str(step) for step in error.errors()[0]["loc"])
            raise StoredRoleError(
                f"role {name}: what is stored of it is not usable here ({at}: "
                f"{error.errors()[0]['msg']}); apply the roles file again with this version"
            ) from error

    @classmethod
    def of(cls, role: Role) -> Self:
        """The inventory's record as a checked role. Raises StoredRoleError."""
        return cls.from_definition(role.name, role.definition, spec_hash=role.spec_hash)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [class_name(name) for name in self.classes]
        if len(set(names)) < len(names):
            raise f.wrong("one class is written with and without ::", "keep one", kind="cross")
        checks = [check.name for check in self.checks]
        if len(set(checks)) < len(checks):
            raise f.wrong("two checks have one name", "name them apart", kind="cross")
        self._launches()
        return self

    def _launches(self) -> None:
        if self.launch is None:
            for key, given in {"fleet.size": self.fleet.size, "burst": self.burst}.items():
                if given is not None:
                    message = f"{key} needs a launch section: nothing says what to launch"
                    raise f.wrong(message, f"add launch, or leave out {key}", kind="cross")
        elif self.launch.puppet_server is None and self.fleet.ready_when == "report":
            message = "launch.puppet_server is null, but a node is ready by its Puppet report"
            hint = "leave puppet_server out, or set fleet.ready_when to running"
            raise f.wrong(message, hint, kind="cross")
