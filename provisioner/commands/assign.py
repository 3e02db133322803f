"""Giving a node another role or environment, and making a foreign node known."""

from __future__ import annotations

from enc.domain.model import Kind, Node, State
from provisioner.context import Context
from provisioner.domain.retirement import has_machine
from provisioner.ending.news import despite_news
from provisioner.ports.tags import ENVIRONMENT_TAG, ROLE_TAG


def assign(context: Context, node: Node, role: str, environment: str | None) -> Node:
    """Change what Puppet is told of a node. ``environment`` None leaves it, "" takes it away.

    The tag first: were Redis lost between the two, the machine would come back as what it now is.
    """
    kept = node.environment if environment is None else environment
    if has_machine(node):
        tags = {ROLE_TAG: role, ENVIRONMENT_TAG: kept}
        context.cloud.tag(node.region, [node.instance_id], tags)
    why = f"was {node.role}" + (f" in {node.environment}" if node.environment else "")
    event = context.event("assigned", node=node.certname, role=role, why=why)
    change = context.inventory.nodes.change
    return despite_news(
        context.inventory, node, lambda now: change(now, event, role=role, environment=kept)
    )


def make_foreign(
    context: Context,
    certname: str,
    role: str,
    environment: str | None,
    why: str = "a new foreign node",
) -> Node:
    """A node that is not of our making: Puppet is answered, EC2 is never asked about it.

    Raises ArchivedError for the instance id of a machine that has ended.
    """
    now = context.clock.now()
    node = Node(
        certname=certname,
        role=role,
        kind=Kind.FOREIGN,
        state=State.READY,
        launched_at=now,
        state_since=now,
        ready_at=now,
        environment=environment or "",
    )
    event = context.event("assigned", node=certname, role=role, why=why)
    return context.inventory.nodes.create(node, event)
