"""Puppet's CA in memory.

    ca = FakeCA()
    ca.submit("i-0abc", pem)                     # a request waits; without pem a plain one
    ca.issue("i-0old")                           # a node that has its certificate
    ca.fail("sign", Refusal.DENIED)              # once; nothing is done
    ca.fail("clean", Refusal.AWAY, after=True)   # done, and the answer lost
    ca.on("clean", lambda: ...)                  # done, and before the caller knows
    assert ca.calls == [("clean", ("i-0old",))]
    assert ca.revoked == ["i-0old"]

One contract test holds it and the real adapter to the same behaviour.
"""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.ports.errors import PuppetError, Refusal
from tests.fakes.authority import Vault
from tests.fakes.script import Script


class PuppetScript(Script):
    """A script whose faults are PuppetError."""

    def fail(
        self,
        action: str,
        error: Refusal | BaseException,
        *,
        hint: str = "",
        times: int = 1,
        after: bool = False,
    ) -> None:
        """The next ``times`` calls of action fail; with ``after`` they have done the work first."""
        if isinstance(error, Refusal):
            said = f"{action}: {error}, as the test has it"
            error = PuppetError(error, said, hint=hint)
        super().fail(action, error, times=times, after=after)


class FakeCA(PuppetScript):
    """Implements provisioner.ports.puppet.CA."""

    def __init__(self) -> None:
        super().__init__()
        self.vault = Vault()
        self.submit, self.issue = self.vault.submit, self.vault.issue

    # What a test asks.

    @property
    def requests_pending(self) -> list[str]:
        return sorted(self.vault.requests)

    @property
    def signed(self) -> list[str]:
        """Certnames that have a certificate, sorted."""
        return sorted(self.vault.signed)

    @property
    def revoked(self) -> list[str]:
        """Certnames in the order of revocation; one name once for each certificate of it."""
        return self.vault.revoked

    # The port.

    def pending(self) -> tuple[str, ...]:
        with self.call("pending", None):
            self._whole(spoilt=self.vault.is_list_spoilt)
            return tuple(sorted(self.vault.requests))

    def request(self, certname: str) -> bytes | None:
        with self.call("request", certname):
            return self.vault.requests.get(certname)

    def state(self, certname: str) -> str:
        with self.call("state", certname):
            self._whole(spoilt=self.vault.is_spoilt(certname))
            return self.vault.state(certname)

    def sign(self, certname: str) -> None:
        with self.call("sign", certname):
            self._whole(spoilt=self.vault.is_spoilt(certname))
            if certname not in self.vault.requests:
                known = certname in self.vault.signed
                refusal = Refusal.CONFLICT if known else Refusal.MISSING
                raise PuppetError(refusal, f"sign {certname}: no request is pending")
            self.vault.sign(certname)

    def certificate(self, certname: str) -> bytes | None:
        with self.call("certificate", certname):
            return self.vault.signed.get(certname)

    def refuse(self, certname: str) -> None:
        with self.call("refuse", certname):
            self.vault.requests.pop(certname, None)

    def clean(self, certnames: Sequence[str]) -> None:
        with self.call("clean", tuple(certnames)):
            self.vault.clean(certnames)
            for name in certnames:
                self.vault.requests.pop(name, None)

    def _whole(self, *, spoilt: bool) -> None:
        if spoilt:
            raise PuppetError(Refusal.ILL, "500: java.lang.NullPointerException")
