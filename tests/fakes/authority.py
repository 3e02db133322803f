"""What a certificate authority of Puppet's holds: requests, certificates and what was revoked.

Real requests and real certificates, in memory. The fake of the port and the fake server over HTTP
(tests/fakes/ca.py, tests/fakes/ca_server.py) are two doors to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def csr(certname: str, key: Key | None = None) -> bytes:
    """A plain request (PEM), as an agent without csr_attributes.yaml makes it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_named(certname))
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


class Vault:
    """``requests`` and ``signed`` are PEM by certname; ``revoked`` certnames in their order."""

    def __init__(self) -> None:
        self.requests: dict[str, bytes] = {}
        self.signed: dict[str, bytes] = {}
        self.revoked: list[str] = []
        self.revoked_serials: set[int] = set()
        self.revocations = 0  # how often the revocation list was written
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Puppet CA: test")

    def submit(self, certname: str, pem: bytes | None = None) -> bytes:
        """An agent's request, which from now on is pending. Returns it (a plain one if not given).

        Nothing of it is checked: a test may submit what no agent would.
        """
        self.requests[certname] = pem or csr(certname)
        return self.requests[certname]

    def issue(self, certname: str, pem: bytes | None = None) -> bytes:
        """Submit and sign. Returns the certificate."""
        self.submit(certname, pem)
        return self.sign(certname)

    def sign(self, certname: str) -> bytes:
        """The pending request (KeyError where there is none)."""
        request = x509.load_pem_x509_csr(self.requests[certname])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(certname))
            .issuer_name(self._name)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LIFE)
            .not_valid_after(now + LIFE)
        )
        made = builder.sign(self._key, hashes.SHA256())
        self.signed[certname] = made.public_bytes(serialization.Encoding.PEM)
        del self.requests[certname]
        return self.signed[certname]

    def state(self, certname: str) -> str:
        """Of a name that has both, the certificate's; "" of one that has neither."""
        if pem := self.signed.get(certname):
            return "revoked" if self.is_revoked(pem) else "signed"
        return "requested" if certname in self.requests else ""

    def is_spoilt(self, certname: str) -> bool:
        """Whether the real CA falls over this request: an extension of it has an empty value.

        Seen with Puppet Server 7.9.5: it takes the request, and then every answer that would tell
        of it is a 500. Its text can be had, and it can be deleted.
        """
        try:
            request = x509.load_pem_x509_csr(self.requests.get(certname, b""))
            return any(not each.value.public_bytes() for each in request.extensions)
        except ValueError:
            return False

    @property
    def is_list_spoilt(self) -> bool:
        return any(self.is_spoilt(certname) for certname in self.requests)

    def is_revoked(self, pem: bytes) -> bool:
        """Whether this very certificate is on the revocation list."""
        return x509.load_pem_x509_certificate(pem).serial_number in self.revoked_serials

    def revoke(self, certnames: Sequence[str]) -> list[str]:
        """All in one writing of the list. Returns those that have no certificate."""
        there = [name for name in dict.fromkeys(certnames) if name in self.signed]
        for name in there:
            certificate = x509.load_pem_x509_certificate(self.signed[name])
            self.revoked_serials.add(certificate.serial_number)
            self.revoked.append(name)
        self.revocations += bool(there)
        return [name for name in certnames if name not in self.signed]

    def clean(self, certnames: Sequence[str]) -> list[str]:
        """Revoke and delete; requests stay. Returns those that have no certificate."""
        missing = self.revoke(certnames)
        for name in certnames:
            self.signed.pop(name, None)
        return missing


def _named(certname: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, certname)])
