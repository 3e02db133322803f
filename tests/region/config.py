"""The manners that a test can set, with what each means."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

# EC2 lists a terminated machine for about an hour.
FORGET_S = 3600.0
SERVICE_ROLES = ("AWSServiceRoleForEC2Fleet", "AWSServiceRoleForEC2Spot")


@dataclass
class Config:
    """Seconds are of the region's clock, which ``advance`` moves; 0 is at once."""

    # -- a machine's life. What it is launched under stays with it.
    pending_s: float = 0.0  # pending -> running
    shutdown_s: float = 0.0  # shutting-down -> terminated
    stopping_s: float = 0.0  # stopping -> stopped
    forget_s: float = FORGET_S  # a dead machine is listed for that long
    dns_s: float = 0.0  # no DNS names before
    ip_s: float = 0.0  # no private address before
    hidden_s: float = 0.0  # a listing without ids misses it
    unknown_s: float = 0.0  # by id: InvalidInstanceID.NotFound
    unknown_n: int = 0  # the same for the first n describes by id
    reuse_addresses: bool = False  # a new machine gets a dead one's address, and so its names
    die_at_launch: list[dict[str, Any]] = field(default_factory=list)  # {pool, code, message,times}

    # -- what a pool (market:type:zone, with * and ?) gives. A machine takes one from every pattern
    # that its pool matches; a pool that matches none, or has None, is endless.
    capacity: dict[str, int | None] = field(default_factory=dict)
    capacity_later: list[dict[str, Any]] = field(default_factory=list)  # {pool, after_s, count}
    capacity_code: dict[str, str] = field(
        default_factory=lambda: {
            "spot": "UnfulfillableCapacity",
            "on-demand": "InsufficientInstanceCapacity",
        }
    )
    pool_errors: list[dict[str, Any]] = field(default_factory=list)  # {pool, code, message, times}
    quota: dict[str, int] = field(default_factory=dict)  # market -> live machines in the region
    spot_price: dict[str, float] = field(default_factory=dict)  # type -> $; MaxPrice under it fails
    silent: bool = False  # what is not given is not explained: an empty fleet without Errors

    # -- templates and tokens
    template_s: float = 0.0  # a template made a moment ago is NotFound to a launch
    template_n: int = 0  # the same for the first n launches from it
    template_inside: bool = False  # that NotFound comes as an Error inside a 200
    replay_lists: bool = True  # False: a replayed CreateFleet does nothing and lists nothing

    # -- rights: nothing but what carries this as rolecall:site; what is gone carries nothing
    policy_site: str = ""

    # -- the rest
    # Of AWSServiceRoleForEC2Fleet and AWSServiceRoleForEC2Spot, those that the account has.
    service_roles: list[str] = field(default_factory=lambda: list(SERVICE_ROLES))
    echo_zone: bool = True  # False: CreateFleet answers overrides just as they were asked
    disrupted_zones: list[str] = field(default_factory=list)  # DescribeInstances as a whole fails
    subnet_addresses: dict[str, int] = field(default_factory=dict)  # subnet -> usable addresses
    latency_s: dict[str, float] = field(default_factory=dict)  # action or * -> before the work
    clock_skew_s: float = 0.0  # launch times and the Date header

    def update(self, settings: dict[str, Any]) -> None:
        known = {entry.name for entry in fields(self)}
        if unknown := sorted(set(settings) - known):
            raise ValueError(f"no such setting: {', '.join(unknown)}; there are {sorted(known)}")
        for name, value in settings.items():
            setattr(self, name, value)
