"""Targets: who has one, at which ports, and with which labels."""

from __future__ import annotations

from typing import Any

import pytest

from enc.domain.model import Kind, Market, State
from enc.outputs.prometheus import groups
from tests.builders import foreign, node, role

WEB = role(
    definition={
        "checks": [
            {"name": "http", "command": "check_http", "port": 80},
            {"name": "node", "command": "check_node", "port": 9100},
            {"name": "load", "command": "check_load"},
        ]
    }
)
BARE = role("bare")


def targets(*nodes: Any, port: int | None = None, roles: Any = (WEB, BARE)) -> list[str]:
    found, _ = groups(nodes, {one.name: one for one in roles}, port)
    return [one["targets"][0] for one in found]


def test_each_check_with_a_port_is_a_target() -> None:
    found, refused = groups([node(private_ip="10.0.0.4")], {"web": WEB})

    assert [one["targets"] for one in found] == [["10.0.0.4:80"], ["10.0.0.4:9100"]]
    assert [one["labels"]["__meta_rolecall_check"] for one in found] == ["http", "node"]
    assert refused == []


def test_a_port_that_is_asked_for_stands_in_place_of_the_checks() -> None:
    found, _ = groups([node(private_ip="10.0.0.4")], {"web": WEB}, 9999)

    assert [one["targets"] for one in found] == [["10.0.0.4:9999"]]
    assert found[0]["labels"]["__meta_rolecall_check"] == ""


def test_a_role_without_ports_has_targets_only_at_one_that_is_asked_for() -> None:
    bare, gone = node(role="bare", private_ip="10.0.0.4"), node(role="gone", private_ip="10.0.0.5")

    assert targets(bare, gone) == []
    assert targets(bare, gone, port=1) == ["10.0.0.4:1", "10.0.0.5:1"]


def test_labels_say_what_the_node_is() -> None:
    ours = node(
        "i-0aaaaaaaaaaaaaaa1",
        private_ip="10.0.0.4",
        kind=Kind.FLEET,
        state=State.READY,
        market=Market.ON_DEMAND,
    )
    found, _ = groups([ours], {"web": WEB}, 1)

    assert found[0]["labels"] == {
        "__meta_rolecall_certname": "i-0aaaaaaaaaaaaaaa1",
        "__meta_rolecall_role": "web",
        "__meta_rolecall_kind": "fleet",
        "__meta_rolecall_state": "ready",
        "__meta_rolecall_market": "on-demand",
        "__meta_rolecall_instance_type": "c5.large",
        "__meta_rolecall_instance_id": "i-0aaaaaaaaaaaaaaa1",
        "__meta_rolecall_zone": "us-east-1a",
        "__meta_rolecall_region": "us-east-1",
        "__meta_rolecall_environment": "",
        "__meta_rolecall_check": "",
    }


def test_a_node_without_an_address_is_refused_and_one_without_an_ip_goes_by_name() -> None:
    assert [one.certname for one in groups([node()], {}, 1)[1]] == [node().certname]
    assert targets(node(), port=1) == []
    assert targets(node(private_dns="ip-10-0-0-4.ec2.internal"), port=1) == [
        "ip-10-0-0-4.ec2.internal:1"
    ]
    assert targets(foreign("db1.example.com"), port=1) == ["db1.example.com:1"]


@pytest.mark.parametrize("address", ["fd00::4", "::1", "2001:db8:0:0:0:0:0:1"])
def test_an_address_with_colons_is_put_in_brackets(address: str) -> None:
    assert targets(node(private_ip=address), port=1) == [f"[{address}]:1"]


@pytest.mark.parametrize(
    "address",
    ["10.0.0.4/x", "a b", "a\n", "-a", "10.0.0.4:80", "//a", "[::1]", "é", "{{ a }}"],
)
def test_what_cannot_be_an_address_is_refused_by_name(address: str) -> None:
    found, refused = groups([node("i-0bad0bad0", private_ip=address)], {}, 1)

    assert found == []
    assert [one.certname for one in refused] == ["i-0bad0bad0"]
    assert refused[0].why.isprintable()
