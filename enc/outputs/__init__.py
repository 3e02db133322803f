"""What other tools are told of the nodes: who is named, who is watched, and where each is reached.

Pure: each tool has a module of its own here, which makes its text or document of nodes and roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from enc.domain.model import Kind, Node, Role, State

# In an order in which no node can pass a reader by: each goes only to a later one of these, or out.
TOLD = (State.RUNNING, State.FAILED, State.READY)
# Who does its role's work. A draining node is left out before it goes: nobody new comes to it.
SERVING = frozenset({State.READY})
_LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Check:
    """What monitoring looks at on each node of a role; ``port`` None where it has none."""

    name: str
    command: str
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A node that a tool is not told of, or not whole: people are told that, and why."""

    certname: str
    why: str


def address_of(node: Node) -> str:
    """Where it is reached: its private address, else its name; "" where neither is known.

    A foreign node is called by its host name, so its certname is one.
    """
    named = node.certname if node.kind is Kind.FOREIGN else ""
    return node.private_ip or node.private_dns or named


def checks_of(role: Role) -> tuple[Check, ...]:
    """As ``roles apply`` has checked them; what it could not have let through is passed over."""
    return tuple(_checks(role.definition.get("checks")))


def by_role(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Roles by name, the nodes of each as they came."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        found.setdefault(node.role, []).append(node)
    return dict(sorted(found.items()))


def _checks(written: Any) -> Iterator[Check]:
    for one in written if isinstance(written, list) else ():
        match one:
            case {"name": str(name), "command": str(command)}:
                yield Check(name=name, command=command, port=_port(one))


def _port(written: Mapping[str, Any]) -> int | None:
    port = written.get("port")
    return port if type(port) is int and 0 < port <= _LAST_PORT else None
