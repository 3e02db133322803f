"""Which of EC2's machines a name in a node statement may mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from enc.domain.certname import is_instance_id
from provisioner.ports.ec2 import Instance
from provisioner.ports.tags import SITE_TAG

# Names that EC2 gives: by address, by instance id, and those of its first years. A network's DHCP
# options may put another domain behind.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html
_EC2_NAME = re.compile(
    r"ip-[0-9]{1,3}(-[0-9]{1,3}){3}(\..*)?"
    r"|ec2-[0-9]{1,3}(-[0-9]{1,3}){3}\..*\.amazonaws\.com(\.cn)?"
    r"|i-[0-9a-f]{8,17}(\..*)?"
    r"|domu-[0-9a-f-]+(\..*)?"
)
_EC2_DOMAINS = ("ec2.internal", "compute.internal")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What EC2 lists, by each name that somebody may have called a machine.

    ``trouble``: why not all of it could be looked at; ``asked`` is False where nobody wanted to.
    """

    machines: Mapping[str, tuple[Instance, ...]] = field(default_factory=dict)
    asked: bool = True
    trouble: str = ""

    @property
    def whole(self) -> bool:
        """Whether a name that is not in it has no live machine."""
        return self.asked and not self.trouble


def is_ec2_name(name: str) -> bool:
    """Whether EC2 made its first part: another machine may have that later."""
    return _EC2_NAME.fullmatch(name) is not None


def names_of(machine: Instance) -> frozenset[str]:
    """What people may have called it in a node statement."""
    full = {machine.id, machine.private_dns, machine.public_dns, machine.private_ip}
    # rolecall's own tag says the role, which many have.
    if SITE_TAG not in machine.tags:
        full.add(machine.tags.get("Name", ""))
    # A file may have the short name, or another domain than EC2 tells.
    short = {machine.private_dns.partition(".")[0]}
    return frozenset(name.lower() for name in full | short | _by_address(machine) if name)


def _by_address(machine: Instance) -> set[str]:
    """EC2 lists one private name, or none; that of the address may be the host's all the same."""
    if not machine.private_ip:
        return set()
    first = f"ip-{machine.private_ip.replace('.', '-')}"
    # us-east-1 came first, and its names are shorter.
    domain = "ec2" if machine.region == "us-east-1" else f"{machine.region}.compute"
    return {first, f"{first}.{domain}.internal"}


def looked(machines: Iterable[Instance], names: Iterable[str], *, trouble: str = "") -> Look:
    """The live machines by those of ``names`` that are theirs."""
    by_name: dict[str, list[Instance]] = {}
    for machine in machines:
        if machine.alive:
            for name in names_of(machine):
                by_name.setdefault(name, []).append(machine)
    found = {name: by_name.get(name) or _by_first_part(name, by_name) for name in names}
    return Look(machines={n: tuple(m) for n, m in found.items() if m}, trouble=trouble)


def _by_first_part(name: str, by_name: Mapping[str, list[Instance]]) -> list[Instance]:
    """``ip-10-0-0-7.example.com`` where EC2 says ``ip-10-0-0-7.ec2.internal``.

    And ``web1.ec2.internal``, which EC2 never gives, where the tag Name says ``web1``.
    """
    first, _, domain = name.partition(".")
    in_ec2 = domain.endswith(_EC2_DOMAINS)
    if not is_ec2_name(first):
        return by_name.get(first, []) if in_ec2 else []
    # In a domain of EC2's own, another region's machine has the same address.
    return [] if in_ec2 and not is_instance_id(first) else by_name.get(first, [])
