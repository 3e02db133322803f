"""From zones, a name and what was found to records, without a store."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any

import pytest

from enc.domain.model import Node, State
from enc.outputs import TOLD, dns
from enc.outputs.dns import MOST_MEMBERS, NO_DATA, NOTHING, Member, Question, Record
from enc.outputs.zones import NameServer, Zones
from tests.builders import foreign, node
from tests.fakes.clock import START

ZONES = Zones(
    forward=("fleet.example", "b.example"),
    reverse=("10.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"),
    servers=(
        NameServer(name="ns1.fleet.example", address="10.0.0.53"),
        NameServer(name="ns2.elsewhere.example"),
    ),
    hostmaster="ops.example.com",
    ttl=7,
)


def asked(name: str) -> Question:
    found = dns.question(ZONES, name)
    assert found is not None
    return found


class TestAName:
    def test_is_of_the_zone_that_holds_it_in_any_case(self) -> None:
        assert asked("WEB.Fleet.EXAMPLE.") == Question(
            name="web.fleet.example", zone="fleet.example", number=1
        )
        assert asked("web.b.example").number == 2
        assert asked("a.b.fleet.example").relative == "a.b"

    @pytest.mark.parametrize("name", ["", ".", "example.", "notfleet.example", "fleet.example.com"])
    def test_of_another_zone_is_no_question_for_us(self, name: str) -> None:
        assert dns.question(ZONES, name) is None

    @pytest.mark.parametrize("name", ["i-0abc", "db1.example.com", "a_b", "x" * 63])
    def test_can_be_a_nodes(self, name: str) -> None:
        assert dns.could_be_named(name)

    @pytest.mark.parametrize(
        "name", ["*", "a b", "a/b", "x" * 64, "a..b", "é", "_tcp", "a\\.b", ""]
    )
    def test_that_no_node_can_have_needs_no_store(self, name: str) -> None:
        assert not dns.could_be_named(name)


class TestTheApex:
    def test_has_who_is_responsible_and_who_serves(self) -> None:
        assert dns.fixed(ZONES, asked("fleet.example")) == (
            Record("SOA", "ns1.fleet.example. ops.example.com. 1 3600 600 86400 7"),
            Record("NS", "ns1.fleet.example."),
            Record("NS", "ns2.elsewhere.example."),
        )

    def test_of_a_reverse_zone_has_the_same(self) -> None:
        assert dns.fixed(ZONES, asked("10.in-addr.arpa")) == dns.fixed(ZONES, asked("b.example"))

    def test_does_not_hide_other_names(self) -> None:
        assert dns.fixed(ZONES, asked("web.fleet.example")) is None


def test_a_name_server_in_a_zone_has_its_address() -> None:
    assert dns.fixed(ZONES, asked("ns1.fleet.example")) == (Record("A", "10.0.0.53"),)
    assert dns.fixed(ZONES, asked("ns1.b.example")) is None


def test_a_name_above_a_name_server_is_there() -> None:
    zones = Zones(servers=(NameServer(name="a.dns.fleet.example", address="10.0.0.1"),))
    one = Question(name="dns.fleet.example", zone="fleet.example", number=1)
    other = Question(name="ns.fleet.example", zone="fleet.example", number=1)
    assert dns.is_above_server(zones, one)
    assert not dns.is_above_server(zones, other)


class TestANode:
    @pytest.mark.parametrize("state", sorted(TOLD))
    def test_has_its_address_while_it_lives(self, state: State) -> None:
        found = dns.of_node(ZONES, node(state=state, private_ip="10.0.0.7"))
        assert found == (Record("A", "10.0.0.7"),)

    @pytest.mark.parametrize("state", sorted(frozenset(State) - frozenset(TOLD)))
    def test_is_left_out_otherwise(self, state: State) -> None:
        assert dns.of_node(ZONES, node(state=state, private_ip="10.0.0.7")) == NOTHING

    def test_may_have_an_address_of_ipv6(self) -> None:
        found = dns.of_node(ZONES, node(private_ip="2001:db8:0::7"))
        assert found == (Record("AAAA", "2001:db8::7"),)

    def test_without_an_address_is_there_and_has_none(self) -> None:
        assert dns.of_node(ZONES, node(private_ip="")) == NO_DATA

    @pytest.mark.parametrize("text", ["10.0.0", "10.0.0.7; rm", "fe80::1%eth0", "10.0.0.07"])
    def test_with_an_address_that_is_none_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"address|link"):
            dns.of_node(ZONES, node(private_ip=text))

    def test_of_others_making_leads_to_its_own_name(self) -> None:
        found = dns.of_node(ZONES, foreign("db1.example.com"))
        assert found == (Record("CNAME", "db1.example.com."),)

    def test_of_others_making_has_its_address_where_that_is_known(self) -> None:
        found = dns.of_node(ZONES, foreign("db1.example.com", private_ip="10.0.0.8"))
        assert found == (Record("A", "10.0.0.8"),)

    @pytest.mark.parametrize("name", ["db1", "db1.fleet.example", "10.0.0.8", "x." + "y" * 64])
    def test_of_others_making_leads_nowhere_by_a_name_that_nobody_resolves(self, name: str) -> None:
        assert dns.of_node(ZONES, foreign(name)) == NO_DATA


class TestARole:
    def test_has_each_address_once(self) -> None:
        members = [Member(certname=f"i-{n}", address=f"10.0.0.{n % 2}") for n in range(4)]
        assert dns.of_role(members).records == (Record("A", "10.0.0.0"), Record("A", "10.0.0.1"))

    def test_without_ready_nodes_is_there_and_empty(self) -> None:
        assert dns.of_role([]).records == NO_DATA

    @pytest.mark.parametrize(
        ("bad", "why"),
        [
            (Member(certname="i-bad", address="10.0.0.9", damage="is garbled"), "garbled"),
            (Member(certname="i-bad", address="nonsense"), "nonsense"),
            (Member(certname="i-bad", address=""), "not known"),
        ],
    )
    def test_is_answered_without_a_node_that_cannot_be_told_and_names_it(
        self, bad: Member, why: str
    ) -> None:
        found = dns.of_role([bad, Member(certname="i-good", address="10.0.0.1")])
        assert found.records == (Record("A", "10.0.0.1"),)
        [refused] = found.refused
        assert refused.certname == "i-bad"
        assert why in refused.why

    def test_is_answered_with_as_many_as_a_message_holds(self) -> None:
        first = int(ipaddress.ip_address("10.0.0.0"))
        many = [
            Member(certname=f"i-{n}", address=str(ipaddress.ip_address(first + n)))
            for n in range(10_000)
        ]
        assert len(dns.of_role(many).records) == MOST_MEMBERS == 4000
        longer = [Member(certname=f"i-{n}", address=f"2001:db8::{n:x}") for n in range(10_000)]
        assert len(dns.of_role(longer).records) == 64_000 // 28


class TestAnAddress:
    @pytest.mark.parametrize(
        ("name", "address"),
        [
            ("7.0.0.10.in-addr.arpa", "10.0.0.7"),
            ("7." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::7"),
        ],
    )
    def test_is_read_from_its_name(self, name: str, address: str) -> None:
        assert dns.address_asked(asked(name)) == ipaddress.ip_address(address)

    @pytest.mark.parametrize(
        ("name", "beginning"),
        [("1.10.in-addr.arpa", "10.1."), ("0.8.b.d.0.1.0.0.2.ip6.arpa", "")],
    )
    def test_may_be_the_beginning_of_others(self, name: str, beginning: str) -> None:
        assert dns.address_asked(asked(name)) == beginning

    @pytest.mark.parametrize(
        "name",
        [
            *("07.0.0.10.in-addr.arpa", "256.0.0.10.in-addr.arpa", "x.10.in-addr.arpa"),
            *("1.2.3.4.10.in-addr.arpa", "*.10.in-addr.arpa", "\u0667.10.in-addr.arpa"),
            *("g.8.b.d.0.1.0.0.2.ip6.arpa", "00.8.b.d.0.1.0.0.2.ip6.arpa"),
            "0." * 25 + "8.b.d.0.1.0.0.2.ip6.arpa",
            "9" * 60 + ".10.in-addr.arpa",
        ],
    )
    def test_may_be_none_at_all(self, name: str) -> None:
        assert dns.address_asked(asked(name)) is None

    def test_is_the_newest_living_nodes(self) -> None:
        nodes = [at("i-old", 0), at("i-new", 2), at("i-dead", 3, state=State.RETIRING)]
        found = dns.of_address(ZONES, nodes)
        assert found.records == (Record("PTR", "i-new.fleet.example."),)

    def test_of_the_dead_is_nobodys(self) -> None:
        assert dns.of_address(ZONES, [at("i-d", 0, state=State.LOST)]).records == NOTHING

    def test_of_a_node_that_dns_cannot_name_is_without_a_name_and_says_whose(self) -> None:
        found = dns.of_address(ZONES, [at("x" * 64, 0)])
        assert found.records == NO_DATA
        assert found.refused[0].certname == "x" * 64


def at(certname: str, hours: int, **fields: Any) -> Node:
    launched = START + timedelta(hours=hours)
    return node(certname, **{"private_ip": "10.0.0.7", "launched_at": launched, **fields})


def test_names_above_others_are_known() -> None:
    assert dns.suffixes(["db1.example.com", "i-0"]) == {"example.com", "com"}


def test_a_type_is_answered_alone_and_any_is_all() -> None:
    records = (Record("A", "10.0.0.1"), Record("AAAA", "2001:db8::1"))
    assert dns.of_type(records, "AAAA") == records[1:]
    assert dns.of_type(records, "ANY") == records
