"""A real PowerDNS with the settings of docs/dns.md, asked by dig while the fleet changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import Inventory, connect
from tests.builders import event, foreign, node, role
from tests.conftest import begin
from tests.pdns import PowerDNS, Unbound, documented
from tests.real.conftest import cannot_run
from tests.servers import RedisServer, Service, free_port, wait_until
from tests.service.http import get

ZONE = "fleet.example"
SETTINGS = {
    "DNS_ZONES": ZONE,
    "DNS_NETWORKS": "10.0.0.0/8",
    "DNS_NS": f"ns1.{ZONE}=10.0.0.53",
    "DNS_HOSTMASTER": "ops@example.com",
}
# What docs/dns.md says of PowerDNS' answers, and room for a busy machine.
AGE = 20.0
TOOLS = ("dig", "/usr/sbin/pdns_server", "/usr/sbin/unbound")
NAME = "i-0aaaaaaaaaaaaaaa1"


@dataclass
class Site:
    redis: RedisServer
    service: Service
    dns: PowerDNS
    bind: str

    @property
    def store(self) -> Redis:
        return connect(self.redis.url, timeout=10)


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        cannot_run(f"not installed: {', '.join(missing)}; run: make debs")
    folder = tmp_path_factory.mktemp("dns")
    with ExitStack() as stack:
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.end)
        bind = f"127.0.0.1:{free_port()}"
        socket = f"unix:{folder}/enc.sock"
        env = {**SETTINGS, "DNS_BIND": bind}
        service = Service(folder / "service", redis.url, bind=socket, env=env).start()
        stack.callback(service.end)
        dns = PowerDNS(folder / "pdns", f"http://{bind}/dns").start()
        stack.callback(dns.stop)
        yield Site(redis, service, dns, bind)


@pytest.fixture
def site(whole_site: Site) -> Site:
    """With a store that has just begun, and nothing in any cache."""
    store = whole_site.store
    store.flushall()
    begin(Inventory.on(store))
    wait_for(whole_site, f"{NAME}.{ZONE}", status="NXDOMAIN")
    wait_for(whole_site, f"web.{ZONE}", status="NXDOMAIN")
    return whole_site


@pytest.fixture
def inventory(site: Site) -> Inventory:
    inventory = Inventory.on(site.store)
    inventory.roles.apply([role("web")], event())
    return inventory


def ready(certname: str = NAME, address: str = "10.0.0.7", **fields: Any) -> Node:
    return node(certname, **{"state": State.READY, "private_ip": address, **fields})


def wait_for(site: Site, name: str, *data: str, kind: str = "A", status: str = "NOERROR") -> None:
    """The answer is this at last, and within the age that we state."""

    def is_so() -> bool:
        dug = site.dns.dig(name, kind)
        return dug.status == status and dug.data == sorted(data)

    wait_until(f"{status} {data} for {name}", is_so, timeout=AGE, alive=site.dns.is_alive)


def test_nodes_roles_and_addresses_have_their_names(site: Site, inventory: Inventory) -> None:
    inventory.nodes.create(ready(), event())
    inventory.nodes.create(ready("i-0b", "10.0.0.8"), event())
    inventory.nodes.create(ready("i-0c", "2001:db8::9"), event())
    wait_for(site, f"{NAME}.{ZONE}", "10.0.0.7")
    wait_for(site, f"web.{ZONE}", "10.0.0.7", "10.0.0.8")
    wait_for(site, f"web.{ZONE}", "2001:db8::9", kind="AAAA")
    wait_for(site, "7.0.0.10.in-addr.arpa", f"{NAME}.{ZONE}.", kind="PTR")
    assert site.dns.dig(f"{NAME.upper()}.Fleet.EXAMPLE").data == ["10.0.0.7"]
    assert sorted(site.dns.dig(f"web.{ZONE}", "ANY").answers) == [
        ("A", "10.0.0.7"),
        ("A", "10.0.0.8"),
        ("AAAA", "2001:db8::9"),
    ]


def test_a_zone_says_who_serves_it(site: Site) -> None:
    soa = f"ns1.{ZONE}. ops.example.com. 1 3600 600 86400 10"
    for zone in (ZONE, "10.in-addr.arpa"):
        assert site.dns.dig(zone, "SOA").data == [soa]
        assert site.dns.dig(zone, "NS").data == [f"ns1.{ZONE}."]
    assert site.dns.dig(f"ns1.{ZONE}").data == ["10.0.0.53"]


NOT_THERE = {
    "other.example": "REFUSED",
    "example": "REFUSED",
    "11.in-addr.arpa": "REFUSED",
    f"nobody.{ZONE}": "NXDOMAIN",
    f"a.b.nobody.{ZONE}": "NXDOMAIN",
    f"*.{ZONE}": "NXDOMAIN",
    f"_tcp.{ZONE}": "NXDOMAIN",
    f"{'x' * 63}.{ZONE}": "NXDOMAIN",
    "1.2.3.10.in-addr.arpa": "NXDOMAIN",
    "999.10.in-addr.arpa": "NXDOMAIN",
}


def test_what_is_not_there_is_said_to_be_so(site: Site) -> None:
    dug = {name: site.dns.dig(name) for name in NOT_THERE}
    assert {name: found.status for name, found in dug.items()} == NOT_THERE
    assert not any(found.answers for found in dug.values())


def test_what_is_there_and_empty_is_not_said_to_be_absent(site: Site, inventory: Inventory) -> None:
    inventory.nodes.create(foreign("db1.other.example", role="db"), event())
    inventory.nodes.create(ready(address="10.9.8.7", role="db"), event())
    wait_for(site, f"web.{ZONE}")
    wait_for(site, f"other.example.{ZONE}")
    wait_for(site, "8.9.10.in-addr.arpa")
    wait_for(site, f"{NAME}.{ZONE}", kind="TXT")
    wait_for(site, f"db1.other.example.{ZONE}", "db1.other.example.", kind="CNAME")


def test_a_node_is_there_when_ready_and_gone_when_it_drains_and_ends(
    site: Site, inventory: Inventory
) -> None:
    made = inventory.nodes.create(node(NAME, private_ip="10.0.0.7"), event())
    wait_for(site, f"{NAME}.{ZONE}", "10.0.0.7")
    wait_for(site, f"web.{ZONE}")
    one = inventory.nodes.change(made, event(), state=State.READY)
    wait_for(site, f"web.{ZONE}", "10.0.0.7")
    inventory.nodes.create(ready("i-0b", "10.0.0.8"), event())
    wait_for(site, f"web.{ZONE}", "10.0.0.7", "10.0.0.8")
    one = inventory.nodes.change(one, event(), state=State.DRAINING)
    wait_for(site, f"web.{ZONE}", "10.0.0.8")
    wait_for(site, f"{NAME}.{ZONE}", status="NXDOMAIN")
    wait_for(site, "7.0.0.10.in-addr.arpa", kind="PTR", status="NXDOMAIN")
    one = inventory.nodes.change(one, event(), state=State.RETIRING)
    inventory.nodes.archive(one, event())
    assert site.dns.dig(f"{NAME}.{ZONE}").status == "NXDOMAIN"
    assert site.dns.dig(f"web.{ZONE}").data == ["10.0.0.8"]


KNOWN = (f"{NAME}.{ZONE}", f"web.{ZONE}")


@pytest.mark.parametrize("trouble", ["silent", "dead", "lost", "another site's"])
def test_a_store_that_fails_is_a_failure_and_never_an_empty_answer(
    site: Site, inventory: Inventory, trouble: str
) -> None:
    inventory.nodes.create(ready(), event())
    for name in KNOWN:
        wait_for(site, name, "10.0.0.7")
    mend = break_store(site, inventory, trouble)
    try:
        seen = {status for name in KNOWN for status in until(site, name, "SERVFAIL")}
        assert seen <= {"NOERROR", "SERVFAIL"}
        assert site.dns.dig(f"nobody{trouble[0]}.{ZONE}").status == "SERVFAIL"
        assert site.dns.dig("8.0.0.10.in-addr.arpa", "PTR").status == "SERVFAIL"
        assert site.dns.dig("other.example").status == "REFUSED"
        assert site.dns.dig(ZONE, "SOA").status == "NOERROR"
    finally:
        mend()
    for name in KNOWN:
        wait_for(site, name, "10.0.0.7")


def break_store(site: Site, inventory: Inventory, trouble: str) -> Callable[[], None]:
    """What brings it back."""
    store = site.store

    def refill() -> None:
        again = Inventory.on(site.store)
        begin(again)
        again.roles.apply([role("web")], event())
        again.nodes.create(ready(), event())

    if trouble == "silent":
        site.redis.pause()
        return site.redis.resume
    if trouble == "dead":
        site.redis.kill()
        return lambda: (site.redis.start(), refill())[1]
    if trouble == "lost":
        store.flushall()
        return refill
    store.hset("meta", "site", "theirs")
    return lambda: (store.hset("meta", "site", "default"), None)[1]


def until(site: Site, name: str, status: str) -> list[str]:
    """Every status on the way to this one."""
    seen: list[str] = []

    def is_so() -> bool:
        dug = site.dns.dig(name)
        assert dug.answers or dug.status != "NOERROR", f"{name} became empty"
        seen.append(dug.status)
        return dug.status == status

    wait_until(f"{status} for {name}", is_so, timeout=AGE)
    return seen


def test_a_service_that_is_away_is_a_failure_and_its_return_is_enough(
    site: Site, inventory: Inventory
) -> None:
    inventory.nodes.create(ready(), event())
    wait_for(site, f"{NAME}.{ZONE}", "10.0.0.7")
    site.service.end()
    try:
        assert set(until(site, f"{NAME}.{ZONE}", "SERVFAIL")) <= {"NOERROR", "SERVFAIL"}
        assert site.dns.dig("other.example").status == "REFUSED"
    finally:
        Path(site.service.bind.removeprefix("unix:")).unlink(missing_ok=True)
        site.service.start()
    wait_for(site, f"{NAME}.{ZONE}", "10.0.0.7")


def test_a_damaged_node_is_a_failure_and_its_role_is_answered_without_it(
    site: Site, inventory: Inventory
) -> None:
    inventory.nodes.create(ready(), event())
    inventory.nodes.create(ready("i-0bad", "10.0.0.8"), event())
    site.store.hset("node:i-0bad", "private_ip", "nonsense")
    wait_for(site, f"i-0bad.{ZONE}", status="SERVFAIL")
    wait_for(site, f"web.{ZONE}", "10.0.0.7")
    assert '"node": "i-0bad"' in site.service.log.read_text()


def test_a_role_of_ten_thousand_is_answered_with_what_a_message_holds(
    site: Site, inventory: Inventory
) -> None:
    def address(n: int) -> str:
        return f"10.{n // 62500}.{n // 250 % 250}.{n % 250}"

    inventory.nodes.create_many((ready(f"i-{n:08x}", address(n)), event()) for n in range(10_000))
    there = {address(n) for n in range(10_000)}
    wait_until("addresses", lambda: bool(site.dns.dig(f"web.{ZONE}").answers), timeout=AGE)
    dug = site.dns.dig(f"web.{ZONE}")
    assert dug.truncated
    assert len(dug.answers) == 4000
    assert set(dug.data) <= there
    assert not site.dns.dig(f"web.{ZONE}", "A", "+ignore", "+notcp").answers


def test_the_zone_is_not_handed_out(site: Site, inventory: Inventory) -> None:
    inventory.nodes.create(ready(), event())
    wait_for(site, f"{NAME}.{ZONE}", "10.0.0.7")
    assert not site.dns.dig(ZONE, "AXFR").answers


def test_where_powerdns_asks_there_is_nothing_else(site: Site) -> None:
    door = Service(site.service.folder, site.redis.url, bind=site.bind)
    assert get(door, "/dns/getAllDomains").status == 200
    for path in ("/", "/v1/nodes", "/v1/enc/x", "/metrics", "/v1/autosign/x"):
        assert get(door, path).status == 404
        assert get(door, path, X_Forwarded_For="10.0.0.1", X_Script_Name="/dns").status == 404
    assert get(site.service, "/v1/nodes").status == 200


def test_a_resolver_forwards_the_zones_and_lets_go_in_time(
    site: Site, inventory: Inventory, tmp_path: Path
) -> None:
    made = inventory.nodes.create(ready(), event())
    inventory.nodes.create(ready("i-0b", "10.0.0.8"), event())
    wait_for(site, f"web.{ZONE}", "10.0.0.7", "10.0.0.8")
    resolver = Unbound(tmp_path, site.dns).start()
    try:
        assert resolver.dig(f"web.{ZONE}").data == ["10.0.0.7", "10.0.0.8"]
        assert resolver.dig("7.0.0.10.in-addr.arpa", "PTR").data == [f"{NAME}.{ZONE}."]
        assert resolver.dig(f"nobody.{ZONE}").status == "NXDOMAIN"
        inventory.nodes.change(made, event(), state=State.DRAINING)
        only = ["10.0.0.8"]
        wait_until("the drained to go", lambda: resolver.dig(f"web.{ZONE}").data == only)
    finally:
        resolver.stop()


def test_the_documented_settings_are_what_is_tried() -> None:
    assert documented()["query-cache-ttl"] == "1"
    assert documented()["cache-ttl"] == "3"
