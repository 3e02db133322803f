"""Lines as of /etc/hosts (hosts(5)): for machines that ask no DNS, and for dnsmasq."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from enc.domain.certname import is_certname
from enc.domain.model import Node
from enc.outputs import Refused

# As a resolver takes it; "_" is in names of hosts that are there.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Every machine has these for itself.
_OWN = re.compile(r"(?:.*\.)?localhost(?:\..*)?|ip6-.*|broadcasthost")


def hosts(nodes: Iterable[Node]) -> tuple[list[str], list[Refused], list[str]]:
    """Lines, who is refused because it would break the file, and whose address is not known."""
    lines: list[str] = []
    refused: list[Refused] = []
    unknown: list[str] = []
    for node in nodes:
        if why := _why_not(node):
            refused.append(Refused(certname=node.certname, why=why))
        elif not node.private_ip:
            unknown.append(node.certname)
        else:
            lines.append(f"{node.private_ip}\t{node.certname}")
    return lines, refused, unknown


def _why_not(node: Node) -> str:
    name = node.certname
    if not is_certname(name) or not all(map(_LABEL.fullmatch, name.split("."))):
        return "its name cannot be a host's"
    if _OWN.fullmatch(name):
        return "every machine calls itself so"
    if _is_address(name):
        return "its name is an address"
    if node.private_ip and not _is_address(node.private_ip):
        return f"its address {node.private_ip[:80]!a} is none"
    return ""


def _is_address(text: str) -> bool:
    try:
        return "%" not in str(ip_address(text))
    except ValueError:
        return False
