"""Lines for /etc/hosts: an address and a name, and nothing that breaks the file or a machine."""

from __future__ import annotations

import pytest

from enc.outputs.hosts import hosts
from tests.builders import foreign, node


def test_a_line_is_an_address_and_a_certname() -> None:
    lines, refused, unknown = hosts([node("i-1", private_ip="10.0.0.4"), node("i-2")])

    assert lines == ["10.0.0.4\ti-1"]
    assert refused == []
    assert unknown == ["i-2"]


def test_a_foreign_node_goes_by_an_address_that_is_known_and_not_by_its_name() -> None:
    known, unknown = foreign("db1", private_ip="fd00::1"), foreign("db2")
    lines, refused, left = hosts([known, unknown])

    assert (lines, refused, left) == (["fd00::1\tdb1"], [], ["db2"])


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "localhost.localdomain", "x.localhost", "ip6-localhost", "broadcasthost"),
        *("10.0.0.4", "a b", "a\n10.0.0.1 puppet", "a#b", "-a", "a-", "a.", "é", "x" * 64),
    ],
)
def test_a_name_that_would_break_the_file_or_a_machine_is_refused(name: str) -> None:
    lines, refused, _ = hosts([node(name, private_ip="10.0.0.4")])

    assert lines == []
    assert [one.certname for one in refused] == [name]


@pytest.mark.parametrize("address", ["10.0.0", "x", "10.0.0.4 puppet", "fe80::1%eth0", "1\n2"])
def test_what_is_no_address_is_refused(address: str) -> None:
    lines, refused, _ = hosts([node("i-1", private_ip=address), node("i-2", private_ip="10.0.0.5")])

    assert lines == ["10.0.0.5\ti-2"]
    assert [one.certname for one in refused] == ["i-1"]
    assert refused[0].why.isprintable()
