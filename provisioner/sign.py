"""The second chance: Puppet's CA asks its policy once for a request, and we ask it again.

A request that met a dead service, or that came before its launch was recorded, stays pending for
ever otherwise; and one that stands wrongly in a node's name keeps the node's own out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from enc.certname import is_certname
from enc.csr import UnreadableError, key_of_certificate
from enc.trust import Verdict
from provisioner.context import Context
from provisioner.ports import CA, PuppetError, Refusal

# The CA has no such request any more, or has made a certificate of it: somebody was faster.
_OVERTAKEN = frozenset({Refusal.MISSING, Refusal.CONFLICT})


class Done(StrEnum):
    SIGNED = "signed"
    REFUSED = "refused"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of one pending request, and why."""

    certname: str
    done: Done
    why: str


def sign_pending(context: Context, ca: CA) -> Iterator[Judged]:
    """Judge every pending request: sign ours, delete wrong ones, leave the rest for a person.

    Each comes as it is done. Raises PuppetError where the CA cannot be asked for the list, and
    StoreError: without the store nothing is judged.
    """
    return sign_those(context, ca, ca.pending())


def sign_those(context: Context, ca: CA, certnames: Iterable[str]) -> Iterator[Judged]:
    """The same for these certnames; those without a pending request are left out.

    One that fails does not stop the others, unless the CA does not answer, or forbids it.
    """
    stopped = False
    for certname in certnames:
        if stopped:
            why = f"{certname}: not looked at, for the CA failed before"
            yield Judged(certname=certname, done=Done.FAILED, why=why)
            continue
        try:
            judged = _one(context, ca, certname)
        except PuppetError as error:
            why = f"{certname}: {_advised(error)}"
            judged = Judged(certname=certname, done=Done.FAILED, why=why)
            stopped = error.passing or error.refusal is Refusal.DENIED
        if judged:
            yield judged


def _one(context: Context, ca: CA, certname: str) -> Judged | None:
    if not is_certname(certname):
        why = f"{certname!a}: no certname of a machine"
        return Judged(certname=certname, done=Done.LEFT, why=why)
    pem = ca.request(certname)
    if pem is None:
        return None
    verdict = context.inventory.signing.judge(certname, pem, site=context.site, who=context.who)
    if verdict.sign:
        return _signed(ca, certname, verdict)
    if verdict.wrong:
        ca.refuse(certname)
        return Judged(certname=certname, done=Done.REFUSED, why=f"{verdict.why} (request deleted)")
    return Judged(certname=certname, done=Done.LEFT, why=verdict.why)


def _signed(ca: CA, certname: str, verdict: Verdict) -> Judged:
    try:
        ca.sign(certname)
    except PuppetError as error:
        if error.refusal not in _OVERTAKEN or ca.certificate(certname) is None:
            raise
    if _is_for(ca.certificate(certname), verdict.key):
        return Judged(certname=certname, done=Done.SIGNED, why=verdict.why)
    # Between our look and the CA's signature the request was exchanged, which takes two who may
    # administer the CA; what it signed is nobody's whom we know.
    ca.clean([certname])
    why = f"{certname}: the CA signed another key than was judged; that certificate is revoked"
    return Judged(certname=certname, done=Done.REFUSED, why=why)


def _is_for(certificate: bytes | None, key: str) -> bool:
    try:
        return certificate is not None and key_of_certificate(certificate) == key
    except UnreadableError:
        return False


def _advised(error: PuppetError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)
