"""Nagios' object definitions: a host for each node, a host group and services for each role.

Pure. The same nodes and roles make the same bytes, so that no change is no reload.

A host enters when its node is ready (before that its services are not there, and would alert), and
leaves when its node drains, retires or has ended (``LEFT``): on purpose, and before the machine
goes. Nothing else takes it out. One that is lost stays: nobody asked for that, and whether it is a
stopped machine or a dead one, Nagios is there to say so. One whose record cannot be read, or that
the store has forgotten, stays as the last file has it: that is no proof of an end.

Of what is written nothing can end a line or an object, or be obeyed by a shell into which a
command's macros put it: names, addresses and custom variables hold few characters, other texts
lose those that a shell obeys, and ``;`` gets its backslash. What cannot be written so is refused
with its node's name.

The port of a check: docs/decisions/0016.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from enc.domain.certname import is_certname
from enc.domain.model import Node, Role, State
from enc.outputs import Check, Refused, address_of, checks_of

# Who is in one of these left on purpose, or is on the way.
LEFT = frozenset({State.DRAINING, State.RETIRING, State.ARCHIVED})

HEADER = (
    "# Written by 'provisioner export nagios' from rolecall's inventory, and written anew when "
    "that changes: change nothing here.\n"
)
TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,-]{0,254}")
_MARK = "# -- "
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9._:-]{0,254}")
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,254}")
_CHECK_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_COMMAND_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,254}", re.ASCII)
# Nagios' own illegal_macro_output_chars, which it takes out of what plugins say and of nothing
# else, and what means something in its files.
_OBEYED = re.compile(r"[`~$&|'\"<>\\{}]")
_LONGEST_ALIAS = 200
# To Nagios a group of this name is "none, whatever the template says".
_NONE = "null"
# Nagios' and Debian's definitions of these take the bare port; the others take options.
_BARE_PORT = re.compile(r"check_(tcp|udp)|.*_port")
_VARIABLES = (
    *("role", "kind", "market", "instance_type", "zone", "region", "vpc", "instance_id", "image"),
    *("launch", "environment"),
)


@dataclass(frozen=True, kw_only=True)
class Style:
    """The templates that hosts and services use; Nagios' own configuration has them."""

    host_template: str = "linux-server"
    service_template: str = "generic-service"


@dataclass(frozen=True, kw_only=True)
class Host:
    """``text`` is its whole definition."""

    role: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Last:
    """What a file that was written here holds: of each role its group and its checks, and hosts."""

    groups: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Objects:
    """``refused`` are nodes that are not in it as they are now, ``notes`` is what roles lack."""

    text: str
    hosts: int
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()


_NOTHING = Last()
_STYLE = Style()


def objects(
    nodes: Iterable[Node],
    roles: Mapping[str, Role],
    *,
    style: Style = _STYLE,
    last: Last = _NOTHING,
    kept: Collection[str] = (),
) -> Objects:
    """These nodes, and those of ``kept`` as the last file has them.

    A role that is not among ``roles`` keeps the group and the checks of the last file.
    """
    hosts = {name: last.hosts[name] for name in kept if name in last.hosts}
    refused: list[Refused] = []
    for node in nodes:
        made, odd = _host(node, style, last.hosts.get(node.certname))
        refused += odd
        if made:
            hosts[node.certname] = made
    used = {host.role for host in hosts.values()}
    notes: list[str] = []
    parts = [
        part
        for name in sorted({*roles, *used} - {_NONE})
        for part in _of_role(name, roles.get(name), last, style, notes, used=name in used)
    ]
    if _NONE in used:
        notes.append(f"role {_NONE}: Nagios takes its name for no group; its hosts have no checks")
    parts += [_block(f"host {name} {hosts[name].role}", hosts[name].text) for name in sorted(hosts)]
    text = HEADER + "".join(parts) + _block(f"end: {len(hosts)} hosts", "")
    return Objects(text=text, hosts=len(hosts), refused=tuple(refused), notes=tuple(notes))


def read_last(text: str) -> Last:
    """What ``objects`` wrote. Of a file that was cut off, the part that is whole."""
    groups: dict[str, str] = {}
    checks: dict[str, str] = {}
    hosts: dict[str, Host] = {}
    # What stands behind the last mark may be cut off.
    for block in text.split(f"\n{_MARK}")[1:-1]:
        heading, _, body = block.partition("\n")
        body = f"{body}\n"
        match heading.split(" "):
            case ["role", name]:
                groups[name] = body
            case ["checks", name]:
                checks[name] = body
            case ["host", name, role]:
                hosts[name] = Host(role=role, text=body)
    return Last(groups=groups, checks=checks, hosts=hosts)


def _host(node: Node, style: Style, last: Host | None) -> tuple[Host | None, list[Refused]]:
    """Its definition, or the last one, and what could not be told."""
    if why := _why_not(node):
        what = "its last definition stays" if last else "it is left out"
        return last, [Refused(certname=node.certname, why=f"{why}; {what}")]
    odd = [name for name in _VARIABLES if not _plain(getattr(node, name) or "")]
    lines = [
        ("use", style.host_template),
        ("host_name", node.certname),
        ("alias", _alias(node.private_dns or node.public_dns, node.certname)),
        ("address", address_of(node)),
        *([("hostgroups", node.role)] if node.role != _NONE else []),
        *(
            (f"_{name.upper()}", str(getattr(node, name)))
            for name in _VARIABLES
            if getattr(node, name) and name not in odd
        ),
    ]
    why = "has characters that Nagios or a shell would obey; it is left out"
    refused = [Refused(certname=node.certname, why=f"its {name} {why}") for name in odd]
    return Host(role=node.role, text=_define("host", lines)), refused


def _why_not(node: Node) -> str:
    if not is_certname(node.certname):
        return "its certname is none"
    if not _ROLE.fullmatch(node.role):
        return f"its role {node.role[:80]!a} cannot be the name of a host group"
    address = address_of(node)
    if not address:
        return "neither an address nor a name of it is known"
    if not _ADDRESS.fullmatch(address):
        return f"its address {address[:80]!a} is neither an address nor a name"
    return ""


def _of_role(
    name: str, role: Role | None, last: Last, style: Style, notes: list[str], *, used: bool
) -> Iterator[str]:
    """The group also of a role without nodes: what a site says of it stays valid.

    Not its services: without a host Nagios would refuse them.
    """
    if role is None:
        notes.append(f"role {name} is gone or cannot be read; its last group and checks stay")
        group = last.groups.get(name) or _group(name, "")
        checks = last.checks.get(name, "")
    else:
        group = _group(name, str(role.definition.get("description") or ""))
        checks = "".join(_services(role, style, notes))
    yield _block(f"role {name}", group)
    if used and checks:
        yield _block(f"checks {name}", checks)


def _group(name: str, description: str) -> str:
    return _define("hostgroup", [("hostgroup_name", name), ("alias", _alias(description, name))])


def _services(role: Role, style: Style, notes: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for check in checks_of(role):
        command = _command(check)
        if not _CHECK_NAME.fullmatch(check.name) or command is None or check.name in seen:
            notes.append(
                f"role {role.name}: its check {check.name[:80]!a} cannot be written for "
                "Nagios, or stands twice; it is left out"
            )
            continue
        seen.add(check.name)
        port = [("_PORT", str(check.port))] if check.port else []
        yield _define(
            "service",
            [
                ("use", style.service_template),
                ("hostgroup_name", role.name),
                ("service_description", check.name),
                ("check_command", command),
                *port,
            ],
        )


def _command(check: Check) -> str | None:
    """None for one that would end its line, its object, or be continued by the next line."""
    written = check.command.strip()
    name, mark, _ = written.partition("!")
    odd = set(written) & set(";{}") or not written.isprintable() or written.endswith("\\")
    if odd or not _COMMAND_NAME.fullmatch(name):
        return None
    if mark or check.port is None:
        return written
    return f"{written}!{check.port if _BARE_PORT.fullmatch(name) else f'-p {check.port}'}"


def _alias(text: str, otherwise: str) -> str:
    """One line without what a shell obeys."""
    words = "".join(char if char.isprintable() else " " for char in _OBEYED.sub("", text)).split()
    return " ".join(words)[:_LONGEST_ALIAS].strip().replace(";", "\\;") or otherwise


def _plain(text: str) -> bool:
    return not text or _VALUE.fullmatch(text) is not None


def _define(kind: str, lines: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"    {name:<20} {value}\n" for name, value in lines)
    return f"define {kind} {{\n{body}}}\n"


def _block(heading: str, text: str) -> str:
    return f"{_MARK}{heading}\n{text}"
