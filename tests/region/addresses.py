"""Which addresses a region hands out, and what names go with them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, ip_network

# EC2 keeps the first four addresses of a subnet and the last:
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED_FIRST, RESERVED = 4, 5
# Set aside for tests of devices (RFC 2544): public addresses that nobody has.
PUBLIC = "198.18.0.0/15"


@dataclass
class Addresses:
    """Of one network. With ``reuse`` the last that was freed comes next; else it comes late."""

    cidr: str
    used: set[str] = field(default_factory=set)
    _freed: deque[str] = field(default_factory=deque)
    _next: int = RESERVED_FIRST

    def take(self, *, reuse: bool) -> str | None:
        """None when there is none left."""
        fresh = self._next < ip_network(self.cidr).num_addresses - 1
        if self._freed and (reuse or not fresh):
            address = self._freed.pop() if reuse else self._freed.popleft()
        elif fresh:
            address = str(ip_network(self.cidr).network_address + self._next)
            self._next += 1
        else:
            return None
        self.used.add(address)
        return address

    def give_back(self, address: str) -> None:
        if address in self.used:
            self.used.remove(address)
            self._freed.append(address)

    def left(self, usable: int | None) -> int:
        size = ip_network(self.cidr).num_addresses - RESERVED
        return (size if usable is None else usable) - len(self.used)


@cache
def private_name(address: IPv4Address | str, region: str) -> str:
    return f"ip-{str(address).replace('.', '-')}.{_domain(region)}"


def resource_name(instance_id: str, region: str) -> str:
    """Of a machine in a subnet that has IPv6 alone.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hostname-types.html
    """
    return f"{instance_id}.{_domain(region)}"


def _domain(region: str) -> str:
    """us-east-1 came first, and its names are shorter."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


@cache
def public_name(address: IPv4Address | str, region: str) -> str:
    domain = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{str(address).replace('.', '-')}.{domain}.amazonaws.com"
