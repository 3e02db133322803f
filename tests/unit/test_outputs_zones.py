"""The DNS settings: each word is used, or refused with the reason."""

from __future__ import annotations

import pytest

from enc.outputs.zones import NameServer, Zones
from enc.web.settings import Settings, SettingsError

WHOLE = {"DNS_ZONES": "fleet.example", "DNS_NS": "ns1.fleet.example=10.0.0.53"}


def zones(**environment: str) -> Zones:
    return Settings.from_environment(environment).zones


def test_nothing_set_is_no_zone() -> None:
    assert zones() == Zones()
    assert not zones().all


def test_two_settings_make_a_zone() -> None:
    found = zones(**WHOLE)
    assert found.forward == ("fleet.example",)
    assert found.servers == (NameServer(name="ns1.fleet.example", address="10.0.0.53"),)
    assert found.hostmaster == "hostmaster.fleet.example"
    assert found.ttl == 10


def test_names_are_taken_in_any_case_with_and_without_the_dot_at_the_end() -> None:
    found = zones(DNS_ZONES="Fleet.Example. b.example", DNS_NS="NS1.Example.com., ns2.example.com")
    assert found.forward == ("fleet.example", "b.example")
    assert [server.name for server in found.servers] == ["ns1.example.com", "ns2.example.com"]


def test_the_hostmaster_is_a_mail_address_whose_dots_are_no_labels() -> None:
    found = zones(**WHOLE, DNS_HOSTMASTER="jo.ops@example.com", DNS_TTL="3")
    assert found.hostmaster == r"jo\.ops.example.com"
    assert found.ttl == 3


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ("10.0.0.0/8", ("10.in-addr.arpa",)),
        ("10.20.0.0/16,10.21.3.0/24", ("20.10.in-addr.arpa", "3.21.10.in-addr.arpa")),
        ("10.20.0.0/15", ("20.10.in-addr.arpa", "21.10.in-addr.arpa")),
        ("2001:db8::/32", ("8.b.d.0.1.0.0.2.ip6.arpa",)),
        ("2001:db8::/31", None),
    ],
)
def test_a_network_is_the_zones_that_it_has(
    networks: str, expected: tuple[str, ...] | None
) -> None:
    found = zones(**WHOLE, DNS_NETWORKS=networks).reverse
    assert found == expected if expected else len(found) == 2


def test_a_network_between_two_labels_is_all_of_its_zones() -> None:
    found = zones(**WHOLE, DNS_NETWORKS="172.16.0.0/12").reverse
    assert len(found) == 16
    assert found[0] == "16.172.in-addr.arpa"
    assert found[-1] == "31.172.in-addr.arpa"


@pytest.mark.parametrize(
    ("setting", "text", "why"),
    [
        ("DNS_ZONES", "example", "not a host name with a dot"),
        ("DNS_ZONES", "a..example", "not a host name"),
        ("DNS_ZONES", "-a.example", "not a host name"),
        ("DNS_ZONES", "a_b.example", "not a host name"),
        ("DNS_ZONES", "é.example", "not a host name"),
        ("DNS_ZONES", "*.example", "not a host name"),
        ("DNS_ZONES", f"{'a' * 64}.example", "not a host name"),
        ("DNS_ZONES", ".".join(["a" * 60] * 5), "not a host name"),
        ("DNS_ZONES", "fleet.example fleet.example", "twice"),
        ("DNS_ZONES", "fleet.example eu.fleet.example", "in fleet.example already"),
        ("DNS_ZONES", "10.in-addr.arpa", "DNS_NETWORKS"),
        ("DNS_NETWORKS", "10.0.0.1/8", "has host bits set"),
        ("DNS_NETWORKS", "10.in-addr.arpa", "bad network"),
        ("DNS_NETWORKS", "10.0.0.0/25", "between /8 and /24"),
        ("DNS_NETWORKS", "0.0.0.0/0", "between /8 and /24"),
        ("DNS_NETWORKS", "10.0.0.0/8 10.1.0.0/16", "in 10.in-addr.arpa already"),
        ("DNS_NETWORKS", "10.0.0.0/9 11.0.0.0/9 12.0.0.0/9", "more than 256"),
        ("DNS_NS", "ns1", "not a host name"),
        ("DNS_NS", "ns1.example.com=here", "no address behind"),
        ("DNS_NS", "ns1.fleet.example", "without its address"),
        ("DNS_NS", "ns1.example.com=10.0.0.1", "its own zone has that"),
        ("DNS_NS", "", "is empty: name who serves"),
        ("DNS_HOSTMASTER", "ops", "not a mail address"),
        ("DNS_HOSTMASTER", "ops@", "not a host name"),
        ("DNS_HOSTMASTER", "o ps@example.com", "not a mail address"),
        ("DNS_TTL", "0", "from 1 to 3600"),
        ("DNS_TTL", "3601", "from 1 to 3600"),
        ("DNS_TTL", "10s", "from 1 to 3600"),
        ("DNS_BIND", "unix:/run/dns.sock", "loopback"),
        ("DNS_BIND", "0.0.0.0:8053", "loopback"),
    ],
)
def test_what_cannot_be_a_zone_is_refused_by_the_settings_name(
    setting: str, text: str, why: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^{setting} .*{why}"):
        zones(**{**WHOLE, setting: text})


@pytest.mark.parametrize(
    "alone",
    [
        {"DNS_NS": "ns1.example.com"},
        {"DNS_HOSTMASTER": "ops@example.com"},
        {"DNS_NETWORKS": "10.0.0.0/8", "DNS_NS": "ns1.example.com"},
    ],
)
def test_settings_about_no_zone_are_refused(alone: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="DNS_ZONES"):
        zones(**alone)


def test_powerdns_has_a_place_of_its_own_when_it_is_given_one() -> None:
    settings = Settings.from_environment({"DNS_BIND": "127.0.0.1:8053"})
    assert settings.binds == ["unix:/run/rolecall/enc.sock", "127.0.0.1:8053"]
    assert Settings().binds == ["unix:/run/rolecall/enc.sock"]
