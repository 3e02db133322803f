"""Certificate requests as Puppet's agent makes them, and as it never would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

INSTANCE_ID = "1.3.6.1.4.1.34380.1.1.2"
PRIVATE = "1.3.6.1.4.1.34380.1.2.1"
AUTHORIZATION = "1.3.6.1.4.1.34380.1.3.1"
AUTH_ROLE = "1.3.6.1.4.1.34380.1.3.13"
CLI_AUTH = "1.3.6.1.4.1.34380.1.3.39"
AUTO_RENEWAL = "1.3.6.1.4.1.34380.1.3.2"
SHA256 = hashes.SHA256()


@cache
def rsa_key(name: str = "node", size: int = 2048) -> rsa.RSAPrivateKey:
    """The same key for the same name: making one takes longer than the tests that need it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1, name: str = "node") -> Any:
    return ec.generate_private_key(curve())


def utf8(text: str) -> bytes:
    """A short DER UTF8String."""
    return b"\x0c" + bytes([len(text.encode())]) + text.encode()


def request(
    certname: str,
    password: str | None = None,
    *,
    key: Any = None,
    extensions: Mapping[str, str | bytes] | None = None,
    names: Sequence[str] = (),
    subject: Sequence[tuple[x509.ObjectIdentifier, str]] | None = None,
    attributes: Mapping[str, bytes] | None = None,
    digest: Any = SHA256,
) -> bytes:
    """PEM. ``extensions`` by dotted OID, text as a UTF8String or DER as it is."""
    parts = [(NameOID.COMMON_NAME, certname)] if subject is None else subject
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if password is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password.encode())
    for oid, value in (attributes or {}).items():
        builder = builder.add_attribute(x509.ObjectIdentifier(oid), value)
    for oid, content in (extensions or {}).items():
        der = utf8(content) if isinstance(content, str) else content
        unrecognised = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), der)
        builder = builder.add_extension(unrecognised, critical=False)
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternative, critical=False)
    signed = builder.sign(key or rsa_key(), digest)
    return signed.public_bytes(Encoding.PEM)
