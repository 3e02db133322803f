"""Certificate requests: what one asks for, read strictly. Pure.

Two readers of one request must not see different things (the CA reads it again before it signs),
so whatever is unusual is not read at all: anything around the PEM, an attribute that comes twice
or that Puppet does not send, a subject of more than its common name.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, SignatureAlgorithmOID

# Puppet's of 4096 bits has some 2 KB, and one of 8192 bits with every extension less than 6.
LONGEST = 16 * 1024
_PEM = re.compile(
    rb"\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)"
    rb"-----END CERTIFICATE REQUEST-----\s*"
)
# Puppet 8's agent tells by this attribute that it can renew its certificate: Puppet Server's
# certificate_authority.clj, pp_auth_auto_renew-attribute.
_AUTO_RENEWAL = x509.ObjectIdentifier("1.3.6.1.4.1.34380.1.3.2")
_ATTRIBUTES = frozenset(
    {AttributeOID.CHALLENGE_PASSWORD, x509.ObjectIdentifier("1.2.840.113549.1.9.14"), _AUTO_RENEWAL}
)
_SIGNATURES = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    }
)
# What OpenSSL would still compute with, slowly; the policy takes less. Its own bound for exponents
# of larger keys is the same: OPENSSL_RSA_MAX_PUBEXP_BITS.
_LARGEST_READ, _LARGEST_EXPONENT = 16384, 2**64
# DER, X.690: tags, and the object identifier 2.5.4.3.
_SEQUENCE, _SET, _UTF8_STRING, _COMMON_NAME = 0x30, 0x31, 0x0C, b"\x06\x03\x55\x04\x03"


class UnreadableError(ValueError):
    """This is no certificate request, or not one that is plain enough to be judged."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """``size`` in bits; ``curve`` as OpenSSL names it, "" for RSA; ``exponent`` 0 for EC.

    ``fingerprint`` is the SHA-256, in hex, of the key's SubjectPublicKeyInfo in DER.
    """

    fingerprint: str
    size: int
    curve: str = ""
    exponent: int = 0


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for. ``verified``: signed by its own key, with SHA-2.

    ``extensions`` is the DER value of each by its dotted OID.
    """

    certname: str
    key: Key
    verified: bool
    password: bytes | None = field(default=None, repr=False)
    extensions: Mapping[str, bytes] = field(default_factory=dict)


def read(pem: bytes) -> Request:
    """Raises UnreadableError, which never quotes what was sent."""
    der = _der(pem)
    try:
        return _read(x509.load_der_x509_csr(der), der)
    except (UnreadableError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # The library's errors have no common kind: ValueError, InvalidVersion, DuplicateExtension,
        # UnsupportedAlgorithm and more; a panic of its Rust is not even an Exception.
        raise UnreadableError("it is malformed") from error


def key_of_certificate(pem: bytes) -> str:
    """The fingerprint of a certificate's key, as ``Key`` has it. Raises UnreadableError."""
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise UnreadableError("it is not a certificate") from error
    return sha256(spki).hexdigest()


def text_value(der: bytes) -> str | None:
    """An extension's value where that is one short string, as Puppet writes them; else None."""
    # UTF8String, PrintableString, IA5String; one byte of length (X.690, 8.1.3.4).
    if len(der) < _HEADER or der[0] not in (0x0C, 0x13, 0x16) or der[1] != len(der) - _HEADER:
        return None
    try:
        return der[_HEADER:].decode() if der[1] <= _SHORT else None
    except UnicodeDecodeError:
        return None


_HEADER, _SHORT = 2, 127


def _der(pem: bytes) -> bytes:
    if not pem.strip():
        raise UnreadableError("it is empty")
    if len(pem) > LONGEST:
        raise UnreadableError(f"it is longer than {LONGEST} bytes")
    found = _PEM.fullmatch(pem)
    if found is None:
        raise UnreadableError("it is not one certificate request in PEM, and nothing else")
    try:
        return b64decode(b"".join(found[1].split()), validate=True)
    except Base64Error as error:
        raise UnreadableError("what is between its PEM lines is not base64") from error


def _read(csr: x509.CertificateSigningRequest, der: bytes) -> Request:
    # Bits of the signature that do not count could be anything: one request, many texts.
    if not der.endswith(b"\x00" + csr.signature):
        raise UnreadableError("its signature does not fill its bytes")
    attributes = _attributes(csr)
    return Request(
        certname=_common_name(csr),
        key=_key(csr),
        verified=_verified(csr),
        password=attributes.get(AttributeOID.CHALLENGE_PASSWORD),
        extensions={e.oid.dotted_string: e.value.public_bytes() for e in csr.extensions},
    )


def _key(csr: x509.CertificateSigningRequest) -> Key:
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size <= _LARGEST_READ:
        return _rsa(key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Key(fingerprint=_fingerprint(key), size=key.key_size, curve=key.curve.name)
    raise UnreadableError("its key is neither RSA of a sane size nor of an elliptic curve")


def _rsa(key: rsa.RSAPublicKey) -> Key:
    exponent = key.public_numbers().e
    if exponent > _LARGEST_EXPONENT:
        raise UnreadableError("its key's exponent is too large to compute with")
    return Key(fingerprint=_fingerprint(key), size=key.key_size, exponent=exponent)


def _fingerprint(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _verified(csr: x509.CertificateSigningRequest) -> bool:
    if csr.signature_algorithm_oid not in _SIGNATURES:
        return False
    try:
        return csr.is_signature_valid
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        # The signature of another kind of key, say.
        return False


def _common_name(csr: x509.CertificateSigningRequest) -> str:
    """Of a subject as Puppet writes it, byte by byte: one UTF8String and nothing else.

    ``csr.subject`` would take other strings, too, which other readers show otherwise.
    """
    _, inner, _ = _first(csr.tbs_certrequest_bytes)
    _, _, behind_version = _first(inner)
    _, subject, _ = _first(behind_version)
    pair = _only(_SEQUENCE, _only(_SET, subject)) if subject else b""
    if not pair.startswith(_COMMON_NAME):
        raise UnreadableError("its subject is not a common name alone")
    return _only(_UTF8_STRING, pair.removeprefix(_COMMON_NAME)).decode()


def _only(tag: int, der: bytes) -> bytes:
    """The contents of the one element that this is."""
    found, contents, rest = _first(der)
    if found != tag or rest:
        raise UnreadableError("its subject is not a common name alone")
    return contents


def _first(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag and contents of the first element, and what is behind it, of DER that was parsed once."""
    length, start = der[1], _HEADER
    if length > _SHORT:
        start += length & _SHORT
        length = int.from_bytes(der[_HEADER:start])
    return der[0], der[start : start + length], der[start + length :]


def _attributes(csr: x509.CertificateSigningRequest) -> dict[x509.ObjectIdentifier, bytes]:
    found: dict[x509.ObjectIdentifier, bytes] = {}
    for attribute in csr.attributes:
        if attribute.oid in found:
            raise UnreadableError(f"its attribute {attribute.oid.dotted_string} comes twice")
        if attribute.oid not in _ATTRIBUTES:
            raise UnreadableError(f"it has an attribute {attribute.oid.dotted_string}")
        found[attribute.oid] = attribute.value
    return found
