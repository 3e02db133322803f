"""The only file that builds clients."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from enc.inventory import COMMAND_TIMEOUT, Inventory, Meta, connect
from enc.inventory.meta import OtherSiteError
from provisioner.adapters.clock import SystemClock
from provisioner.context import Context, Reporter
from provisioner.ports import Cloud
from provisioner.settings import Settings


def open_inventory(settings: Settings) -> Inventory:
    """The inventory, connected lazily; nothing is asked of Redis yet."""
    return Inventory.on(connect(settings.redis_url, timeout=COMMAND_TIMEOUT, name="provisioner"))


def begun_inventory(settings: Settings) -> Inventory:
    """The inventory of a store that has been begun, for this site.

    Raises StoreLostError, OtherSiteError, StoreUnavailableError.
    """
    inventory = open_inventory(settings)
    check_site(inventory.meta.require(), settings.site)
    return inventory


def check_site(meta: Meta, site: str) -> None:
    """Raises OtherSiteError."""
    if meta.site != site:
        raise OtherSiteError(meta.site, site)


def open_cloud() -> Cloud:
    """EC2 by boto3, which reads AWS_* and its own configuration files."""
    from provisioner.adapters.aws import client_factory
    from provisioner.adapters.ec2 import Ec2Cloud

    return Ec2Cloud(client_factory(), SystemClock())


def context(
    settings: Settings,
    inventory: Inventory,
    reporter: Reporter,
    shielded: Callable[[], AbstractContextManager[Any]],
    cloud: Cloud | None = None,
) -> Context:
    return Context(
        cloud=cloud or open_cloud(),
        inventory=inventory,
        clock=SystemClock(),
        reporter=reporter,
        site=settings.site,
        who=settings.who,
        luck=secrets.SystemRandom().random,
        token=secrets.token_hex,
        shielded=shielded,
    )
