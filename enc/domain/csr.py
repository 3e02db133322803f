"""Certificate requests: what one asks for, read strictly. Pure.

Two readers of one request must not see different things (the CA reads it again before it signs).
So a request is read only if it is what Puppet's agents send, byte for byte: what was read, written
down again in the one canonical form (``_written``), must be what was sent.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, SignatureAlgorithmOID

from enc.domain import der

# Puppet's of 4096 bits has some 2 KB, and one of 8192 bits with every extension less than 6.
LONGEST = 16 * 1024
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE REQUEST-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)"
    rb"-----END CERTIFICATE REQUEST-----\n"
)
# Puppet 8's agent tells by this attribute that it can renew its certificate: Puppet Server's
# certificate_authority.clj, pp_auth_auto_renew-attribute.
_AUTO_RENEWAL = x509.ObjectIdentifier("1.3.6.1.4.1.34380.1.3.2")
_EXTENSIONS = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_ATTRIBUTES = frozenset({AttributeOID.CHALLENGE_PASSWORD, _EXTENSIONS, _AUTO_RENEWAL})
# Ruby's agents write the texts of attributes as PrintableString, OpenSSL as UTF8String.
_TEXTS = (der.PRINTABLE_STRING, der.UTF8_STRING)
# Puppet's own extensions: registered facts, private ones and authorization.
_PUPPETS = "1.3.6.1.4.1.34380."
# RSA has parameters, which are NULL (RFC 4055, 5); ECDSA has none (RFC 5758, 3.2).
_SIGNATURES = {
    SignatureAlgorithmOID.RSA_WITH_SHA256: der.NULL,
    SignatureAlgorithmOID.RSA_WITH_SHA384: der.NULL,
    SignatureAlgorithmOID.RSA_WITH_SHA512: der.NULL,
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: b"",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: b"",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: b"",
}
# What OpenSSL would still compute with, slowly; the policy takes less. Its own bound for exponents
# of larger keys is the same: OPENSSL_RSA_MAX_PUBEXP_BITS.
_LARGEST_READ, _LARGEST_EXPONENT = 16384, 2**64
_LINE, _SHOWN = 64, 80
_VERSION_0, _COMMON_NAME = b"\x02\x01\x00", der.oid("2.5.4.3")


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
    sent = _decoded(pem)
    try:
        return _read(x509.load_der_x509_csr(sent), sent)
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


def text_value(value: bytes) -> str | None:
    """An extension's value (DER) where that is one UTF8String, as Puppet writes them; else None."""
    try:
        return der.contents(der.UTF8_STRING, value).decode()
    except (der.NotDerError, UnicodeDecodeError):
        return None


def _decoded(pem: bytes) -> bytes:
    if not pem.strip():
        raise UnreadableError("it is empty")
    if len(pem) > LONGEST:
        raise UnreadableError(f"it is longer than {LONGEST} bytes")
    found = _PEM.fullmatch(pem)
    if found is None:
        raise UnreadableError("it is not one certificate request in PEM, and nothing else")
    try:
        sent = b64decode(found[1].replace(b"\n", b""))
    except Base64Error as error:
        raise UnreadableError("what is between its PEM lines is not base64") from error
    # Lines of another length; bits of the last letter that do not count.
    if _lines(sent) != found[1]:
        raise UnreadableError("its PEM is not as Puppet writes it")
    return sent


def _lines(sent: bytes) -> bytes:
    text = b64encode(sent)
    return b"".join(text[at : at + _LINE] + b"\n" for at in range(0, len(text), _LINE))


def _read(csr: x509.CertificateSigningRequest, sent: bytes) -> Request:
    certname, attributes, key = _common_name(csr), _attributes(csr), _key(csr)
    extensions = {each.oid.dotted_string: each.value.public_bytes() for each in csr.extensions}
    _check_values(extensions)
    if _written(csr, certname, extensions, sent) != sent:
        raise UnreadableError("it is not in the form that Puppet's agents and OpenSSL write")
    return Request(
        certname=certname,
        key=key,
        verified=_verified(csr),
        password=attributes.get(AttributeOID.CHALLENGE_PASSWORD),
        extensions=extensions,
    )


def _check_values(extensions: Mapping[str, bytes]) -> None:
    """An empty value is taken by the CA, and makes its list of requests an error for all."""
    for oid, value in extensions.items():
        if oid.startswith(_PUPPETS) and text_value(value) is None:
            raise UnreadableError(f"the value of its extension {oid[:_SHOWN]} is not a UTF8String")


# In canonical form -----------------------------------------------------------------------------


def _written(
    csr: x509.CertificateSigningRequest,
    certname: str,
    extensions: Mapping[str, bytes],
    sent: bytes,
) -> bytes:
    """The request in DER, made of what was read of it: PKCS #10, RFC 2986, 4."""
    name = der.element(der.SEQUENCE, _COMMON_NAME, der.element(der.UTF8_STRING, certname.encode()))
    attributes = [_attribute(one, extensions, sent) for one in csr.attributes]
    info = der.element(
        der.SEQUENCE,
        _VERSION_0,
        der.element(der.SEQUENCE, der.element(der.SET, name)),
        _public(csr.public_key()),
        der.element(der.CONTEXT_0, der.set_of(*attributes)),
    )
    signature = der.element(der.BIT_STRING, b"\x00", csr.signature)
    return der.element(der.SEQUENCE, info, _algorithm(csr), signature)


def _attribute(one: x509.Attribute, extensions: Mapping[str, bytes], sent: bytes) -> bytes:
    """Of the kinds of string that a text may be, the one that was sent."""
    if one.oid == _EXTENSIONS:
        every = (_extension(oid, value) for oid, value in extensions.items())
        forms = [der.element(der.SEQUENCE, *every)]
    else:
        forms = [der.element(tag, one.value) for tag in _TEXTS]
    oid = der.oid(one.oid.dotted_string)
    whole = [der.element(der.SEQUENCE, oid, der.element(der.SET, form)) for form in forms]
    return next((form for form in whole if form in sent), whole[0])


def _extension(oid: str, value: bytes) -> bytes:
    """Never critical: Puppet's agents do not say so."""
    return der.element(der.SEQUENCE, der.oid(oid), der.element(der.OCTET_STRING, value))


def _algorithm(csr: x509.CertificateSigningRequest) -> bytes:
    """Of another algorithm than ours the request is not in this form."""
    oid = csr.signature_algorithm_oid
    return der.element(der.SEQUENCE, der.oid(oid.dotted_string), _SIGNATURES.get(oid, der.NULL))


# Its parts -------------------------------------------------------------------------------------


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
    return sha256(_public(key)).hexdigest()


def _public(key: Any) -> bytes:
    """Its SubjectPublicKeyInfo: of RSA never RSASSA-PSS, of a curve by its name, uncompressed."""
    spki: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki


def _verified(csr: x509.CertificateSigningRequest) -> bool:
    """A signature of another kind of key is invalid, and no error (cryptography 44 to 50)."""
    return csr.signature_algorithm_oid in _SIGNATURES and csr.is_signature_valid


def _common_name(csr: x509.CertificateSigningRequest) -> str:
    """Of a subject as Puppet writes it, byte by byte: one UTF8String and nothing else.

    ``csr.subject`` would take other strings, too, which other readers show otherwise.
    """
    try:
        _, inner, _ = der.split(csr.tbs_certrequest_bytes)
        _, _, behind_version = der.split(inner)
        _, subject, _ = der.split(behind_version)
        pair = der.contents(der.SEQUENCE, der.contents(der.SET, subject))
        return der.contents(der.UTF8_STRING, pair.removeprefix(_COMMON_NAME)).decode()
    except (der.NotDerError, UnicodeDecodeError) as error:
        raise UnreadableError("its subject is not a common name alone") from error


def _attributes(csr: x509.CertificateSigningRequest) -> dict[x509.ObjectIdentifier, bytes]:
    found: dict[x509.ObjectIdentifier, bytes] = {}
    for attribute in csr.attributes:
        if attribute.oid in found:
            raise UnreadableError(f"its attribute {attribute.oid.dotted_string} comes twice")
        if attribute.oid not in _ATTRIBUTES:
            raise UnreadableError(f"it has an attribute {attribute.oid.dotted_string}")
        if attribute.oid == _EXTENSIONS and not len(csr.extensions):
            raise UnreadableError("its list of extensions is empty")
        found[attribute.oid] = attribute.value
    return found
