"""What other tools are told, read as one: all of it or an error, never half of a lost store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enc.domain.model import Node, Role
from enc.inventory import Inventory, StoreError
from enc.inventory.health import one_inventory
from enc.outputs import TOLD


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """``nodes`` by certname, in ``TOLD``'s states.

    ``spoilt`` are those that are damaged, and how: of any role, as nobody can say of which.
    ``spoilt_roles`` are not among ``roles``.
    """

    nodes: tuple[Node, ...]
    spoilt: Mapping[str, StoreError]
    roles: Mapping[str, Role]
    spoilt_roles: Mapping[str, StoreError]


def read_snapshot(inventory: Inventory, site: str, role: str | None = None) -> Snapshot:
    """Of all nodes, or those of one role. Raises StoreError's kinds."""
    with one_inventory(inventory.redis, site):
        nodes, spoilt = inventory.queries.among(TOLD)
        roles, spoilt_roles = inventory.roles.readable()
    return Snapshot(
        nodes=tuple(nodes[name] for name in sorted(nodes) if role in (None, nodes[name].role)),
        spoilt=spoilt,
        roles=roles,
        spoilt_roles=spoilt_roles,
    )
