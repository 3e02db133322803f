"""The certificates of a Puppet CA, out of the file that the user names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from enc.domain.rolefields import wrong

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# They travel in user-data, of which EC2 takes 16 KiB in all. Puppet's own two take 4.
MAX_CHARACTERS = 8 * 1024
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def certificates(text: str) -> str:
    """The PEM blocks of all certificates in ``text``, without what stands around them.

    Raises the error of rolefields.wrong() with the reason: none in it, damaged, a key among them.
    """
    from cryptography import x509

    blocks = list(_BLOCK.finditer(text.replace("\r\n", "\n")))
    if any("PRIVATE KEY" in block[1] for block in blocks):
        raise wrong("holds a private key", "give the certificate alone: every machine gets it")
    found = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    if not found:
        raise wrong("no certificate in it", "PEM starts with -----BEGIN CERTIFICATE-----")
    pem = "".join(f"{block}\n" for block in found)
    if len(pem) > MAX_CHARACTERS:
        raise wrong(f"more than {MAX_CHARACTERS} characters of certificates", "give only the CA's")
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise wrong("a damaged certificate", "copy the file again") from error
    return pem


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """What is wrong with one certificate, and what to do."""

    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Of certificates by which an agent can trust its server, until ``ends``.

    ``remarks`` are flaws of single ones that do not matter, or that time mends.
    """

    ends: datetime
    remarks: tuple[Flaw, ...]


def standing(pem: str, now: datetime) -> Standing:
    """Of what ``certificates`` gave. Raises its error where no agent can trust a server by it.

    An agent follows a server's certificate up to a root. Each on the way must be in ``pem``, an
    authority's, and in its time:
    https://docs.openssl.org/3.0/man1/openssl-verification-options/
    """
    from cryptography import x509

    found = x509.load_pem_x509_certificates(pem.encode())
    chains = _Chains(found)
    flaws = {n: flaw for n in range(len(found)) if (flaw := chains.flaw(n, now))}
    good = [n for n in chains.signers if n not in flaws]
    if not good:
        fault = flaws[next(iter(chains.signers), 0)]
        raise wrong(fault.what, fault.remedy)
    early = [_early(one) for one in found if one.not_valid_before_utc > now]
    ends = max(chains.until[n] for n in good)
    return Standing(ends=ends, remarks=(*flaws.values(), *early))


class _Chains:
    """Which of the certificates issued which. ``until``: the end of each that leads to a root.

    ``signers`` issued no other authority of these: one of them signs the machines' certificates.
    """

    def __init__(self, found: Sequence[Certificate]) -> None:
        self._found = found
        authorities = [n for n, one in enumerate(found) if _is_authority(one)]
        self._issuers = {
            n: [m for m in authorities if _issued(found[n], found[m])] for n in authorities
        }
        self.until = _until(found, self._issuers)
        above = {m for n, by in self._issuers.items() if n not in by for m in by}
        self.signers = [n for n in authorities if n not in above]

    def flaw(self, n: int, now: datetime) -> Flaw | None:
        one = self._found[n]
        name = one.subject.rfc4514_string()
        if n not in self._issuers:
            return Flaw(what=f"{name} is not an authority's certificate", remedy=_GIVE)
        if one.not_valid_after_utc <= now:
            return Flaw(what=f"{name} expired on {one.not_valid_after_utc:{_AT}}", remedy=_RENEW)
        issuer = one.issuer.rfc4514_string()
        if n not in self.until:
            remedy = "put the issuers' certificates up to the root into the file, too"
            return Flaw(what=f"{issuer}, which issued {name}, is missing", remedy=remedy)
        if self.until[n] <= now:
            what = f"{issuer}, which issued {name}, expired on {self.until[n]:{_AT}}"
            return Flaw(what=what, remedy=_RENEW)
        return None


_AT = "%Y-%m-%d %H:%M UTC"
_GIVE = "give the Puppet CA's: certs/ca.pem below the puppetserver's ssldir"
_RENEW = "renew Puppet's CA, and give its new certificate"


def _early(one: Certificate) -> Flaw:
    what = f"{one.subject.rfc4514_string()} is valid only from {one.not_valid_before_utc:{_AT}} on"
    return Flaw(what=what, remedy="check the clock of this machine, and that of the CA's")


def _until(
    found: Sequence[Certificate], issuers: Mapping[int, Sequence[int]]
) -> dict[int, datetime]:
    until = {n: found[n].not_valid_after_utc for n, by in issuers.items() if n in by}
    # One round more for each step down from a root.
    for _ in found:
        for n, by in issuers.items():
            above = [until[m] for m in by if m in until and m != n]
            if above and n not in by:
                until[n] = min(found[n].not_valid_after_utc, max(above))
    return until


def _is_authority(one: Certificate) -> bool:
    from cryptography import x509

    try:
        known = one.extensions
        if not known.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return known.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as error:
        return error.oid == x509.KeyUsage.oid
    except ValueError:
        return False


def _issued(one: Certificate, by: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        one.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError):
        return False
    except UnsupportedAlgorithm:  # an old CA's signature: the names have been compared
        return True
    return True
