"""Which role a node definition becomes."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.importing.roles import Content, Naming, NewRole, StoredRole, proposed
from provisioner.rolesfile.loading import load
from provisioner.rolesfile.writing import text, unfit


def content(parameters: dict[str, Any] | None = None, **classes: dict[str, Any]) -> Content:
    return Content(classes=classes or {"web": {}}, parameters=parameters or {})


def stored(name: str, what: Content, environment: str = "") -> StoredRole:
    return StoredRole(name=name, content=what, environment=environment)


def test_a_stored_role_with_the_same_content_is_taken_whatever_it_is_called() -> None:
    naming = Naming([stored("frontend", content(web={}))])

    assert naming.role_of(content(web={})).name == "frontend"
    assert isinstance(naming.role_of(content(web={"port": 1})), NewRole)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"port": 1}, {"port": True}),
        ({"port": 1}, {"port": 1.0}),
        ({"port": 1}, {"port": "1"}),
        ({"port": None}, {}),
    ],
)
def test_what_puppet_tells_apart_is_another_role(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    naming = Naming([stored("a", content(web=one))])

    assert isinstance(naming.role_of(content(web=other)), NewRole)


def test_leading_colons_and_the_order_of_parameters_are_no_difference() -> None:
    naming = Naming([stored("a", Content(classes={"::b": {"x": 1, "y": 2}}, parameters={}))])

    assert naming.role_of(content(b={"y": 2, "x": 1})).name == "a"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": {}, "b": {}}, {"b": {}, "a": {}}, False),
        ({"a": {"x": 1}, "b": {"x": 1}}, {"b": {"x": 1}, "a": {"x": 1}}, False),
        # Puppet takes those with parameters first, wherever they stand.
        ({"a": {"x": 1}, "b": {}}, {"b": {}, "a": {"x": 1}}, True),
        ({"a": {"z": {"k": 1, "l": 2}}}, {"a": {"z": {"l": 2, "k": 1}}}, False),
        ({"a": {"z": [{"k": 1, "l": 2}]}}, {"a": {"z": [{"l": 2, "k": 1}]}}, False),
    ],
)
def test_an_order_that_puppet_sees_is_a_difference(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    naming = Naming([stored("a", content(**one))])

    assert isinstance(naming.role_of(content(**other)), StoredRole) is same


def test_the_order_in_a_variables_map_is_a_difference() -> None:
    naming = Naming([stored("a", content({"t": {"k": 1, "l": 2}}))])

    assert isinstance(naming.role_of(content({"t": {"l": 2, "k": 1}})), NewRole)


def test_a_role_that_sets_no_environment_goes_before_one_that_does() -> None:
    both = [stored("a", content(), "staging"), stored("b", content())]

    assert Naming(both).role_of(content()).name == "b"
    assert Naming(both[:1]).role_of(content()).name == "a"


def test_a_second_content_of_a_name_gets_a_name_that_hangs_on_it_alone() -> None:
    first, second = content(web={}), content(web={"port": 1})
    names = [Naming([]).role_of(first).name, *(Naming([]).role_of(second).name for _ in "a")]
    naming = Naming([])
    together = [naming.role_of(first).name, naming.role_of(second).name]
    taken = Naming([stored("web", content(other={}))]).role_of(second).name

    assert names == ["web", "web"]
    assert together[0] == "web"
    assert together[1].startswith("web-")
    assert taken == together[1]


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        (["role::web"], "web"),
        (["base", "roles::app::front"], "app-front"),
        (["profile::db"], "db"),
        (["base", "ntp"], "base"),
        (["role"], "role"),
        (["role::" + "x" * 80], "x" * 63),
        (["role::9to5"], "role-9to5"),
        (["role::a_b"], "a_b"),
    ],
)
def test_names_come_from_the_class_that_says_most(classes: list[str], name: str) -> None:
    assert proposed(classes) == name


HARD = {
    "yes": "yes",
    "octal": "0644",
    "time": "12:30",
    "null": None,
    "float": 1e22,
    "deep": [{"a": [1, True, None]}],
    "text": "two\nlines: # no comment\n",
    "emoji": "\U0001f600",
    "long": "word " * 100,
}


def test_what_is_written_is_read_as_the_same() -> None:
    roles = {"web": {"classes": {"role::web": HARD}, "parameters": {"tier": HARD}}}
    read = load(text(roles, ["a comment"]), source="f", read_file=open)  # type: ignore[arg-type]

    assert read.roles["web"].classes == {"role::web": HARD}
    assert read.roles["web"].parameters == {"tier": HARD}


def test_a_written_role_launches_nothing_below_defaults_that_launch() -> None:
    fragment = text({"web": {"classes": {"role::web": {}}}})
    launching = "{region: us-east-1, subnets: [subnet-0]}"
    both = f"defaults: {{launch: {launching}}}\n{fragment}"

    assert load(both, source="f", read_file=open).roles["web"].launch is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "parameters", "says"),
    [
        ({"Role::Web": {}}, {}, "class name"),
        ({"web": {"Port": 1}}, {}, "parameter name"),
        ({"web": {}}, {"role": "x"}, "rolecall itself"),
        ({"web": {}}, {"environment": "x"}, "Puppet's own"),
        ({"web": {}}, {"t": "\x1b[31m"}, "roles.yaml has no form|cannot"),
        ({"web": {"size": 99999999999999999999}}, {}, "64 bits"),
        ({}, {}, "no class"),
    ],
)
def test_what_no_role_can_have_is_told(
    classes: dict[str, Any], parameters: dict[str, Any], says: str
) -> None:
    told = unfit({"classes": classes, "parameters": parameters})

    assert any(part in told for part in says.split("|")), told


def test_what_a_role_can_have_is_fit() -> None:
    assert unfit({"classes": {"web": HARD}, "parameters": {"tier": "x"}}) == ""
