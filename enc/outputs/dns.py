"""What DNS is told: from the zones, a name and what was found of it to records. Pure.

A role's name is asked for before a node's: it comes from a reviewed file, and nobody who names a
machine like a role takes over that role's name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enc.domain.certname import is_certname
from enc.domain.model import Kind, Node
from enc.outputs import TOLD, Refused
from enc.outputs.zones import Address, Zones, is_below, is_name

# A message has 65,535 bytes at most (RFC 1035, 4.2.2). pdns 4.7 closes the connection rather than
# send less. What is left is for the header, the longest name, and EDNS.
_ROOM = 64_000
# The owner's name is a pointer of two bytes; type, class, TTL and length take ten more.
_SIZE = {4: 16, 6: 28}
MOST_MEMBERS = _ROOM // _SIZE[4]
_ADDRESS_TYPE = {4: "A", 6: "AAAA"}
# There is no zone transfer, so nobody compares serials.
_SERIAL = 1
# What PowerDNS asks for, whatever it was asked itself.
ANY = "ANY"
_REFRESH, _RETRY, _EXPIRE = 3600, 600, 86400
_REVERSE = {"in-addr.arpa": 4, "ip6.arpa": 32}


@dataclass(frozen=True)
class Record:
    """``content`` as PowerDNS takes it: names with the dot at the end."""

    type: str
    content: str


# What PowerDNS takes for "the name is there, and has nothing of what was asked": an empty
# non-terminal. Without a record at all it would say NXDOMAIN, which is also about all below.
NO_DATA = (Record("ENT", ""),)
NOTHING: tuple[Record, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """A name in lower case without the dot at the end, and the zone that it is in."""

    name: str
    zone: str
    number: int

    @property
    def relative(self) -> str:
        """What stands before the zone; "" at its apex."""
        return self.name.removesuffix(self.zone).removesuffix(".")


@dataclass(frozen=True, kw_only=True)
class Answer:
    records: tuple[Record, ...]
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Member:
    """A ready node of a role; ``damage`` says why its record cannot be read."""

    certname: str
    address: str
    damage: str = ""


def question(zones: Zones, asked: str) -> Question | None:
    """None: the name is in no zone of ours."""
    name = asked.lower().removesuffix(".")
    for number, zone in enumerate(zones.all, start=1):
        if is_below(name, zone):
            return Question(name=name, zone=zone, number=number)
    return None


def fixed(zones: Zones, asked: Question) -> tuple[Record, ...] | None:
    """What the settings alone say; None where the inventory has to be asked."""
    records = [
        Record(_ADDRESS_TYPE[_address(server.address).version], server.address)
        for server in zones.servers
        if server.name == asked.name and server.address
    ]
    if not asked.relative:
        return (_soa(zones), *_servers(zones), *records)
    return tuple(records) or None


def is_above_server(zones: Zones, asked: Question) -> bool:
    """Whether a name server has its name below this one, which so is there."""
    return any(server.address and is_below(server.name, asked.name) for server in zones.servers)


def is_reverse(zones: Zones, asked: Question) -> bool:
    return asked.zone in zones.reverse


def could_be_named(relative: str) -> bool:
    """Whether a node or a role can have this name; others are nobody's, with any store."""
    return is_certname(relative) and is_name(relative)


def address_asked(asked: Question) -> Address | str | None:
    """The address of a reverse name, or the beginning of those below it; None for no such name.

    Of IPv6 the beginning is "": whether there is any below is not known.
    """
    suffix = next(s for s in _REVERSE if is_below(asked.name, s))
    labels = asked.name.removesuffix(f".{suffix}").split(".")[::-1]
    return _of_octets(labels) if suffix == "in-addr.arpa" else _of_nibbles(labels)


def of_node(zones: Zones, node: Node) -> tuple[Record, ...]:
    """Raises ValueError for an address that is none."""
    if node.state not in TOLD:
        return NOTHING
    if node.private_ip:
        found = _address(node.private_ip)
        return (Record(_ADDRESS_TYPE[found.version], str(found)),)
    if node.kind is Kind.FOREIGN and _is_elsewhere(zones, node.certname):
        return (Record("CNAME", f"{node.certname}."),)
    return NO_DATA


def of_role(members: Iterable[Member]) -> Answer:
    """As many as a message holds. A role without ready nodes has its name all the same."""
    found: dict[Record, int] = {}
    refused: list[Refused] = []
    for member in members:
        try:
            address = _address_of(member)
        except ValueError as error:
            refused.append(Refused(certname=member.certname, why=str(error)))
        else:
            record = Record(_ADDRESS_TYPE[address.version], str(address))
            found[record] = _SIZE[address.version]
    return Answer(records=_fitting(found) or NO_DATA, refused=tuple(refused))


def of_address(zones: Zones, nodes: Iterable[Node]) -> Answer:
    """The newest living machine that says it has the address: EC2 gives addresses out again."""
    living = [node for node in nodes if node.state in TOLD]
    newest = max(living, key=lambda node: (node.launched_at, node.certname), default=None)
    if newest is None:
        return Answer(records=NOTHING)
    name = f"{newest.certname}.{zones.forward[0]}"
    if is_name(name):
        return Answer(records=(Record("PTR", f"{name}."),))
    why = f"{name} cannot be a name in DNS: a label has 1 to 63 characters, a name 253"
    return Answer(records=NO_DATA, refused=(Refused(certname=newest.certname, why=why),))


def suffixes(certnames: Iterable[str]) -> frozenset[str]:
    """The names that stand above these: they are there, and have nothing of their own."""
    found = set()
    for certname in certnames:
        _, dot, above = certname.partition(".")
        while dot:
            found.add(above)
            _, dot, above = above.partition(".")
    return frozenset(found)


def of_type(records: Iterable[Record], wanted: str) -> tuple[Record, ...]:
    return tuple(r for r in records if wanted in (ANY, r.type))


def _soa(zones: Zones) -> Record:
    primary = zones.servers[0].name
    # The last number bounds how long "there is no such name" is believed (RFC 2308).
    times = f"{_SERIAL} {_REFRESH} {_RETRY} {_EXPIRE} {zones.ttl}"
    return Record("SOA", f"{primary}. {zones.hostmaster}. {times}")


def _servers(zones: Zones) -> tuple[Record, ...]:
    return tuple(Record("NS", f"{server.name}.") for server in zones.servers)


def _address(text: str) -> Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"its private_ip is {text[:80]!a}, which is not an address") from None
    if found.version == 6 and found.scope_id:  # noqa: PLR2004
        raise ValueError(f"its private_ip is {text[:80]!a}, an address of one link only")
    return found


def _address_of(member: Member) -> Address:
    if member.damage:
        raise ValueError(member.damage)
    if not member.address:
        raise ValueError("its address is not known")
    return _address(member.address)


def _fitting(found: dict[Record, int]) -> tuple[Record, ...]:
    left, kept = _ROOM, []
    for record, size in found.items():
        left -= size
        if left < 0:
            break
        kept.append(record)
    return tuple(kept)


def _is_elsewhere(zones: Zones, certname: str) -> bool:
    """A whole name that others answer for: in a zone of ours it would lead to nothing."""
    ours = any(is_below(certname, zone) for zone in zones.all)
    top = certname.rpartition(".")[2]
    return "." in certname and is_name(certname) and not ours and not top.isdigit()


def _of_octets(labels: Sequence[str]) -> Address | str | None:
    if len(labels) > 4 or not all(_is_octet(label) for label in labels):  # noqa: PLR2004
        return None
    text = ".".join(labels)
    return ipaddress.IPv4Address(text) if len(labels) == 4 else f"{text}."  # noqa: PLR2004


def _is_octet(label: str) -> bool:
    return label.isascii() and label.isdigit() and str(int(label[:4])) == label and int(label) < 256  # noqa: PLR2004


def _of_nibbles(labels: Sequence[str]) -> Address | str | None:
    hexadecimal = all(len(label) == 1 and label in "0123456789abcdef" for label in labels)
    if len(labels) > 32 or not hexadecimal:  # noqa: PLR2004
        return None
    return ipaddress.IPv6Address(int("".join(labels), 16)) if len(labels) == 32 else ""  # noqa: PLR2004
