"""An authority that also says which of its certificates are good no more."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.service.certificates import DAY, NOW, Authority, Identity


class Revoker(Authority):
    """An authority with a list of what it has revoked, from the start."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self._revoked: list[int] = []
        self.crl = folder / f"{name}.crl.pem"
        self.publish()

    def revoke(self, identity: Identity) -> None:
        certificate = x509.load_pem_x509_certificate(identity.cert.read_bytes())
        self._revoked.append(certificate.serial_number)
        self.publish()

    def publish(self) -> None:
        """As puppetserver does: a new file in the place of the old one."""
        crl = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        crl = crl.last_update(NOW - DAY).next_update(NOW + DAY)
        for serial in self._revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            crl = crl.add_revoked_certificate(entry.revocation_date(NOW - DAY).build())
        text = crl.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        new = self.crl.with_suffix(".new")
        new.write_bytes(text)
        new.replace(self.crl)
