"""What a launch is asked for, and what each of its requests has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from enc.domain.durations import for_people
from enc.domain.model import Kind, Launch, Market, Node, Role, State
from enc.domain.rolespec import LaunchSpec, RoleSpec
from provisioner.context import Context
from provisioner.domain import ground
from provisioner.domain.machines import tags_for
from provisioner.domain.pools import Offer, one_subnet_per_zone
from provisioner.domain.spot_fallback import Course
from provisioner.ports.ec2 import Ground


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for, checked against the role's limits."""

    role: Role
    spec: RoleSpec
    count: int
    kind: Kind
    market: Market
    deadline: timedelta
    ttl: timedelta | None = None

    @property
    def launch_spec(self) -> LaunchSpec:
        if self.spec.launch is None:
            raise ValueError(f"role {self.spec.name} has no launch section")
        return self.spec.launch

    def expires(self, opened: datetime) -> datetime | None:
        """When its machines power themselves off; None: by themselves never."""
        return opened + self.ttl if self.ttl else None


def asked(order: Order) -> str:
    spot = order.market is Market.SPOT
    then = ", then on-demand" if spot and order.launch_spec.fallback == "on-demand" else ""
    span = f"up to {for_people(order.deadline)}"
    return f"{order.count} x {order.spec.name} ({order.kind}), {order.market} for {span}{then}"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What every request of a launch has in common. ``pattern`` is a node without its machine."""

    course: Course
    offer: Offer
    pattern: Node
    tags: Mapping[str, str]
    max_price: str | None = None


def terms(context: Context, order: Order, intent: Launch, found: Ground) -> Terms:
    """What every request of the launch has in common."""
    spec = order.launch_spec
    pattern = Node(
        certname="",
        role=intent.role,
        kind=intent.kind,
        state=State.PENDING,
        launched_at=intent.opened_at,
        state_since=intent.opened_at,
        launch=intent.id,
        region=intent.region,
        image=intent.image or found.image,
        spec_hash=order.role.spec_hash,
        expires_at=order.expires(intent.opened_at),
    )
    ours = tags_for(pattern, site=context.site, spec=f"{_applied(order)}:{order.role.spec_hash}")
    tags = {**spec.tags, "Name": intent.role, **ours}
    course = Course(
        want=intent.want,
        market=order.market,
        falls_back=spec.fallback == "on-demand",
        deadline=intent.deadline,
    )
    offer = Offer(
        instance_types=spec.instance_types,
        subnets=one_subnet_per_zone(found.subnets),
        missing=ground.not_offered(found, spec.instance_types),
    )
    price = str(spec.max_price) if spec.max_price is not None else None
    return Terms(course=course, offer=offer, pattern=pattern, tags=tags, max_price=price)


def _applied(order: Order) -> str:
    at = order.role.applied_at
    return at.isoformat(timespec="seconds") if at else ""
