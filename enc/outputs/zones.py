"""Which zones the DNS has, who serves them, and how each is written in the environment. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_TTL = 10
LONGEST_TTL = 3600
# As text, without the dot at the end (RFC 1035: 255 bytes with every length).
LONGEST_NAME = 253
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# A zone for each: a network that ends between two labels is several.
_MOST_REVERSE = 256
# Bits of a label in in-addr.arpa (RFC 1035) and ip6.arpa (RFC 3596).
_STEP = {4: 8, 6: 4}
_PERSON = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")


@dataclass(frozen=True, kw_only=True)
class NameServer:
    """``address`` is there where its name is in a zone of ours: nobody else could give it."""

    name: str
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Zones:
    """Names are in lower case, without the dot at the end. ``hostmaster`` is as in a SOA record.

    Every node has a name in each of ``forward``; ``reverse`` leads to the one in the first.
    """

    forward: tuple[str, ...] = ()
    reverse: tuple[str, ...] = ()
    servers: tuple[NameServer, ...] = ()
    hostmaster: str = ""
    ttl: int = DEFAULT_TTL

    @property
    def all(self) -> tuple[str, ...]:
        return self.forward + self.reverse


NO_ZONES = Zones()


def is_name(text: str) -> bool:
    """Whether DNS can carry this as a name, and every resolver ask for it."""
    return len(text) <= LONGEST_NAME and all(map(_LABEL.fullmatch, text.split(".")))


def is_below(name: str, zone: str) -> bool:
    """Whether a name is a zone's own or stands in it."""
    return name == zone or name.endswith(f".{zone}")


def parse_forward(text: str) -> tuple[str, ...]:
    """Zones separated by spaces or commas. Raises ValueError."""
    found = tuple(_host(word, "zone") for word in _words(text))
    for zone in found:
        if zone.endswith(".arpa"):
            raise ValueError(f"names {zone}: write networks into DNS_NETWORKS instead")
    _check_apart(found)
    return found


def parse_networks(text: str) -> tuple[str, ...]:
    """The reverse zones of networks separated by spaces or commas. Raises ValueError."""
    found = tuple(zone for word in _words(text) for zone in _reverse_zones(word))
    if len(found) > _MOST_REVERSE:
        raise ValueError(f"makes {len(found)} reverse zones, more than {_MOST_REVERSE}")
    _check_apart(found)
    return found


def parse_servers(text: str) -> tuple[NameServer, ...]:
    """``NAME`` or ``NAME=ADDRESS``, separated by spaces or commas. Raises ValueError."""
    return tuple(map(_server, _words(text)))


def parse_hostmaster(text: str) -> str:
    """A mail address. Raises ValueError."""
    person, at, host = text.partition("@")
    if not at or not _PERSON.fullmatch(person):
        raise ValueError(f"is not a mail address: {text[:80]!a}")
    return f"{person.replace('.', chr(92) + '.')}.{_host(host, 'host')}"


def parse_ttl(text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= LONGEST_TTL:
        raise ValueError(f"is not a number of seconds from 1 to {LONGEST_TTL}")
    return int(text)


def together(zones: Zones) -> Zones:
    """The same with its defaults. Raises ValueError, with the variable's name, for what lacks."""
    if not zones.all:
        return _nothing(zones)
    if not zones.forward:
        raise ValueError(
            "DNS_NETWORKS leads to names, and DNS_ZONES, which would hold them, is empty"
        )
    if not zones.servers:
        raise ValueError(
            "DNS_NS is empty: name who serves the zones, such as ns1.example.com, or "
            f"ns1.{zones.forward[0]}=10.0.0.53"
        )
    for server in zones.servers:
        _check_glue(server, zones)
    hostmaster = zones.hostmaster or f"hostmaster.{zones.forward[0]}"
    return Zones(
        forward=zones.forward,
        reverse=zones.reverse,
        servers=zones.servers,
        hostmaster=hostmaster,
        ttl=zones.ttl,
    )


def _nothing(zones: Zones) -> Zones:
    if zones.servers or zones.hostmaster:
        given = "DNS_NS" if zones.servers else "DNS_HOSTMASTER"
        raise ValueError(f"{given} is set, and DNS_ZONES, which it is about, is empty")
    return zones


def _check_glue(server: NameServer, zones: Zones) -> None:
    ours = next((zone for zone in zones.all if is_below(server.name, zone)), "")
    if ours and not server.address:
        raise ValueError(
            f"DNS_NS names {server.name}, which is in {ours}, without its address: write "
            f"{server.name}=ADDRESS"
        )
    if server.address and not ours:
        raise ValueError(
            f"DNS_NS gives an address to {server.name}, which is in none of the zones: its own "
            "zone has that; leave the address out"
        )


def _server(word: str) -> NameServer:
    name, equals, address = word.partition("=")
    if not equals:
        return NameServer(name=_host(name, "name server"))
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"has no address behind {name}=: {address[:80]!a}") from None
    return NameServer(name=_host(name, "name server"), address=str(found))


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _host(word: str, what: str) -> str:
    """A host name in lower case: what stands in NS and SOA is held to more than a label is."""
    name = word.lower().removesuffix(".")
    labels = name.split(".")
    whole = all(map(_HOST_LABEL.fullmatch, labels)) and len(name) <= LONGEST_NAME
    if not whole or len(labels) < 2:  # noqa: PLR2004  # one label is a top-level domain
        raise ValueError(f"has a {what} that is not a host name with a dot: {word[:80]!a}")
    return name


def _check_apart(zones: Sequence[str]) -> None:
    for one, other in combinations(zones, 2):
        if one == other:
            raise ValueError(f"names {one} twice")
        outer, inner = sorted((one, other), key=len)
        if is_below(inner, outer):
            raise ValueError(f"names {inner}, which is in {outer} already")


def _reverse_zones(word: str) -> Iterator[str]:
    try:
        network = ipaddress.ip_network(word)
    except ValueError as error:
        raise ValueError(f"has a bad network: {word[:80]!a} ({error})") from None
    step = _STEP[network.version]
    if not step <= network.prefixlen <= network.max_prefixlen - step:
        raise ValueError(
            f"has {network}: a reverse zone is of a network between /{step} and "
            f"/{network.max_prefixlen - step}"
        )
    length = -(-network.prefixlen // step) * step
    subnets: Callable[..., Iterator[Network]] = network.subnets
    for part in subnets(new_prefix=length):
        whole = part.network_address.reverse_pointer.split(".")
        yield ".".join(whole[(part.max_prefixlen - length) // step :])
