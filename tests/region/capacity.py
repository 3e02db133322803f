"""What the pools have to give, and how a fleet is spread over them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.region.config import SPOT_ROLE, Config
from tests.region.wire import ApiError

MESSAGES = {
    "UnfulfillableCapacity": "Unable to fulfill capacity due to your request configuration. "
    "Please adjust your request and try again.",
    "InsufficientInstanceCapacity": "We currently do not have sufficient {type} capacity in the "
    "Availability Zone you requested ({zone}). Our system will be working on provisioning "
    "additional capacity.",
    "MaxSpotInstanceCountExceeded": "Max spot instance count exceeded",
    "VcpuLimitExceeded": "You have requested more vCPU capacity than your current vCPU limit "
    "allows for the instance bucket that the specified instance type belongs to.",
    "SpotMaxPriceTooLow": "Your Spot request price of {price} is lower than the minimum required "
    "Spot request fulfillment price of {minimum}.",
}
DEFAULT_SPOT_PRICE = 0.03


@dataclass(frozen=True)
class Pool:
    market: str
    instance_type: str
    zone: str

    def __str__(self) -> str:
        return f"{self.market}:{self.instance_type}:{self.zone}"

    def matches(self, pattern: str) -> bool:
        return fnmatchcase(str(self), pattern)

    @property
    def family(self) -> str:
        """Of types that share a quota.

        https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html
        """
        found = re.match(r"([a-z]+)(\d*)", self.instance_type)
        series, generation = found.groups() if found else ("", "")
        if series == "p" and self.market == "spot":
            return "P2-to-P4" if generation in ("2", "3", "4") else f"P{generation}"
        if series in tuple("acdhimrtz"):
            return "Standard"
        return {"g": "G-and-VT", "vt": "G-and-VT", "u": "High-Memory"}.get(series, series.upper())


def take(pool: Pool, wanted: int, config: Config) -> int:
    """How many of the wanted the pool gives; they are gone from every pattern it matches."""
    patterns = [
        pattern
        for pattern, left in config.capacity.items()
        if left is not None and pool.matches(pattern)
    ]
    given = min([wanted, *(config.capacity[pattern] or 0 for pattern in patterns)])
    for pattern in patterns:
        config.capacity[pattern] = (config.capacity[pattern] or 0) - given
    return given


def arrive(config: Config, now: float) -> None:
    """What was set for later replaces what is left, at its time."""
    waiting = []
    for entry in config.capacity_later:
        entry.setdefault("at", now + entry["after_s"])
        if entry["at"] <= now:
            config.capacity[entry["pool"]] = entry.get("count")
        else:
            waiting.append(entry)
    config.capacity_later = waiting


def scripted(entries: list[dict[str, Any]], pool: Pool) -> dict[str, Any] | None:
    """The first entry for the pool that has times left, which it uses up."""
    for entry in entries:
        if entry.get("times", -1) != 0 and pool.matches(entry["pool"]):
            entry["times"] = entry.get("times", -1) - 1
            return entry
    return None


def dry(pool: Pool, config: Config) -> ApiError:
    code = config.capacity_code[pool.market]
    message = MESSAGES.get(code, code).format(type=pool.instance_type, zone=pool.zone)
    return ApiError(code, message)


def refusal(pool: Pool, config: Config, *, max_price: str | None) -> ApiError | None:
    """Why the pool gives nothing, whatever it has."""
    if pool.market == "spot" and SPOT_ROLE not in config.service_roles:
        text = (
            "The provided credentials do not have permission to create the service-linked role for "
            "EC2 Spot Instances."
        )
        return ApiError("AuthFailure.ServiceLinkedRoleCreationNotPermitted", text)
    if said := scripted(config.pool_errors, pool):
        return ApiError(said["code"], said.get("message", said["code"]))
    if pool.market == "spot" and max_price:
        minimum = config.spot_price.get(pool.instance_type, DEFAULT_SPOT_PRICE)
        if float(max_price) < minimum:
            text = MESSAGES["SpotMaxPriceTooLow"].format(price=max_price, minimum=minimum)
            return ApiError("SpotMaxPriceTooLow", text)
    return None


def over_quota(market: str) -> ApiError:
    code = "MaxSpotInstanceCountExceeded" if market == "spot" else "VcpuLimitExceeded"
    return ApiError(code, MESSAGES[code])
