"""Ansible's groups and variables: nobody is in another's group, and no text is a template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enc.domain.model import Kind, Market, State
from enc.outputs.ansible import inventory
from tests.builders import foreign, node
from tests.fakes.clock import START


def document(*nodes: Any, roles: Any = ()) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(inventory(nodes, roles).document))
    return found


def test_a_node_is_in_a_group_for_each_thing_that_it_is() -> None:
    found = document(
        node("i-1", kind=Kind.FLEET, market=Market.ON_DEMAND, state=State.READY), foreign("db1")
    )

    groups = {name: group["hosts"] for name, group in found.items() if "hosts" in group}
    assert groups == {
        "role_web": ["i-1", "db1"],
        "kind_fleet": ["i-1"],
        "kind_foreign": ["db1"],
        "market_on_demand": ["i-1"],
        "state_ready": ["i-1", "db1"],
        "zone_us_east_1a": ["i-1"],
    }
    assert set(found["all"]["children"]) == {"ungrouped", *groups}
    assert set(found["_meta"]["hostvars"]) == {"i-1", "db1"}


def test_no_role_is_a_group_of_ansibles_own() -> None:
    found = document(node("i-1", role="all"), node("i-2", role="ungrouped"))

    assert found["role_all"]["hosts"] == ["i-1"]
    assert found["role_ungrouped"]["hosts"] == ["i-2"]
    assert "hosts" not in found["all"]


def test_two_roles_that_ansible_would_call_alike_are_not_merged() -> None:
    made = inventory([node("i-1", role="web-front"), node("i-2", role="web_front")], [])

    assert "role_web_front" not in made.document
    hosts = [g["hosts"] for name, g in made.document.items() if name.startswith("role_web_front_")]
    assert sorted(hosts) == [["i-1"], ["i-2"]]
    assert [note.partition(" is in group ")[0] for note in made.notes] == [
        "role 'web-front'",
        "role 'web_front'",
    ]


def test_a_role_that_is_called_like_another_ones_mark_is_not_merged_with_it() -> None:
    marked = next(
        name.removeprefix("role_")
        for name, group in document(node("i-1", role="a-b"), node("i-2", role="a_b")).items()
        if group.get("hosts") == ["i-1"] and name.startswith("role_")
    )
    roles = ("a-b", "a_b", marked)
    found = document(*(node(f"i-{n}", role=role) for n, role in enumerate(roles)))

    groups = [group["hosts"] for name, group in found.items() if name.startswith("role_")]
    assert sorted(groups) == [["i-0"], ["i-1"], ["i-2"]]


def test_a_group_has_the_same_name_whether_or_not_the_other_role_has_nodes() -> None:
    both = document(node("i-1", role="web-front"), node("i-2", role="web_front"))
    alone = document(node("i-1", role="web-front"), roles=["web-front", "web_front"])

    [name] = [name for name in alone if name.startswith("role_")]
    assert both[name]["hosts"] == alone[name]["hosts"] == ["i-1"]


def test_a_role_that_is_alone_of_its_name_has_it_plain() -> None:
    made = inventory([node("i-1", role="web-front")], ["web-front", "db"])

    assert made.document["role_web_front"]["hosts"] == ["i-1"]
    assert made.notes == ()


def test_variables_are_what_is_known() -> None:
    ours = node("i-1", private_ip="10.0.0.4", ready_at=START, csr_key="secret")
    variables = document(ours)["_meta"]["hostvars"]["i-1"]

    assert variables["ansible_host"] == "10.0.0.4"
    facts = variables["rolecall"]
    assert facts["role"] == "web"
    assert facts["state"] == "running"
    assert facts["ready_at"].endswith("Z")
    assert facts["public_dns"] is None
    assert "csr_key" not in facts
    assert "secret" not in json.dumps(variables)


def test_a_node_without_an_address_is_there_and_goes_by_its_name() -> None:
    assert "ansible_host" not in document(node("i-1"))["_meta"]["hostvars"]["i-1"]


@pytest.mark.parametrize("text", ["{{ lookup('pipe', 'id') }}", "{% x %}", "{# x", "a{{b"])
def test_a_text_that_looks_like_a_template_is_marked_as_none(text: str) -> None:
    found = document(node("i-1", held=text, private_dns="plain"))

    facts = found["_meta"]["hostvars"]["i-1"]["rolecall"]
    assert facts["held"] == {"__ansible_unsafe": text}
    assert facts["private_dns"] == "plain"


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "{{ a }}", "a b", "a\n", "", "é"])
def test_what_cannot_be_an_address_is_refused_by_name(address: str) -> None:
    made = inventory([node("i-1", private_ip=address), node("i-2")], [])

    refused = [one.certname for one in made.refused]
    assert refused == (["i-1"] if address else [])
    assert ("i-1" in json.dumps(made.document)) == (not address)


@pytest.mark.parametrize(
    "name", ["-x", "a b", "role_web", "../x", "{{x}}", "localhost", "127.0.0.1"]
)
def test_a_name_that_ansible_would_take_for_something_else_is_refused(name: str) -> None:
    made = inventory([foreign(name), foreign("db1")], [])

    assert [one.certname for one in made.refused] == [name]
    assert made.document["role_web"]["hosts"] == ["db1"]
