"""A machine and its life. Time comes in as seconds of the region's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.region.capacity import Pool

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
Reason = tuple[str, str]  # code, message
USER = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
ITSELF = (
    "Client.InstanceInitiatedShutdown",
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
)
SPOT = ("Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot interruption")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a machine is launched as, all look-ups done."""

    pool: Pool
    image: str
    subnet: str
    vpc: str
    groups: tuple[tuple[str, str], ...]  # id, name
    architecture: str = "x86_64"
    root_device: str = "/dev/xvda"
    key_name: str | None = None
    user_data: str | None = None  # base64, as it came
    profile: str | None = None  # its name
    shutdown_behavior: str = "stop"
    metadata: dict[str, Any] = field(default_factory=dict)  # by boto3's names
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)  # device -> Ebs
    cpu_credits: str | None = None
    public: bool = False
    protected: bool = False
    monitored: bool = False
    ebs_optimized: bool = False
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # resource type -> tags


@dataclass(frozen=True)
class Step:
    at: float
    state: str
    reason: Reason | None = None


@dataclass(kw_only=True)
class Machine:
    id: str
    region: str
    spec: Spec
    reservation: str
    index: int
    born: float
    launched_at: datetime
    private_ip: str
    public_ip: str | None
    tags: dict[str, str]
    ipv6: str = ""  # where its subnet has no IPv4
    token: str = ""
    fleet: str | None = None
    spot_request: str | None = None
    state: str = "pending"
    due: list[Step] = field(default_factory=list)
    reason: str = ""  # StateTransitionReason
    state_reason: Reason | None = None
    dns_at: float = 0.0
    ip_at: float = 0.0
    listed_at: float = 0.0
    known_at: float = 0.0
    unknown_n: int = 0
    forget_s: float = 0.0
    ended: float | None = None
    protected: bool = False
    notice: tuple[str, datetime] | None = None  # spot/instance-action
    rebalance: datetime | None = None

    @property
    def alive(self) -> bool:
        return self.state not in ("shutting-down", "terminated")

    @property
    def gone(self) -> bool:
        return self.state == "terminated"

    def forgotten(self, now: float) -> bool:
        return self.ended is not None and now - self.ended >= self.forget_s

    def address(self, now: float) -> str | None:
        """A dead machine has none, a new one not yet."""
        return None if self.gone or now < self.ip_at else self.private_ip or None

    def ipv6_address(self, now: float) -> str | None:
        return None if self.gone or now < self.ip_at else self.ipv6 or None

    def named(self, now: float) -> bool:
        return not self.gone and now >= self.dns_at

    def settle(self, now: float) -> bool:
        """Takes the steps that are due. True when it is terminated by one of them."""
        before = self.gone
        while self.due and self.due[0].at <= now:
            self._enter(self.due.pop(0))
        return self.gone and not before

    def _enter(self, step: Step) -> None:
        self.state = step.state
        if step.reason:
            self.state_reason = step.reason
        if step.state == "terminated":
            self.ended = step.at

    def end(self, now: float, shutdown_s: float, reason: Reason, why: str = "") -> None:
        """Idempotent: the first end is the one that counts."""
        if not self.alive:
            return
        self.reason = why
        self.due = dying(now, shutdown_s, reason)

    def stop(self, now: float, stopping_s: float, reason: Reason, why: str = "") -> None:
        if self.state in ("stopping", "stopped"):
            return
        self.reason = why
        self.due = [Step(now, "stopping", reason), Step(now + stopping_s, "stopped", reason)]

    def start(self, now: float, pending_s: float) -> None:
        self.reason, self.state_reason = "", None
        self.due = [Step(now, "pending"), Step(now + pending_s, "running")]


def dying(now: float, shutdown_s: float, reason: Reason) -> list[Step]:
    return [Step(now, "shutting-down", reason), Step(now + shutdown_s, "terminated", reason)]
