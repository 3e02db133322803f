"""What becomes of each node definition."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from enc.domain.model import Kind, Market, State
from provisioner.importing.look import Look, is_ec2_name, looked
from provisioner.importing.nodespp.definition import Definition, Manifest, Match, Remark
from provisioner.importing.plan import Entry, Known, Verdict, plan
from provisioner.importing.roles import Content, StoredRole
from provisioner.ports.ec2 import Instance, InstanceState
from tests.builders import foreign, node

PUBLIC = "ec2-1-2-3-4.compute-1.amazonaws.com"
EC2 = "ip-10-0-0-7.ec2.internal"
ID = "i-0aaaaaaaaaaaaaaa1"
WEB = StoredRole(name="web", content=Content(classes={"role::web": {}}, parameters={}))


def defined(name: str = "db1.example.com", **fields: Any) -> Definition:
    given: dict[str, Any] = {"line": 3, "classes": {"role::web": {}}}
    return Definition(name=name, **{**given, **fields})


def ground(**fields: Any) -> Known:
    given: dict[str, Any] = {
        "roles": [WEB],
        "nodes": {},
        "namesakes": {},
        "ended": frozenset(),
        "look": Look(),
        "site_tag": ("rolecall:site", "default"),
        "unfit": lambda content: "",
    }
    return Known(**{**given, **fields})


def entry(*definitions: Definition, **fields: Any) -> Entry:
    [found] = plan(Manifest(definitions=definitions), ground(**fields)).entries
    return found


def machine(name: str = EC2, **fields: Any) -> Instance:
    given: dict[str, Any] = {
        "id": ID,
        "state": InstanceState.RUNNING,
        "region": "us-east-1",
        "zone": "us-east-1a",
        "instance_type": "c5.large",
        "market": Market.ON_DEMAND,
        "launched_at": datetime(2026, 1, 1, tzinfo=UTC),
        "private_dns": name,
    }
    return Instance(**{**given, **fields})


def test_a_definition_becomes_a_foreign_node_of_the_role_that_declares_the_same() -> None:
    found = entry(defined())

    assert (found.verdict, found.role, found.role_is_new) == (Verdict.CREATE, "web", False)


def test_a_content_that_no_role_has_needs_a_new_one_with_all_its_nodes() -> None:
    both = (defined("a", classes={"x": {}}), defined("b", classes={"x": {}}))
    found = plan(Manifest(definitions=both), ground())

    assert [(role.name, role.nodes) for role in found.new_roles] == [("x", ("a", "b"))]
    assert all(one.role_is_new for one in found.entries)


def test_a_role_that_only_a_conflict_would_need_is_not_new() -> None:
    found = plan(Manifest(definitions=(defined("", classes={"x": {}}),)), ground())

    assert found.new_roles == ()


def test_a_live_instance_of_that_name_is_shown_and_the_node_stays_foreign() -> None:
    look = looked([machine()], [EC2])
    found = entry(defined(EC2), look=look)

    assert (found.verdict, [one.id for one in found.machines]) == (Verdict.CREATE, [ID])


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ({"private_dns": EC2}, EC2),
        ({"private_dns": EC2}, "ip-10-0-0-7"),
        ({"private_dns": EC2}, "ip-10-0-0-7.example.com"),
        ({"public_dns": PUBLIC}, PUBLIC),
        ({"tags": {"Name": "Web1.example.com"}}, "web1.example.com"),
        ({"private_ip": "10.0.0.7"}, "10.0.0.7"),
        ({"private_ip": "10.0.0.7"}, EC2),
        ({"private_ip": "10.0.0.7"}, "ip-10-0-0-7.corp.example"),
        ({"private_ip": "10.0.0.7", "private_dns": f"{ID}.ec2.internal"}, EC2),
        (
            {"private_ip": "10.0.0.7", "region": "eu-west-1"},
            "ip-10-0-0-7.eu-west-1.compute.internal",
        ),
        ({"tags": {"Name": "prod-app02"}}, "prod-app02.ec2.internal"),
        ({"private_dns": EC2}, f"{ID}.ec2.internal"),
        ({}, ID),
    ],
)
def test_a_machine_is_known_by_every_name_that_people_give_it(
    how: dict[str, Any], name: str
) -> None:
    found = looked([machine(**{"private_dns": "", **how})], [name])

    assert [one.id for one in found.machines[name]] == [ID]


def test_the_tag_name_of_a_machine_of_rolecall_is_its_role_and_no_name() -> None:
    look = looked([machine(tags={"Name": "web", "rolecall:site": "default"})], ["web", EC2])

    assert entry(defined("web"), look=look).verdict is Verdict.CREATE
    assert entry(defined(EC2), look=look).verdict is Verdict.CONFLICT


def test_another_regions_address_is_another_name() -> None:
    there = "ip-10-0-0-7.eu-west-1.compute.internal"

    assert looked([machine(private_ip="10.0.0.7")], [there]).machines == {}


def test_a_terminated_machine_gives_its_name_to_nobody() -> None:
    dead = machine(state=InstanceState.TERMINATED)

    assert entry(defined(EC2), look=looked([dead], [EC2])).verdict is Verdict.CONFLICT


@pytest.mark.parametrize("name", [EC2, "ip-10-0-0-7.corp.example", f"{ID}.ec2.internal"])
def test_a_name_of_ec2s_that_no_live_instance_has_is_a_question(name: str) -> None:
    """It may be another account's: nobody is called dead who only was not found."""
    found = entry(defined(name))

    assert found.verdict is Verdict.CONFLICT
    assert "no live instance has it in this account" in found.reason
    assert f"'provisioner assign {name} ROLE'" in found.reason
    assert "dead" not in found.reason


@pytest.mark.parametrize("name", ["db1.example.com", "prod-app02.ec2.internal"])
def test_a_name_that_ec2_never_gives_needs_no_instance(name: str) -> None:
    assert entry(defined(name)).verdict is Verdict.CREATE


def test_what_could_not_be_looked_at_is_never_called_dead() -> None:
    found = entry(defined(EC2), look=Look(trouble="denied"))

    assert found.verdict is Verdict.CONFLICT
    assert "could not be asked" in found.reason
    assert "live" not in found.reason
    assert entry(defined(), look=Look(trouble="denied")).verdict is Verdict.CREATE


def test_without_ec2_nobody_is_dead() -> None:
    assert entry(defined(EC2), look=Look(asked=False)).verdict is Verdict.CREATE


@pytest.mark.parametrize(
    "how",
    [
        {"look": looked([machine(tags={"rolecall:site": "default"})], [EC2])},
        {"namesakes": {EC2: node(ID, private_dns=EC2)}, "look": Look(asked=False)},
    ],
)
def test_a_name_that_a_machine_of_ours_has_now_is_a_question(how: dict[str, Any]) -> None:
    found = entry(defined(EC2), **how)

    assert found.verdict is Verdict.CONFLICT
    assert f"{ID} has that name now" in found.reason
    assert "dead" not in found.reason


def test_another_sites_machine_is_somebody_elses() -> None:
    look = looked([machine(tags={"rolecall:site": "other"})], [EC2])

    assert entry(defined(EC2), look=look).verdict is Verdict.CREATE


def test_what_the_inventory_has_so_is_unchanged_under_whatever_role() -> None:
    twin = replace(WEB, name="twin")
    there = {"db1.example.com": foreign(role="twin")}
    found = entry(defined(), nodes=there, roles=[WEB, twin])

    assert (found.verdict, found.role) == (Verdict.UNCHANGED, "twin")


def test_an_environment_that_only_the_inventory_says_is_told() -> None:
    there = {"db1.example.com": foreign(environment="qa")}
    staged = {"db1.example.com": foreign()}

    assert "in environment qa" in entry(defined(), nodes=there).reason
    role = replace(WEB, environment="stage")
    assert "in environment stage" in entry(defined(), nodes=staged, roles=[role]).reason
    assert "environment" not in entry(defined(), nodes=staged).reason


def test_a_role_that_has_more_by_defaults_is_told() -> None:
    more = Content(classes={"role::web": {}}, parameters={"dc": "lyon"})
    found = entry(defined(), roles=[StoredRole(name="web", content=more)])

    assert (found.role_is_new, found.verdict) == (True, Verdict.CREATE)
    assert "role web says the same and sets dc besides" in found.reason
    assert "besides" not in entry(defined(parameters={"dc": "nice"}), roles=[WEB]).reason


def test_an_unchanged_name_that_no_live_instance_has_says_so() -> None:
    there = {EC2: foreign(EC2)}

    assert "provisioner retire" in entry(defined(EC2), nodes=there).reason
    assert "retire" not in entry(defined(EC2), nodes=there, look=Look(trouble="x")).reason


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (foreign(role="other"), "role other, which declares something else"),
        (foreign(role="gone"), "role gone"),
        (node("db1.example.com", kind=Kind.FLEET), "rolecall's own (fleet, web)"),
        (foreign(state=State.RETIRING), "being retired"),
    ],
)
def test_what_the_inventory_has_otherwise_is_a_conflict(there: Any, says: str) -> None:
    other = StoredRole(name="other", content=Content(classes={"x": {}}, parameters={}))
    found = entry(defined(), nodes={"db1.example.com": there}, roles=[WEB, other])

    assert found.verdict is Verdict.CONFLICT
    assert says in found.reason


def test_a_machine_that_has_ended_never_comes_back() -> None:
    assert entry(defined(ID), ended={ID}).verdict is Verdict.CONFLICT
    look = looked([machine()], [ID])
    assert entry(defined(ID), look=look).verdict is Verdict.CREATE


def test_the_same_name_twice_is_one_conflict_that_names_both_lines() -> None:
    same = entry(defined(line=3), defined(line=9))
    other = entry(defined(line=3), defined(line=9, classes={"x": {}}))

    assert (same.verdict, same.lines) == (Verdict.CONFLICT, (3, 9))
    assert "(lines 3, 9), they say the same" in same.reason
    assert "they differ" in other.reason


@pytest.mark.parametrize(
    "one", [{"name": "default", "match": Match.DEFAULT}, {"name": "/^a/", "match": Match.PATTERN}]
)
def test_what_has_no_name_and_stands_twice_is_refused_by_puppet_as_well(one: Any) -> None:
    found = entry(defined(**one, line=3, empty=True), defined(**one, line=9))

    assert (found.verdict, found.lines) == (Verdict.CONFLICT, (3, 9))
    assert "Puppet refuses the file; keep one" in found.reason


@pytest.mark.parametrize(
    ("how", "verdict", "says"),
    [
        ({"name": ""}, Verdict.CONFLICT, "name is empty"),
        ({"name": "a b"}, Verdict.NOT_IMPORTABLE, "cannot be a certname"),
        ({"name": "a..b"}, Verdict.NOT_IMPORTABLE, "cannot be a certname"),
        ({"classes": {}}, Verdict.NOT_IMPORTABLE, "no classes"),
        ({"problems": (Remark(line=4, what="an if"),)}, Verdict.NOT_IMPORTABLE, "line 4: an if"),
        ({"match": Match.PATTERN}, Verdict.NOT_IMPORTABLE, "regular expression"),
        ({"match": Match.DEFAULT}, Verdict.NOT_IMPORTABLE, "nobody named"),
        ({"match": Match.DEFAULT, "empty": True}, Verdict.STAYS, "keep it"),
    ],
)
def test_what_the_file_alone_forbids(how: dict[str, Any], verdict: Verdict, says: str) -> None:
    found = entry(defined(**how))

    assert found.verdict is verdict
    assert says in found.reason


def test_a_pattern_tells_the_role_that_says_the_same_and_needs_none_to_be_stored() -> None:
    pattern = defined("/^w/", match=Match.PATTERN)
    other = replace(pattern, classes={"x": {}})
    found = plan(Manifest(definitions=(pattern, replace(other, name="/^x/"))), ground())

    assert "role web says the same: 'provisioner assign NAME web'" in found.entries[0].reason
    assert [(role.name, role.nodes) for role in found.new_roles] == [("x", ("/^x/",))]
    assert {one.verdict for one in found.entries} == {Verdict.NOT_IMPORTABLE}
    assert found.lacking == []


@pytest.mark.parametrize("how", [{"problems": (Remark(line=4, what="an if"),)}, {"classes": {}}])
def test_a_pattern_that_no_role_can_say_names_none(how: dict[str, Any]) -> None:
    found = entry(defined("/^w/", match=Match.PATTERN, **how))

    assert (found.role, found.content) == ("", None)


def test_what_others_inherit_from_is_a_template_and_no_node() -> None:
    both = (defined("base"), defined("db1.example.com", parent="base"))
    template, heir = plan(Manifest(definitions=both), ground()).entries

    assert template.verdict is Verdict.NOT_IMPORTABLE
    assert template.reason.startswith("db1.example.com inherits from it")
    assert heir.verdict is Verdict.CREATE


def test_where_classes_come_from_is_told_only_of_a_file_that_names_no_node() -> None:
    default = defined("default", match=Match.DEFAULT)

    assert plan(Manifest(definitions=(default,), elsewhere="x"), ground()).elsewhere == "x"
    assert plan(Manifest(definitions=(defined(),), elsewhere="x"), ground()).elsewhere == ""


def test_what_no_role_can_have_is_not_importable() -> None:
    found = entry(defined(), unfit=lambda content: "too large")

    assert (found.verdict, found.reason) == (Verdict.NOT_IMPORTABLE, "too large")


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        (EC2, True),
        ("ip-10-0-0-7.eu-west-1.compute.internal", True),
        ("ip-10-0-0-7", True),
        ("ec2-1-2-3-4.compute-1.amazonaws.com", True),
        ("ec2-1-2-3-4.eu-west-1.compute.amazonaws.com", True),
        ("i-0123456789abcdef0.ec2.internal", True),
        (ID, True),
        ("domu-12-31-39-0a-0b-0c.compute-1.internal", True),
        ("ip-pool.example.com", False),
        ("db1.example.com", False),
        ("i-am-a-host", False),
        ("ec2.example.com", False),
        ("prod-app02.ec2.internal", False),
        ("db1.eu-west-1.compute.internal", False),
    ],
)
def test_names_of_ec2s_making_are_known(name: str, theirs: bool) -> None:
    assert is_ec2_name(name) is theirs
