"""What holds for the fake CA and for ours over HTTPS holds for Puppet's own, by the adapter."""

import re
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from provisioner.ports.puppet import CA
from provisioner.settings import Settings
from provisioner.wiring import open_ca
from tests.csrs import request
from tests.real.ring import Ring
from tests.service.contract_ca.test_contract import *  # noqa: F403 (they run here)

pytestmark = [pytest.mark.differs, pytest.mark.root]

PEM_CRL = re.compile(b"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_numbers = count(1)


class RealStage:
    """Names of its own: the CA lives as long as the ring."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._prefix = f"i-0contract{next(_numbers)}"
        ca = open_ca(Settings.read(ring.environment))
        assert ca
        self.ca: CA = ca

    def name(self, label: str) -> str:
        return f"{self._prefix}-{label}"

    def submit(self, certname: str, pem: bytes | None = None) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = pem or request(certname, "a password", key=key)
        status, said = self._ring.ca.submit(certname, pem)
        assert status == 200, said
        return pem

    def issue(self, certname: str) -> bytes:
        self._ring.sign_blindly(certname)
        self.submit(certname)
        certificate = self.ca.certificate(certname)
        assert certificate
        return certificate

    def is_revoked(self, certificate: bytes) -> bool:
        serial = x509.load_pem_x509_certificate(certificate).serial_number
        lists = map(x509.load_pem_x509_crl, PEM_CRL.findall(self._list.read_bytes()))
        return any(each.get_revoked_certificate_by_serial_number(serial) for each in lists)

    @property
    def _list(self) -> Path:
        return self._ring.server.folder / "ca" / "ca_crl.pem"


@pytest.fixture
def stage(ring: Ring) -> RealStage:
    ring.configure_enc(url="unix:/nonexistent/enc.sock")
    return RealStage(ring)
