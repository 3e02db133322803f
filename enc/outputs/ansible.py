"""Ansible's inventory, as an inventory script prints it for ``--list``.

https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html: groups with their
hosts, and all variables under ``_meta``, so that nothing is asked host by host.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from enc.domain.certname import is_certname
from enc.domain.model import Node
from enc.outputs import Refused, address_of

# A group's name is one of these before the value, so no role can be called "all".
GROUPED = ("role", "kind", "market", "state", "zone")
# What rolecall itself works with, and nobody else.
_PRIVATE = frozenset({"csr_key", "spec_hash", "rev", "retire_step", "replace_because"})
FACTS = tuple(f.name for f in fields(Node) if f.name not in _PRIVATE)
_VALUES = attrgetter(*FACTS)
# As Ansible's own rule for group names, which it only warns of, but ASCII alone.
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]")
# What may be connected to: it stands on ssh's command line.
_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]{0,254}")
_MARK = 8
# C.LOCALHOST of ansible/constants.py.
_ITSELF = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """``notes``: what people should know besides the nodes that were refused."""

    document: dict[str, Any]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]


def inventory(nodes: Iterable[Node], roles: Iterable[str]) -> Inventory:
    """``roles`` are all that there are: a group must not be named otherwise for those it lacks."""
    there = list(nodes)
    names = {kind: _names(kind, _values(kind, there, roles)) for kind in GROUPED}
    taken = {"all", "ungrouped", *(name for of in names.values() for name in of.values())}
    refused = {n.certname: why for n in there if (why := _why_not(n, taken))}
    told = [node for node in there if node.certname not in refused]
    groups: dict[str, list[str]] = defaultdict(list)
    for node in told:
        for kind in GROUPED:
            if value := getattr(node, kind):
                groups[names[kind][value]].append(node.certname)
    document = {
        "_meta": {"hostvars": {node.certname: _hostvars(node) for node in told}},
        "all": {"children": ["ungrouped", *sorted(groups)]},
        **{name: {"hosts": groups[name]} for name in sorted(groups)},
    }
    return Inventory(
        document=document,
        refused=tuple(Refused(certname=name, why=why) for name, why in refused.items()),
        notes=tuple(note for kind in GROUPED for note in _notes(kind, names[kind])),
    )


def plain(name: str) -> str:
    """A group's name as Ansible allows them."""
    return _NOT_IN_A_NAME.sub("_", name)


def _values(kind: str, nodes: Iterable[Node], roles: Iterable[str]) -> set[str]:
    found = {str(value) for node in nodes if (value := getattr(node, kind))}
    return found | set(roles) if kind == "role" else found


def _names(kind: str, values: Iterable[str]) -> dict[str, str]:
    """Each value's group. Of several that would share one none has it.

    Else a play would take one role's machines for another's because a role was added.
    """
    found = {value: f"{kind}_{plain(value)}" for value in values}
    # A marked name may be another's own: that one is marked, too, and so on.
    while shared := {name for name, count in Counter(found.values()).items() if count > 1}:
        found = {
            value: f"{kind}_{plain(value)}_{_mark(value)}" if name in shared else name
            for value, name in found.items()
        }
    return found


def _mark(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:_MARK]


def _notes(kind: str, names: Mapping[str, str]) -> Iterator[str]:
    for value, name in sorted(names.items()):
        wanted = f"{kind}_{plain(value)}"
        if name != wanted:
            yield (
                f"{kind} {value[:80]!a} is in group {name}: to Ansible another {kind} has "
                f"the name {wanted}, too"
            )


def _why_not(node: Node, groups: Iterable[str]) -> str:
    address = address_of(node)
    if not is_certname(node.certname):
        return "its name is not a certname"
    if node.certname in _ITSELF:
        return "Ansible would take it for the machine that it runs on"
    if node.certname in groups:
        return "Ansible would take its name for the group's"
    if address and not _ADDRESS.fullmatch(address):
        return f"its address {address[:80]!a} is none"
    return ""


def _hostvars(node: Node) -> dict[str, Any]:
    address = address_of(node)
    facts = dict(zip(FACTS, map(_fact, _VALUES(node)), strict=True))
    return {**({"ansible_host": address} if address else {}), "rolecall": facts}


def _fact(value: Any) -> Any:
    """Null for what is not known. A text that looks like a template is marked as none.

    Ansible evaluates what a script says; ``__ansible_unsafe`` is its own encoding of texts that it
    must not: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html
    """
    if not value:
        return None
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"__ansible_unsafe": value} if "{" in value else value


def static(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a file that Ansible reads by itself (its ``yaml`` plugin, which reads JSON)."""
    groups: dict[str, Any] = {
        name: {"hosts": {host: {} for host in group["hosts"]}}
        for name, group in document.items()
        if "hosts" in group
    }
    return {"all": {"hosts": document["_meta"]["hostvars"], "children": groups}}
