"""Acting under a lease: each call that changes something is preceded by "is it still ours?"."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from enc.inventory import Inventory, Lease, LeaseLostError, StoreError, StoreUnavailableError
from provisioner.calls import Heartbeat
from provisioner.context import Context
from provisioner.ports.ec2 import (
    Cloud,
    FleetAnswer,
    FleetRequest,
    Ground,
    GroundRequest,
    Instance,
    TemplateRequest,
)
from provisioner.ports.host import Clock
from provisioner.ports.puppet import CA, PuppetDB

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class Holding:
    """A lease that we hold. Past ``until`` (monotonic, set before Redis was asked) it is not ours.

    The clock alone tells a process that was asleep; Redis tells one whose lease was taken from it.
    """

    inventory: Inventory
    lease: Lease
    clock: Clock
    span: timedelta
    until: float = 0.0
    lost: bool = field(default=False)

    def check(self) -> None:
        """Raises LeaseLostError, StoreUnavailableError."""
        self.check_time()
        if self.inventory.leases.current() != self.lease:
            self.lost = True
            raise LeaseLostError

    def check_time(self) -> None:
        """Without asking Redis; raises LeaseLostError."""
        if self.lost or self.clock.monotonic() >= self.until:
            raise LeaseLostError

    def renew(self) -> None:
        asked = self.clock.monotonic()
        try:
            self.inventory.leases.renew(self.lease, self.span)
        except LeaseLostError:
            self.lost = True
            raise
        self.until = asked + self.span.total_seconds()


@contextmanager
def leased(context: Context) -> Iterator[Context]:
    """The context to act in while the lease is ours: its store and its ports are fenced.

    Raises LeaseHeldError, which names who holds it, and StoreError's kinds.
    """
    span, asked = context.timeouts.lease, context.clock.monotonic()
    lease = _taken(context, span)
    until = asked + span.total_seconds()
    holding = Holding(context.inventory, lease, context.clock, span, until)
    try:
        with Heartbeat(holding.renew, between_renewals(span)):
            yield _under(context, holding)
    finally:
        # One that is not ours any more is not ours to give back.
        with suppress(StoreError):
            context.inventory.leases.give_back(lease)


def between_renewals(span: timedelta) -> float:
    """Seconds. Two renewals may be lost before the lease is."""
    return span.total_seconds() / 3


def _taken(context: Context, span: timedelta) -> Lease:
    """Once more where the answer was lost: else our own lease would keep us away."""
    token = context.token(8)
    try:
        return context.inventory.leases.take(context.who, token, span)
    except StoreUnavailableError:
        return context.inventory.leases.take(context.who, token, span)


def _under(context: Context, holding: Holding) -> Context:
    ca, puppetdb = context.ca, context.puppetdb
    return replace(
        context,
        inventory=context.inventory.under(holding.lease),
        cloud=LeasedCloud(context.cloud, holding),
        ca=LeasedCA(ca, holding) if ca else None,
        puppetdb=LeasedPuppetDB(puppetdb, holding) if puppetdb else None,
    )


class _Leased:
    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    def _ask(self, call: Callable[[], T]) -> T:
        self._holding.check_time()
        return call()

    def _do(self, call: Callable[[], T]) -> T:
        self._holding.check()
        return call()


class LeasedCloud(_Leased):
    """Implements provisioner.ports.ec2.Cloud."""

    def __init__(self, cloud: Cloud, holding: Holding) -> None:
        super().__init__(holding)
        # Between two batches, or two tries, a process may sleep as well.
        self._cloud = cloud.guarded(holding.check_time)

    def guarded(self, check: Callable[[], None]) -> Cloud:
        return LeasedCloud(self._cloud.guarded(check), self._holding)

    def account(self) -> str:
        return self._ask(self._cloud.account)

    def regions(self) -> tuple[str, ...]:
        return self._ask(self._cloud.regions)

    def ground(self, request: GroundRequest) -> Ground:
        return self._ask(lambda: self._cloud.ground(request))

    def create_template(self, request: TemplateRequest) -> None:
        self._do(lambda: self._cloud.create_template(request))

    def delete_template(self, region: str, name: str) -> None:
        self._do(lambda: self._cloud.delete_template(region, name))

    def templates(self, region: str, site: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
        return self._ask(lambda: self._cloud.templates(region, site))

    def create_fleet(self, request: FleetRequest) -> FleetAnswer:
        return self._do(lambda: self._cloud.create_fleet(request))

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        return self._ask(lambda: self._cloud.instances(region, site, tags))

    def everyone(self, region: str) -> tuple[Instance, ...]:
        return self._ask(lambda: self._cloud.everyone(region))

    def describe(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        return self._ask(lambda: self._cloud.describe(region, ids))

    def terminate(self, region: str, ids: Sequence[str]) -> frozenset[str]:
        return self._do(lambda: self._cloud.terminate(region, ids))

    def tag(self, region: str, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        self._do(lambda: self._cloud.tag(region, ids, tags))

    def skew(self, region: str) -> timedelta | None:
        return self._cloud.skew(region)


class LeasedCA(_Leased):
    """Implements provisioner.ports.puppet.CA."""

    def __init__(self, ca: CA, holding: Holding) -> None:
        super().__init__(holding)
        self._ca = ca

    def pending(self) -> tuple[str, ...]:
        return self._ask(self._ca.pending)

    def request(self, certname: str) -> bytes | None:
        return self._ask(lambda: self._ca.request(certname))

    def state(self, certname: str) -> str:
        return self._ask(lambda: self._ca.state(certname))

    def sign(self, certname: str) -> None:
        self._do(lambda: self._ca.sign(certname))

    def certificate(self, certname: str) -> bytes | None:
        return self._ask(lambda: self._ca.certificate(certname))

    def refuse(self, certname: str) -> None:
        self._do(lambda: self._ca.refuse(certname))

    def clean(self, certnames: Sequence[str]) -> None:
        self._do(lambda: self._ca.clean(certnames))


class LeasedPuppetDB(_Leased):
    """Implements provisioner.ports.puppet.PuppetDB."""

    def __init__(self, puppetdb: PuppetDB, holding: Holding) -> None:
        super().__init__(holding)
        self._puppetdb = puppetdb

    def deactivate(self, certname: str, at: datetime) -> None:
        self._do(lambda: self._puppetdb.deactivate(certname, at))
