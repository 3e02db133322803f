"""Certificate requests as Puppet's agent makes them, and as it never would."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from math import gcd
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, NameOID

INSTANCE_ID = "1.3.6.1.4.1.34380.1.1.2"
PRIVATE = "1.3.6.1.4.1.34380.1.2.1"
AUTHORIZATION = "1.3.6.1.4.1.34380.1.3.1"
AUTH_ROLE = "1.3.6.1.4.1.34380.1.3.13"
CLI_AUTH = "1.3.6.1.4.1.34380.1.3.39"
AUTO_RENEWAL = "1.3.6.1.4.1.34380.1.3.2"
ROLE = "1.3.6.1.4.1.34380.1.1.13"
SHA256 = hashes.SHA256()


@cache
def rsa_key(name: str = "node", size: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """The same key for the same name: making one takes longer than the tests that need it."""
    return rsa.generate_private_key(public_exponent=exponent, key_size=size)


@cache
def with_exponent(least: int) -> rsa.RSAPrivateKey:
    """A key like any other but for its public exponent, which libraries do not let one choose."""
    numbers = rsa_key().private_numbers()
    p, q = numbers.p, numbers.q
    order = (p - 1) * (q - 1)
    public = next(e for e in range(least | 1, least + 1000, 2) if gcd(e, order) == 1)
    private = pow(public, -1, order)
    modulus = rsa.RSAPublicNumbers(public, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, private, private % (p - 1), private % (q - 1), numbers.iqmp, modulus
    ).private_key()


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


def spoiling(certname: str, password: str | None = None) -> bytes:
    """A request that the CA takes and then cannot list: an extension whose value is empty."""
    return request(certname, password, key=ec_key(), extensions={ROLE: b""})


def der_of(pem: bytes) -> bytes:
    return x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)


def pem_of(der: bytes) -> bytes:
    name, lines = b"CERTIFICATE REQUEST", b"\n".join(_lines(b64encode(der)))
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (name, lines, name)


def _lines(text: bytes) -> list[bytes]:
    return [text[at : at + 64] for at in range(0, len(text), 64)]


# ecdsa-with-SHA256, 1.2.840.10045.4.3.2, and sha256WithRSAEncryption, 1.2.840.113549.1.1.11.
ECDSA = bytes.fromhex("06082a8648ce3d040302")
RSA = bytes.fromhex("06092a864886f70d01010b0500")


def assembled(
    subject: bytes, attributes: Sequence[bytes] = (), key: Any = None, algorithm: bytes = ECDSA
) -> bytes:
    """PEM of parts in DER, well signed: what no library would make. ``subject`` is the Name.

    ``algorithm`` is what it says of its signature, which is ECDSA with SHA-256.
    """
    key = key or ec_key()
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    wanted = der(0x30, b"\x02\x01\x00" + subject + spki + der(0xA0, b"".join(attributes)))
    signature = key.sign(wanted, ec.ECDSA(hashes.SHA256()))
    said = der(0x30, algorithm)
    return pem_of(der(0x30, wanted + said + der(0x03, b"\x00" + signature)))


def extended(*extensions: bytes) -> bytes:
    """An attribute that asks for these extensions."""
    return der(0x30, bytes.fromhex("06092a864886f70d01090e") + der(0x31, der(0x30, *extensions)))


def pp_role(value: bytes, *, critical: bytes = b"") -> bytes:
    """An extension pp_role, ....34380.1.1.13, of these bytes."""
    oid = bytes.fromhex("060b2b06010401828c4c01010d")
    return der(0x30, oid, critical, der(0x04, value))


def named(text: bytes, tag: int = 0x0C) -> bytes:
    """A Name of one common name, of this kind of string."""
    return der(0x30, der(0x31, der(0x30, b"\x06\x03\x55\x04\x03" + der(tag, text))))


def challenge(*values: bytes) -> bytes:
    """An attribute challengePassword with these values, in DER."""
    oid = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
    return der(0x30, oid + der(0x31, b"".join(values)))


def der(tag: int, *parts: bytes) -> bytes:
    """One element with its shortest length."""
    contents = b"".join(parts)
    size = len(contents)
    if size <= _SHORT:
        return bytes([tag, size]) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + contents


_SHORT = 127
