"""What Nagios is to be told of: read from the inventory, and from the file that it has now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from enc.domain.model import Node, Role
from enc.inventory import Inventory, StoreError
from enc.inventory.health import one_inventory
from enc.outputs import SERVING
from enc.outputs.nagios import LEFT, Last

FORGOTTEN = "the store does not know it, neither as a node nor as one that ended"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """``kept`` are hosts of the last file that stay as they are, by certname, each with its reason.

    ``spoilt`` is what is wrong with what could not be read and is in no file.
    """

    nodes: tuple[Node, ...]
    roles: Mapping[str, Role]
    kept: Mapping[str, str] = field(default_factory=dict)
    spoilt: Mapping[str, str] = field(default_factory=dict)


def read(inventory: Inventory, site: str, last: Last, *, forget: bool = False) -> Reading:
    """Raises StoreError's kinds: then nothing is known, and the last file stays.

    With ``forget``, hosts that the store knows nothing of are dropped. Without it they stay: a
    store that was restored from an older copy has its meta, and lacks nodes that live.
    """
    with one_inventory(inventory.redis, site):
        serving, spoilt = inventory.queries.among(tuple(SERVING))
        roles, bad_roles = inventory.roles.readable()
        others = [name for name in last.hosts if name not in serving]
        nodes, damaged = inventory.nodes.readable(others)
        ended = inventory.nodes.ended([n for n in others if n not in nodes and n not in damaged])
    damaged |= {name: why for name, why in spoilt.items() if name in last.hosts}
    unknown = [n for n in others if not (n in nodes or n in damaged or n in ended)]
    kept = {name: str(why) for name, why in damaged.items()}
    kept |= {} if forget else dict.fromkeys(unknown, FORGOTTEN)
    staying = [node for node in nodes.values() if node.state not in LEFT]
    return Reading(
        nodes=(*serving.values(), *staying),
        roles=roles,
        kept=kept,
        spoilt=_texts({n: why for n, why in spoilt.items() if n not in kept}, bad_roles),
    )


def _texts(nodes: Mapping[str, StoreError], roles: Mapping[str, StoreError]) -> dict[str, str]:
    named = {name: str(why) for name, why in nodes.items()}
    return named | {f"role {name}": str(why) for name, why in roles.items()}
