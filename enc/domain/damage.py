"""Records of nodes that cannot be what rolecall wrote: what they say points at no machine."""

from __future__ import annotations

from dataclasses import dataclass

from enc.domain.model import Kind, Node


@dataclass(frozen=True)
class Unreadable:
    """What stands in the place of a role or launch at ``key`` of the store that is damaged."""

    key: str

    @property
    def why(self) -> str:
        return f"{self.key} in Redis holds what rolecall did not write, see docs/redis.md"


def damaged(node: Node) -> str:
    """Why its machine cannot be looked for by what its record says; "" where it can.

    EC2 would truthfully know nothing of another name, or of this one in another region.
    """
    if node.kind is Kind.FOREIGN:
        return ""
    if not node.instance_id:
        what = "no instance_id"
    elif node.instance_id != node.certname:
        what = f"its instance_id is {node.instance_id}"
    elif not node.region:
        what = "no region"
    else:
        return ""
    return (
        f"its record is damaged ({what}): look at it in EC2 and repair node:{node.certname}, "
        "see docs/redis.md"
    )
