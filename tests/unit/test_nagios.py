"""What Nagios is told: who, in which words, and what never gets into its files."""

from __future__ import annotations

from typing import Any

import pytest

from enc.domain.model import Kind, Node, Role, State
from enc.outputs.nagios import LEFT, Last, Objects, Style, objects, read_last
from tests.builders import foreign, node

HTTP = {"name": "http", "command": "check_http", "port": 8080}
EVIL = (
    "a\n}\ndefine host {",
    "a\r# -- host i-0evil web",
    "a;b",
    "a}",
    "a\\",
    "$USER1$",
    "`reboot`",
    "a'b",
    "\x85\u2028",
)


def ready(certname: str = "i-0aaaaaaa1", **fields: Any) -> Node:
    return node(certname, **{"state": State.READY, "private_ip": "10.0.0.1", **fields})


def role(name: str = "web", *checks: Any, **more: Any) -> Role:
    return Role(name=name, definition={"checks": list(checks), **more})


def made(*nodes: Node, roles: tuple[Role, ...] = (role("web", HTTP),), **more: Any) -> Objects:
    return objects(nodes, {one.name: one for one in roles}, **more)


def lines(text: str) -> list[str]:
    """Each with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_node_is_a_host_in_the_group_of_its_role() -> None:
    text = made(ready(private_dns="ip-10-0-0-1.ec2.internal", kind=Kind.FLEET)).text
    assert lines(text)[1:] == [
        "# -- role web",
        "define hostgroup {",
        "hostgroup_name web",
        "alias web",
        "}",
        "# -- checks web",
        "define service {",
        "use generic-service",
        "hostgroup_name web",
        "service_description http",
        "check_command check_http!-p 8080",
        "_PORT 8080",
        "}",
        "# -- host i-0aaaaaaa1 web",
        "define host {",
        "use linux-server",
        "host_name i-0aaaaaaa1",
        "alias ip-10-0-0-1.ec2.internal",
        "address 10.0.0.1",
        "hostgroups web",
        "_ROLE web",
        "_KIND fleet",
        "_MARKET spot",
        "_INSTANCE_TYPE c5.large",
        "_ZONE us-east-1a",
        "_REGION us-east-1",
        "_VPC vpc-1",
        "_INSTANCE_ID i-0aaaaaaa1",
        "}",
        "# -- end: 1 hosts",
    ]


def test_the_same_in_another_order_is_the_same_text_and_another_node_is_not() -> None:
    one, two = ready("i-0aaaaaaa1"), ready("i-0aaaaaaa2", role="db")
    roles = role("db"), role("web", HTTP)
    assert made(one, two, roles=roles) == made(two, one, roles=roles[::-1])
    assert made(one, roles=roles) != made(one, two, roles=roles)


def test_a_role_without_nodes_has_its_group_and_no_service() -> None:
    text = made().text
    assert "hostgroup_name       web" in text
    assert "define service" not in text


def test_other_templates_are_used_where_they_are_named() -> None:
    text = made(ready(), style=Style(host_template="ours", service_template="theirs")).text
    assert [line for line in lines(text) if line.startswith("use ")] == ["use theirs", "use ours"]


def test_a_foreign_node_is_reached_by_its_name() -> None:
    assert "address db1.example.com" in lines(made(foreign("db1.example.com")).text)


def test_a_node_that_cannot_be_reached_is_refused_by_name_and_takes_no_other_away() -> None:
    found = made(ready("i-0aaaaaaa1", private_ip=""), ready("i-0aaaaaaa2"))
    assert found.hosts == 1
    [refused] = found.refused
    assert (refused.certname, "left out" in refused.why) == ("i-0aaaaaaa1", True)


def test_a_host_that_cannot_be_reached_any_more_keeps_its_last_definition() -> None:
    last = read_last(made(ready()).text)
    found = made(ready(private_ip=""), last=last)
    assert "address 10.0.0.1" in lines(found.text)
    assert "its last definition stays" in found.refused[0].why


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("field", ["private_ip", "role", "zone", "image", "environment"])
def test_what_would_break_an_object_is_not_in_it_and_its_node_is_named(
    field: str, evil: str
) -> None:
    found = made(ready("i-0aaaaaaa1", **{field: evil}), ready("i-0aaaaaaa2"))
    assert evil not in found.text
    assert {one.certname for one in found.refused} == {"i-0aaaaaaa1"}
    assert "i-0aaaaaaa2" in read_last(found.text).hosts
    assert not set(read_last(found.text).hosts) - {"i-0aaaaaaa1", "i-0aaaaaaa2"}


@pytest.mark.parametrize("evil", EVIL)
def test_a_certname_that_is_none_is_refused(evil: str) -> None:
    found = made(ready(evil))
    assert (found.hosts, len(found.refused)) == (0, 1)


@pytest.mark.parametrize("evil", EVIL)
def test_a_name_that_would_break_an_object_is_shown_without_what_breaks_it(evil: str) -> None:
    host = read_last(made(ready(private_dns=evil)).text).hosts["i-0aaaaaaa1"].text
    [alias] = [line for line in host.splitlines() if line.strip().startswith("alias")]
    assert not set(alias) & set("{}\\`$'\r\u2028") - ({"\\"} if ";" in evil else set())
    assert host.count("define") == 1 + (evil == EVIL[0])


def test_a_description_loses_what_a_shell_obeys_and_keeps_its_words() -> None:
    text = made(roles=(role("web", description="PDF; it's  fast\n`x`" + "z" * 300),)).text
    [alias] = [line for line in lines(text) if line.startswith("alias")]
    assert alias.startswith("alias PDF\\; its fast xzzz")
    assert len(alias) < 220


@pytest.mark.parametrize(
    ("command", "port", "written"),
    [
        ("check_http", 8080, "check_http!-p 8080"),
        ("check_tcp", 22, "check_tcp!22"),
        ("check_udp", 53, "check_udp!53"),
        ("check_ssh_port", 22, "check_ssh_port!22"),
        ("check_http!-S -p $_SERVICEPORT$", 443, "check_http!-S -p $_SERVICEPORT$"),
        ("check_load!5,4,3!9,8,7", None, "check_load!5,4,3!9,8,7"),
        (" check-host-alive ", None, "check-host-alive"),
    ],
)
def test_a_check_is_told_its_port_as_its_command_takes_it(
    command: str, port: int | None, written: str
) -> None:
    found = made(ready(), roles=(role("web", {"name": "c", "command": command, "port": port}),))
    assert f"check_command {written}" in lines(found.text)
    assert (f"_PORT {port}" in lines(found.text)) is bool(port)


@pytest.mark.parametrize(
    "check",
    [
        *({"name": "ok", "command": f"check_x!{evil}"} for evil in ("a\nb", "a;b", "a}", "a\\")),
        *({"name": evil, "command": "check_x"} for evil in EVIL),
        {"name": "ok", "command": "a$b"},
        {"name": "ok", "command": "!x"},
        {"name": "http", "command": "check_x"},
    ],
)
def test_a_check_that_cannot_be_written_is_left_out_and_its_role_named(check: Any) -> None:
    found = made(ready(), roles=(role("web", HTTP, check),))
    assert found.text.count("define service") == 1
    assert "role web" in found.notes[0]


def test_a_role_that_nagios_takes_for_none_gives_its_hosts_no_group() -> None:
    found = made(ready(role="null"), roles=(role("null", HTTP),))
    assert found.hosts == 1
    assert "hostgroup" not in found.text
    assert "role null" in found.notes[0]


def test_a_role_that_cannot_be_read_keeps_its_group_and_its_checks() -> None:
    last = read_last(made(ready(), roles=(role("web", HTTP, description="Front"),)).text)
    found = made(ready("i-0aaaaaaa2"), roles=(), last=last)
    assert "check_command check_http!-p 8080" in lines(found.text)
    assert "alias Front" in lines(found.text)
    assert "role web" in found.notes[0]


def test_one_that_was_never_read_has_a_group_for_its_hosts() -> None:
    assert "hostgroup_name web" in lines(made(ready(), roles=()).text)


def test_what_is_kept_stays_as_the_last_file_has_it_and_others_do_not() -> None:
    one, two = ready("i-0aaaaaaa1", zone="here"), ready("i-0aaaaaaa2")
    text = made(one, two).text
    assert made(two, last=read_last(text), kept=["i-0aaaaaaa1"]).text == text
    assert made(two, last=read_last(text)).text == made(two).text


def test_a_file_is_read_back_and_one_that_was_cut_off_as_far_as_it_is_whole() -> None:
    text = made(ready("i-0aaaaaaa1"), ready("i-0aaaaaaa2")).text
    assert set(read_last(text).hosts) == {"i-0aaaaaaa1", "i-0aaaaaaa2"}
    assert set(read_last(text[: text.index("# -- end") - 20]).hosts) == {"i-0aaaaaaa1"}
    assert read_last("") == read_last("odd\n") == Last()


def test_who_leaves_on_purpose_is_out_and_who_is_lost_is_not() -> None:
    assert State.DRAINING in LEFT
    assert not LEFT & {State.READY, State.RUNNING, State.FAILED, State.LOST}
