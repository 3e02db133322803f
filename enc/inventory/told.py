"""What other tools are told, read as one: all of it or an error, never half of a lost store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enc.inventory import Inventory, Query, StoreError, StoreUnavailableError
from enc.inventory.ready import check_ready
from enc.model import Node, Role
from enc.outputs import TOLD


@dataclass(frozen=True, kw_only=True)
class Told:
    """``nodes`` by certname, in ``TOLD``'s states; ``spoilt`` are those that are damaged, and how.

    So are ``spoilt_roles``, which are not among ``roles``.
    """

    nodes: tuple[Node, ...]
    spoilt: Mapping[str, StoreError]
    roles: Mapping[str, Role]
    spoilt_roles: Mapping[str, StoreError]


def told(inventory: Inventory, site: str, role: str | None = None) -> Told:
    """Of all nodes, or those of one role. Raises StoreError's kinds."""
    meta = check_ready(inventory.redis, site)
    nodes, spoilt = _nodes(inventory, role)
    roles, spoilt_roles = inventory.roles.readable()
    # Again: of a store that is lost meanwhile, or even begun anew, this may be a part.
    if check_ready(inventory.redis, site).created_at != meta.created_at:
        raise StoreUnavailableError("the store was begun anew while it was read; ask again")
    return Told(
        nodes=tuple(nodes[name] for name in sorted(nodes)),
        spoilt=spoilt,
        roles=roles,
        spoilt_roles=spoilt_roles,
    )


def _nodes(
    inventory: Inventory, role: str | None
) -> tuple[Mapping[str, Node], Mapping[str, StoreError]]:
    if role is None:
        return inventory.queries.among(TOLD)
    found = inventory.queries.everything(Query(role=role))
    nodes = {name: node for name, node in found.nodes.items() if node.state in TOLD}
    return nodes, found.spoilt
