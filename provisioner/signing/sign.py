"""The second chance: Puppet's CA asks its policy once for a request, and we ask it again.

A request that met a dead service, or that came before its launch was recorded, stays pending for
ever otherwise; and one that stands wrongly in a node's name keeps the node's own out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from enc.domain.certname import is_certname
from enc.domain.csr import UnreadableError, key_of_certificate
from enc.domain.model import ANSWERED
from enc.domain.trust import REVOKED, Verdict
from enc.inventory import ConflictError, CorruptError
from provisioner.context import Context
from provisioner.domain.retirement import spared_because
from provisioner.ports.errors import FOR_ALL, PuppetError, Refusal, advised
from provisioner.ports.puppet import CA
from provisioner.signing.requests import waiting

# The CA has no such request any more, or has made a certificate of it: somebody was faster.
_OVERTAKEN = frozenset({Refusal.MISSING, Refusal.CONFLICT})


class Done(StrEnum):
    """What became of a request. ``REVOKED``: it was signed, and should not have been."""

    SIGNED = "signed"
    REFUSED = "refused"
    LEFT = "left"
    REVOKED = "revoked"
    FAILED = "failed"


UNFINISHED = frozenset({Done.REVOKED, Done.FAILED})


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of one pending request, and why; ``why`` begins with the certname."""

    certname: str
    done: Done
    why: str


def sign_pending(context: Context, ca: CA) -> Iterator[Judged]:
    """Judge every pending request: sign ours, delete wrong ones, leave the rest for a person.

    Where the CA's list is no answer, our own nodes' alone. Each comes as it is done. Raises
    PuppetError where the CA answers nothing, and StoreError: without the store nothing is judged.
    """
    found = waiting(context, ca)
    if found.warning:
        context.reporter.say(f"warning: {found.warning}")
    return sign_those(context, ca, found.certnames)


def sign_those(context: Context, ca: CA, certnames: Iterable[str]) -> Iterator[Judged]:
    """The same for these certnames; those without a pending request are left out.

    One that fails does not stop the others, unless the CA does not answer, forbids it, or takes
    its time for errors.
    """
    signer, clock = _Signer(context, ca), context.clock
    stopped, patience = False, context.timeouts.patience.total_seconds()
    for certname in certnames:
        if stopped:
            yield _failed(certname, "not looked at, because the CA failed before")
            continue
        began = clock.monotonic()
        try:
            judged = signer.judge(certname)
        except PuppetError as error:
            judged = _failed(certname, advised(error))
            patience -= clock.monotonic() - began
            stopped = error.refusal in FOR_ALL or patience < 0
        except (CorruptError, ConflictError) as error:
            judged = _failed(certname, str(error))
        if judged:
            yield judged


class _Signer:
    def __init__(self, context: Context, ca: CA) -> None:
        self._context, self._ca = context, ca

    def judge(self, certname: str) -> Judged | None:
        """None where no request is pending (any more)."""
        if not is_certname(certname):
            return _judged(certname, Done.LEFT, "not a machine's certname")
        pem = self._ca.request(certname)
        if pem is None:
            return None
        context = self._context
        verdict = context.inventory.signing.judge(certname, pem, site=context.site, who=context.who)
        if verdict.sign:
            return self._sign(certname, verdict)
        if verdict.wrong:
            return self._refuse(certname, pem, verdict)
        return Judged(certname=certname, done=Done.LEFT, why=verdict.why)

    def _refuse(self, certname: str, pem: bytes, verdict: Verdict) -> Judged:
        # Requests are deleted by name: meanwhile the node's own may have come in its place.
        if self._ca.request(certname) != pem:
            return _judged(certname, Done.LEFT, "another request came meanwhile: sign looks again")
        self._ca.refuse(certname)
        self._note("certificate request deleted", certname, verdict.why)
        why = f"{verdict.why} (request deleted)"
        return Judged(certname=certname, done=Done.REFUSED, why=why)

    def _sign(self, certname: str, verdict: Verdict) -> Judged:
        try:
            self._ca.sign(certname)
        except PuppetError as error:
            return self._not_signed_by_us(certname, verdict, error)
        return self._checked(certname, verdict)

    def _not_signed_by_us(self, certname: str, verdict: Verdict, error: PuppetError) -> Judged:
        """Somebody was faster; or it was done, and only the answer was lost."""
        if error.refusal not in _OVERTAKEN and not error.passing:
            raise error
        try:
            certificate = self._ca.certificate(certname)
        except PuppetError:
            raise error from None
        if certificate is None:
            raise error
        if _key(certificate) == verdict.key:
            return self._if_it_lives(certname, verdict)
        why = "it has a certificate of another key, not made now: see 'puppetserver ca list'"
        return _judged(certname, Done.LEFT, why)

    def _checked(self, certname: str, verdict: Verdict) -> Judged:
        """To sign names a certname, not a request; which one the CA signed is seen afterwards."""
        try:
            certificate = self._ca.certificate(certname)
        except PuppetError as error:
            return _failed(certname, f"signed, but not seen to be of its key: {advised(error)}")
        key = _key(certificate)
        if key is None:
            return _failed(certname, "signed, but the CA does not show the certificate")
        if key != verdict.key:
            return self._revoke(certname, "the CA signed another key than was judged")
        return self._if_it_lives(certname, verdict)

    def _if_it_lives(self, certname: str, verdict: Verdict) -> Judged:
        """One that was retired meanwhile had its certificate cleaned before this one was made."""
        node = self._context.inventory.nodes.get(certname)
        if node is None or node.state not in ANSWERED:
            return self._revoke(certname, "it was retired while it was signed")
        return Judged(certname=certname, done=Done.SIGNED, why=verdict.why)

    def _revoke(self, certname: str, why: str) -> Judged:
        if spared := spared_because(certname, self._context.spared()):
            return _failed(certname, f"{why}, and its certificate is not revoked: {spared}")
        self._ca.clean([certname])
        self._note(REVOKED, certname, why)
        return _judged(certname, Done.REVOKED, f"{why}; that certificate is revoked")

    def _note(self, what: str, certname: str, why: str) -> None:
        why = why.removeprefix(f"{certname}: ")
        event = self._context.event(what, node=certname, why=why)
        self._context.inventory.signing.note(event)


def _judged(certname: str, done: Done, why: str) -> Judged:
    return Judged(certname=certname, done=done, why=f"{_shown(certname)}: {why}")


def _failed(certname: str, why: str) -> Judged:
    return _judged(certname, Done.FAILED, why)


def _shown(certname: str) -> str:
    return certname if is_certname(certname) else ascii(certname)


def _key(certificate: bytes | None) -> str | None:
    """None where there is none, or nothing that can be read as one: that tells nothing."""
    try:
        return key_of_certificate(certificate) if certificate else None
    except UnreadableError:
        return None
