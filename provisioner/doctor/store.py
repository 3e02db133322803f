"""Redis: how it is set up, and whether it holds an inventory of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from enc.domain.model import Role
from enc.domain.rolespec import RoleSpec, StoredRoleError
from enc.inventory import Inventory, Query, StoreError
from enc.inventory.clock import redis_now
from enc.inventory.errors import StoreForbiddenError, translated
from enc.inventory.meta import OtherSiteError
from provisioner.doctor import certificates, clocks, redis_info, redis_url
from provisioner.doctor.finding import Finding, ok, refused, warning
from provisioner.ports.host import Clock

WHAT = "Redis"
_INVENTORY, _ROLES, _RIGHTS = "Redis: inventory", "Redis: roles", "Redis: rights"
_LIMITS = "Redis: limits"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the store tells the other checks. None: it has not been read."""

    account: str | None = None
    regions: tuple[str, ...] | None = None
    roles: tuple[RoleSpec, ...] | None = None


class Store:
    """One look at a store. ``known`` fills while it goes on."""

    def __init__(self, open_: Callable[[], Inventory], url: str, site: str, clock: Clock) -> None:
        self._open, self._url, self._site, self._clock = open_, url, site, clock
        self.known = Known()

    def examine(self) -> Iterator[Finding]:
        try:
            inventory = self._open()
            yield redis_url.judged(self._url)
            yield from self._clocks(inventory)
            yield from self._settings(inventory)
            yield from self._inventory(inventory)
        except StoreError as error:
            yield refused(WHAT, error)

    def _clocks(self, inventory: Inventory) -> Iterator[Finding]:
        """The first thing that is asked: it tells whether anybody is there."""
        what = "Redis: clock"
        try:
            yield clocks.compared(what, redis_now(inventory.redis), self._clock.now())
        except StoreError as error:
            yield _lacking(what, "TIME", error)

    def _settings(self, inventory: Inventory) -> Iterator[Finding]:
        what = "Redis: settings"
        try:
            with translated("INFO"):
                said: Any = inventory.redis.info()
        except StoreError as error:
            yield _lacking(what, "INFO", error)
        else:
            yield from redis_info.judged(said)

    def _inventory(self, inventory: Inventory) -> Iterator[Finding]:
        try:
            meta = inventory.meta.require()
            if meta.site != self._site:
                raise OtherSiteError(meta.site, self._site)
        except StoreError as error:
            yield refused(_INVENTORY, error)
            return
        self.known = Known(account=meta.account, regions=meta.regions)
        yield ok(_INVENTORY, f"of site {meta.site}, begun by {meta.created_by or 'somebody'}")
        yield from self._roles(inventory)
        yield _limits(inventory, self.known.roles or ())
        yield _readable(inventory)

    def _roles(self, inventory: Inventory) -> Iterator[Finding]:
        try:
            stored = inventory.roles.all()
        except StoreError as error:
            yield refused(_ROLES, error)
            return
        specs, strange = _specs(stored.values())
        self.known = replace(self.known, roles=specs)
        yield from (refused(_ROLES, error) for error in strange)
        launching = sum(spec.launch is not None for spec in specs)
        if not stored:
            yield warning(_ROLES, "there are none", "'provisioner roles apply FILE' comes next")
        elif not strange:
            yield ok(_ROLES, f"{len(specs)}, of which {launching} launch machines")
        yield from certificates.pinned(specs, self._clock.now())


def _limits(inventory: Inventory, specs: Sequence[RoleSpec]) -> Finding:
    """Against a slip of the finger, or a fault of ours, nothing else bounds the bill."""
    try:
        site = inventory.limits.get()
    except StoreError as error:
        return refused(_LIMITS, error)
    free = [one.name for one in specs if one.launch and one.limits.machines is None]
    if site.machines is None and (free or not specs):
        advice = "write limits: {machines: N, launches_per_hour: N} at the top of roles.yaml"
        return warning(_LIMITS, "there is no limit on how many machines are launched", advice)
    most = "by role" if site.machines is None else f"{site.machines} machines"
    return ok(_LIMITS, f"{most} at most")


def _specs(stored: Any) -> tuple[tuple[RoleSpec, ...], list[StoredRoleError]]:
    specs: list[RoleSpec] = []
    strange: list[StoredRoleError] = []
    role: Role
    for role in stored:
        try:
            specs.append(RoleSpec.of(role))
        except StoredRoleError as error:
            strange.append(error)
    return tuple(specs), strange


def _readable(inventory: Inventory) -> Finding:
    """One of each kind: a user of Redis may have a right and lack another."""
    try:
        inventory.launches.latest(1)
        inventory.events.after(count=1)
        inventory.queries.page(Query(), limit=1)
    except StoreError as error:
        return refused(_RIGHTS, error)
    return ok(_RIGHTS, "nodes, launches and events can be read; writing was not tried")


def _lacking(what: str, command: str, error: StoreError) -> Finding:
    """A right that the user lacks keeps from looking; anything else ends the look at Redis."""
    if not isinstance(error, StoreForbiddenError):
        raise error
    said = f"cannot be asked: Redis refuses {command} to this user"
    grant = f"grant it: ACL SETUSER name +{command.lower()} (docs/redis.md has every right)"
    return warning(what, said, grant)
