"""Certificates for TLS between the tests: an authority, and what it or a stranger signs."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PASSPHRASE = b"open sesame"


@dataclass(frozen=True)
class Identity:
    """PEM files; `locked` is the key under PASSPHRASE."""

    cert: Path
    key: Path
    locked: Path


class Authority:
    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = self._certificate(self._name, self._key, NOW + DAY)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def issue(
        self, name: str, *alternatives: str, until: datetime = NOW + DAY, key: Key | None = None
    ) -> Identity:
        """For the host names and addresses in `alternatives`; `name` names the files too."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key, until)
        if alternatives:
            names = x509.SubjectAlternativeName([_general(each) for each in alternatives])
            certificate = certificate.add_extension(names, critical=False)
        folder = self._folder / name
        folder.mkdir()
        identity = Identity(folder / "cert.pem", folder / "key.pem", folder / "locked.pem")
        identity.cert.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))
        identity.key.write_bytes(_private(key, serialization.NoEncryption()))
        lock = serialization.BestAvailableEncryption(PASSPHRASE)
        identity.locked.write_bytes(_private(key, lock))
        return identity

    def _certificate(
        self, subject: x509.Name, key: Key, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(until)
        )


def server_context(identity: Identity, clients: Authority) -> ssl.SSLContext:
    """A service that lets in only clients whom `clients` has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert, identity.key)
    context.load_verify_locations(clients.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass(frozen=True)
class Parties:
    """Who talks TLS in a test, and a stranger whom nobody of them trusts."""

    folder: Path
    authority: Authority
    stranger: Authority
    server: Identity
    client: Identity

    def context(self) -> ssl.SSLContext:
        return server_context(self.server, self.authority)

    def settings(self, **others: object) -> dict[str, object]:
        ours = {"ca": self.authority.file, "cert": self.client.cert, "key": self.client.key}
        return ours | others


def parties_in(folder: Path, *, key: Key | None = None) -> Parties:
    """`key` is the client's, or else a new one."""
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    server = authority.issue("server", "localhost", "127.0.0.1")
    return Parties(folder, authority, stranger, server, authority.issue("client", key=key))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def as_puppets_own() -> Key:
    """RSA: the only one that JRuby can show."""
    return rsa.generate_private_key(65537, 2048)


def _private(key: Key, lock: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
