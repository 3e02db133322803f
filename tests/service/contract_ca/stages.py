"""The CAs that the contract is held against: in memory, and the real adapter over HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from provisioner.adapters.http import Bounds, Caller
from provisioner.adapters.puppet_ca import PuppetCA
from provisioner.adapters.tls import Tls
from provisioner.ports.errors import PuppetError, Refusal
from provisioner.ports.puppet import CA
from tests.fakes.authority import Vault
from tests.fakes.ca import FakeCA
from tests.fakes.ca_server import PuppetServer


class Stage(Protocol):
    """A CA, and the hands to put something into it and to look behind it."""

    @property
    def ca(self) -> CA: ...

    def name(self, label: str) -> str:
        """A certname that this CA has not seen yet; sorted as the labels are."""

    def submit(self, certname: str, pem: bytes | None = None) -> bytes:
        """An agent's request (PEM), pending from now on; a plain one if not given."""

    def issue(self, certname: str) -> bytes:
        """A node that has its certificate (PEM)."""

    def is_revoked(self, certificate: bytes) -> bool: ...


class FaultyStage(Stage, Protocol):
    """One that can be made to fail."""

    def fail(self, action: str, refusal: Refusal, *, after: bool = False) -> None:
        """The next call of a method of the port goes wrong, before or after its work."""


class _OnVault:
    vault: Vault

    def name(self, label: str) -> str:
        return f"i-0{label}"

    def submit(self, certname: str, pem: bytes | None = None) -> bytes:
        return self.vault.submit(certname, pem)

    def issue(self, certname: str) -> bytes:
        return self.vault.issue(certname)

    def is_revoked(self, certificate: bytes) -> bool:
        return self.vault.is_revoked(certificate)


class InMemory(_OnVault):
    """The fake that the tests of sign and retire stand on."""

    def __init__(self) -> None:
        self.ca = FakeCA()
        self.vault = self.ca.vault

    def fail(self, action: str, refusal: Refusal, *, after: bool = False) -> None:
        self.ca.fail(action, refusal, after=after)


# What the adapter asks first for a method of the port.
ACTIONS = {
    "pending": "pending",
    "request": "request",
    "state": "status",
    "sign": "sign",
    "certificate": "certificate",
    "refuse": "delete request",
    "clean": "clean",
}
ANSWERS: dict[Refusal, int] = {
    Refusal.DENIED: 401,
    Refusal.MISSING: 404,
    Refusal.CONFLICT: 409,
    Refusal.ILL: 500,
    Refusal.UNEXPECTED: 400,
}


class OverHttps(_OnVault):
    """The adapter and a server with the real one's manners."""

    def __init__(self, server: PuppetServer) -> None:
        self.server, self.vault = server, server.vault
        self.ca = adapter(server)

    def fail(self, action: str, refusal: Refusal, *, after: bool = False) -> None:
        answer = ANSWERS.get(refusal)
        self.server.fail(ACTIONS[action], answer or "close", after=after)


def adapter(server: PuppetServer, who: str = "provisioner", **bounds: float) -> PuppetCA:
    """As the wiring builds it, with shorter bounds."""
    return PuppetCA(caller(server, who, **bounds))


def caller(
    server: PuppetServer,
    who: str = "provisioner",
    service: str = "Puppet's CA",
    **bounds: float,
) -> Caller:
    usual = {"connect": 5.0, "read": 5.0, "whole": 10.0, "size": 1024 * 1024}
    return Caller(service, server.url, tls(server, who), Bounds(**{**usual, **bounds}))


def tls(server: PuppetServer, who: str = "provisioner", **files: Path) -> Tls:
    ours = server.identity(who)
    usual = {"cert": ours.cert, "key": ours.key, "ca": server.authority.file}
    return Tls(**{name: str(path) for name, path in {**usual, **files}.items()})


def refused(ca: PuppetCA) -> PuppetError:
    with pytest.raises(PuppetError) as caught:
        ca.pending()
    return caught.value
