"""What the doctor asks of the world besides provisioner.ports. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from provisioner.ports.ec2 import FleetRequest, TemplateRequest


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """``waiting`` for somebody to take them, and ``taken`` by somebody who has not finished."""

    waiting: int
    taken: int


class Permissions(Protocol):
    """Whether EC2 would let us: a method returns, or raises CloudError with EC2's own code.

    Where EC2 knows dry runs, these are the very calls that the provisioner makes.
    """

    def are_dry(self, region: str) -> bool:
        """Whether who answers there knows dry runs, shown by a call that does no harm."""

    def create_template(self, request: TemplateRequest) -> None: ...
    def create_fleet(self, request: FleetRequest) -> None: ...

    def run_instances(self, request: TemplateRequest, instance_type: str, subnet: str) -> None:
        """What a fleet does in our name; proves iam:PassRole, too, where there is a profile."""

    def terminate(self, region: str, instance: str) -> None: ...
    def tag(self, region: str, instance: str, tags: Mapping[str, str]) -> None: ...
    def delete_template(self, region: str, name: str) -> None: ...

    def machine(self, region: str, site: str) -> str:
        """Some living machine of the site's, to try a dry run on; "" where there is none."""

    def template(self, region: str, site: str) -> str:
        """The name of some launch template of the site's; "" where there is none."""


class Aws(Protocol):
    """What is asked of AWS besides. Every method may raise CloudError."""

    def account(self) -> str: ...

    def regions(self) -> tuple[tuple[str, ...], datetime | None]:
        """Which are enabled, and EC2's time, where its answer tells it."""

    def has_role(self, name: str) -> bool: ...

    def role_in(self, profile: str) -> str:
        """The ARN of the IAM role in the instance profile of this name; "" for an empty one."""

    def queue(self, url: str) -> QueueState: ...


class Authority(Protocol):
    """Puppet's CA, only read. Every method may raise PuppetError."""

    def pending(self) -> tuple[str, ...]: ...
    def request(self, certname: str) -> bytes | None: ...

    def state(self, certname: str) -> str:
        """requested, signed or revoked; "" where the CA knows nothing of the name."""


class PuppetDBStatus(Protocol):
    """PuppetDB. Raises PuppetError."""

    def version(self) -> str: ...


class EncService(Protocol):
    """The ENC service."""

    def ready(self) -> tuple[int, bytes]:
        """Status and body of /readyz. Raises OSError where no whole answer comes."""


@dataclass(frozen=True, kw_only=True)
class Validity:
    """Of the certificates in a file: where there are several, the time that all are valid."""

    begins: datetime
    ends: datetime
