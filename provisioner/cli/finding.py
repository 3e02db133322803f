"""From what was typed to the role, node or launch that is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.cli.errors import CommandError, mistyped, unknown

if TYPE_CHECKING:
    from enc.domain.model import ArchivedNode, Launch, Node, Role
    from enc.inventory import Inventory

_LAUNCH = re.compile(r"l-[0-9a-f]{16}")


def known_role(store: Inventory, name: str) -> Role:
    role = store.roles.get(name)
    if role is None:
        otherwise = "'provisioner roles ls' lists them, 'roles apply FILE' adds one"
        raise unknown("role", name, store.roles.names(), otherwise=otherwise)
    return role


def looks_like_launch(given: str) -> bool:
    return _LAUNCH.fullmatch(given) is not None


def find_launch(store: Inventory, given: str) -> Launch | None:
    return store.launches.get(given) if _LAUNCH.fullmatch(given) else None


def find_node(store: Inventory, given: str) -> Node | None:
    """By certname, else by the DNS name or ``<vpc>:<ip>`` that it has now.

    Raises ImpossibleCertnameError for what can be neither.
    """
    from enc.domain.certname import check_certname

    if not is_address(given):
        check_certname(given)
        if found := store.nodes.get(given):
            return found
    named = store.nodes.named(given)
    return store.nodes.get(named) if named else None


def find_ended(store: Inventory, given: str) -> ArchivedNode | None:
    return None if is_address(given) else store.nodes.archived(given)


def is_address(given: str) -> bool:
    """``<vpc>:<ip>``, as no certname can look."""
    return re.fullmatch(r"[a-z0-9-]+:[0-9a-f.:]+", given) is not None


def known_node(store: Inventory, given: str) -> Node:
    """Raises CommandError for one that is not there, or has ended."""
    if found := find_node(store, given):
        return found
    if ended := find_ended(store, given):
        raise mistyped(f"{how_it_ended(ended)}; see 'provisioner show {given}'")
    raise no_such_node(given)


def how_it_ended(ended: ArchivedNode) -> str:
    reason = f" ({ended.reason})" if ended.reason else ""
    return f"{ended.node.certname} ended on {ended.ended_at:%Y-%m-%d %H:%M} UTC{reason}"


def no_such_node(given: str) -> CommandError:
    if _LAUNCH.fullmatch(given):
        return mistyped(f"there is no launch {given!r}; 'provisioner ls' lists the nodes there are")
    prefix = given.split(":", 1)[-1]  # an address of IPv6 has more of them
    return mistyped(
        f"there is no node {given!r}; 'provisioner ls' lists all, 'provisioner ls -q {prefix}' "
        "those whose certname, name or address begins so"
    )
