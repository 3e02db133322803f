"""What tools are told of nodes: who, and where each is reached."""

from __future__ import annotations

from typing import Any

import pytest

from enc.domain.model import ALLOWED, Kind, Role, State
from enc.outputs import SERVING, TOLD, Check, address_of, by_role, checks_of
from tests.builders import foreign, node


def test_a_node_that_changes_while_it_is_read_is_not_passed_by() -> None:
    for place, state in enumerate(TOLD):
        assert not ALLOWED[state] & set(TOLD[:place])


def test_who_leaves_is_told_to_nobody() -> None:
    gone = {State.DRAINING, State.LOST, State.RETIRING, State.ARCHIVED}
    assert not gone & {*TOLD, *SERVING}
    assert set(TOLD) >= SERVING


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"private_ip": "10.0.0.1", "private_dns": "a.internal"}, "10.0.0.1"),
        ({"private_ip": "", "private_dns": "a.internal"}, "a.internal"),
        ({"private_ip": "", "private_dns": ""}, ""),
    ],
)
def test_a_machine_is_reached_by_what_is_known_of_it(fields: dict[str, str], address: str) -> None:
    assert address_of(node(**fields)) == address


def test_a_foreign_node_is_reached_by_its_name_and_a_launched_one_is_not() -> None:
    assert address_of(foreign("db1.example.com")) == "db1.example.com"
    assert address_of(node(kind=Kind.EXTRA, private_ip="", private_dns="")) == ""


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ([{"name": "http", "command": "check_http", "port": 80}], [("http", "check_http", 80)]),
        ([{"name": "load", "command": "check_load", "port": None}], [("load", "check_load", None)]),
        ([{"name": "http", "command": "c", "port": 65536}], [("http", "c", None)]),
        ([{"name": "http", "command": "c", "port": True}], [("http", "c", None)]),
        ([{"name": "http"}, "odd", None], []),
        ("odd", []),
        (None, []),
    ],
)
def test_checks_are_those_that_can_be_read(
    written: Any, found: list[tuple[str, str, int | None]]
) -> None:
    role = Role(name="web", definition={"checks": written})
    assert checks_of(role) == tuple(Check(name=n, command=c, port=p) for n, c, p in found)


def test_nodes_are_sorted_into_their_roles_in_the_order_of_names() -> None:
    first, second, other = node("i-0a"), node("i-0b"), node("i-0c", role="db")
    assert list(by_role([first, second, other]).items()) == [
        ("db", [other]),
        ("web", [first, second]),
    ]
