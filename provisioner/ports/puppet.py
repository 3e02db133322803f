"""Puppet: its CA, its database, its command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol


class CA(Protocol):
    """Puppet's certificate authority. Every method may raise PuppetError and may be repeated."""

    def pending(self) -> tuple[str, ...]:
        """The certnames whose certificate requests wait for somebody, sorted.

        Any stranger's request may spoil this: then it is a PuppetError of any kind, for ever.
        """

    def request(self, certname: str) -> bytes | None:
        """The pending request as it was sent (PEM); None where none is pending."""

    def state(self, certname: str) -> str:
        """requested, signed or revoked; "" where the CA knows nothing of the name.

        ILL where its request is one that spoils ``pending`` for all.
        """

    def sign(self, certname: str) -> None:
        """Sign the pending request. MISSING or CONFLICT where none is pending."""

    def certificate(self, certname: str) -> bytes | None:
        """The certificate (PEM); None where there is none."""

    def refuse(self, certname: str) -> None:
        """Delete the pending request; never a certificate. One that is gone is refused."""

    def clean(self, certnames: Sequence[str]) -> None:
        """Revoke and delete all their certificates in one revocation, and their requests.

        Those that have neither are clean already.
        """


class PuppetDB(Protocol):
    def deactivate(self, certname: str, at: datetime) -> None:
        """What is known of the node ends at this time. Raises PuppetError; may be repeated."""


class Puppet(Protocol):
    """Puppet's own command."""

    def dump(self, file: Path) -> str: ...
    def module_path(self, environment: str) -> tuple[str, ...]: ...
