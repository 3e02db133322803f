"""From what EC2 says of a machine to what the inventory says: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from enc.domain.model import ALLOWED, Kind, Node, State
from enc.domain.times import sane
from provisioner.ports.ec2 import Instance, InstanceState
from provisioner.ports.tags import (
    ENVIRONMENT_TAG,
    EXPIRES_TAG,
    KIND_TAG,
    LAUNCH_TAG,
    ROLE_TAG,
    SITE_TAG,
    SPEC_TAG,
)

_LAUNCH_ID = re.compile(r"l-[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What to write of a node, and what the event calls it."""

    node: Node
    what: str
    why: str
    fields: Mapping[str, Any]


class NotOursError(ValueError):
    """A machine without the tags that tell what it is."""


def tags_for(node: Node, *, site: str, spec: str) -> dict[str, str]:
    """The tags that let a lost store be rebuilt. ``spec`` is ``<role's applied_at>:<hash>``."""
    tags = {
        SITE_TAG: site,
        LAUNCH_TAG: node.launch,
        ROLE_TAG: node.role,
        KIND_TAG: node.kind.value,
        SPEC_TAG: spec,
        ENVIRONMENT_TAG: node.environment,
        EXPIRES_TAG: _text(node.expires_at),
    }
    return {key: value for key, value in tags.items() if value}


def adopted(instance: Instance, now: datetime, ready_timeout: timedelta) -> Node:
    """The node that a tagged machine is, for an inventory that has no record of it.

    One that has run longer than ``ready_timeout`` enters as ready: it had its chance to register,
    and a store that was lost must not make a working fleet look unfinished.
    Raises NotOursError where the tags do not say which launch made it, and which role it has.
    """
    role = instance.tags.get(ROLE_TAG, "")
    if why := not_ours(instance.tags):
        raise NotOursError(f"{instance.id} carries {SITE_TAG} but {why}")
    return Node(
        certname=instance.id,
        instance_id=instance.id,
        role=role,
        kind=_kind(instance.tags.get(KIND_TAG, "")),
        state=_state_of(instance, now, ready_timeout),
        state_since=now,
        launched_at=instance.launched_at,
        launch=instance.tags.get(LAUNCH_TAG, ""),
        spec_hash=instance.tags.get(SPEC_TAG, "").rpartition(":")[2],
        environment=instance.tags.get(ENVIRONMENT_TAG, ""),
        expires_at=_time(instance.tags.get(EXPIRES_TAG, "")),
        **_seen(instance),
    )


def not_ours(tags: Mapping[str, str]) -> str:
    """Why a machine with our site's tag is none of ours all the same; "" for one that is.

    Other tools have tags like ours, and people edit them.
    """
    if not _LAUNCH_ID.fullmatch(tags.get(LAUNCH_TAG, "")):
        found = tags.get(LAUNCH_TAG)
        return f"its {LAUNCH_TAG} is not the id of a launch" if found else f"no {LAUNCH_TAG}"
    return "" if tags.get(ROLE_TAG) else f"no {ROLE_TAG}"


def followed(node: Node, instance: Instance, *, ready_when_running: bool = False) -> Change | None:
    """What EC2's word changes in a node; None when nothing."""
    if not instance.alive:
        return _lost(node, instance)
    news = {k: v for k, v in _addresses(instance).items() if v and v != getattr(node, k)}
    if node.state is State.PENDING and instance.state is InstanceState.RUNNING:
        return Change(
            node=node, what="running", why="EC2 says so", fields={"state": State.RUNNING, **news}
        )
    if node.state is State.RUNNING and ready_when_running:
        why = "its role is ready when it runs"
        return Change(node=node, what="ready", why=why, fields={"state": State.READY, **news})
    if news:
        return Change(node=node, what="addressed", why="EC2 says so", fields=news)
    return None


def _lost(node: Node, instance: Instance) -> Change | None:
    if node.state is State.LOST or State.LOST not in ALLOWED[node.state]:
        return None
    return Change(node=node, what="lost", why=why_dead(instance), fields={"state": State.LOST})


def why_dead(instance: Instance) -> str:
    return f"EC2 lists it {instance.state}: {instance.state_reason or 'no reason given'}"


def _state_of(instance: Instance, now: datetime, ready_timeout: timedelta) -> State:
    if instance.state is InstanceState.PENDING:
        return State.PENDING
    if instance.state is not InstanceState.RUNNING:
        # Stopped: kept and shown, and nobody is sent to it.
        return State.LOST
    old = now - instance.launched_at > ready_timeout
    return State.READY if old else State.RUNNING


def _seen(instance: Instance) -> dict[str, Any]:
    return {
        "market": instance.market,
        "instance_type": instance.instance_type,
        "zone": instance.zone,
        "region": instance.region,
        "image": instance.image,
        **_addresses(instance),
    }


def _addresses(instance: Instance) -> dict[str, str]:
    return {
        "vpc": instance.vpc,
        "private_ip": instance.private_ip,
        "private_dns": instance.private_dns,
        "public_dns": instance.public_dns,
    }


def _kind(text: str) -> Kind:
    """What EC2 lists with our tags is never foreign: its machine would not be ended with it."""
    try:
        kind = Kind(text)
    except ValueError:
        return Kind.EXTRA
    return Kind.EXTRA if kind is Kind.FOREIGN else kind


def _time(text: str) -> datetime | None:
    try:
        return sane(datetime.fromisoformat(text))
    except ValueError:
        return None


def _text(time: datetime | None) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z") if time else ""
