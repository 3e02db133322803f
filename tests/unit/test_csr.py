"""What is read of a certificate request, and what is not read at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from enc.domain import csr
from tests import csrs
from tests.csrs import (
    AUTO_RENEWAL,
    INSTANCE_ID,
    RSA,
    assembled,
    challenge,
    der,
    der_of,
    ec_key,
    extended,
    named,
    pem_of,
    pp_role,
    request,
    rsa_key,
    utf8,
    with_exponent,
)

NODE = "i-0abc1234def567890"
TRUE = b"\x01\x01\xff"


def test_a_request_as_puppet_makes_it_is_read_whole() -> None:
    found = csr.read(request(NODE, "secret", extensions={INSTANCE_ID: NODE}))

    assert (found.certname, found.password, found.verified) == (NODE, b"secret", True)
    assert csr.text_value(found.extensions[INSTANCE_ID]) == NODE
    assert (found.key.size, found.key.exponent, found.key.curve) == (2048, 65537, "")


def test_its_password_is_not_shown_by_a_log_of_it() -> None:
    assert "secret" not in repr(csr.read(request(NODE, "secret")))


def test_a_key_has_the_same_fingerprint_in_every_request_and_another_key_another() -> None:
    def fingerprint(key: object, name: str = NODE) -> str:
        return csr.read(request(name, key=key)).key.fingerprint

    assert fingerprint(rsa_key()) == fingerprint(rsa_key(), "i-0other")
    assert fingerprint(rsa_key()) != fingerprint(rsa_key("other"))


def test_a_key_of_a_curve_is_read_with_its_curve() -> None:
    assert csr.read(request(NODE, key=ec_key(ec.SECP384R1))).key.curve == "secp384r1"


def test_the_attribute_by_which_a_newer_agent_says_that_it_renews_is_no_obstacle() -> None:
    assert csr.read(request(NODE, "x", attributes={AUTO_RENEWAL: b"true"})).password == b"x"


REQUESTS = Path(__file__).parent / "requests"
# As they arrived at a CA: of Puppet's agents 7.23 and 8.10, and of `openssl req` 3.0.
SENT = {path.stem: path.read_bytes() for path in sorted(REQUESTS.glob("[!r]*.pem"))}
# Of `openssl req`, too: forms that no agent sends.
NEVER_SENT = {path.stem: path.read_bytes() for path in sorted(REQUESTS.glob("refused-*.pem"))}


@pytest.mark.parametrize("name", SENT)
def test_a_request_of_an_agent_or_of_openssl_is_read_whole(name: str) -> None:
    found = csr.read(SENT[name])

    assert (found.certname, found.verified) == (NODE, True)
    assert found.password is not None
    assert len(found.password) == 64
    assert csr.text_value(found.extensions[INSTANCE_ID]) == NODE


def test_there_are_such_requests() -> None:
    assert {name.partition("-")[0] for name in SENT} == {"agent7", "agent8", "openssl"}
    assert len(NEVER_SENT) == 4


GOOD = request(NODE, "secret")
LARGE_EXPONENT = with_exponent(2**64)
# openssl req -new -newkey rsa:2048 -nodes -subj /CN=i-0abc1234def567890 -sha1
SIGNED_WITH_SHA1 = b"""\
-----BEGIN CERTIFICATE REQUEST-----
MIICYzCCAUsCAQAwHjEcMBoGA1UEAwwTaS0wYWJjMTIzNGRlZjU2Nzg5MDCCASIw
DQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAJB3+Wz+eyev95y56lUxwzSE8rL3
0NJ1GxjwAbl5Qy8XcNdSya8QFhdwnXjWBHCGw21aZ60yQQcnc/AD0PWnG380N1AA
O1OiscJfJgoYxVIk2mb2NS1fNj6yCT1AtK7gELfL8dzrbOlhL/i9nRz7LA0OEmYS
sWH/5YlWKJ+XTtl6yrTuzMzixWYaKf4jw9VNd31MQbdEkUvgd83JsG5kyWRsK56j
oILxhQKywsFe2PCGWaBKD1aMYzOtDAbIZd+HTiO1WvfVGFl6hodCq3yhCxbFZul+
6Yolg+iXISMuZKog1xBPbAcnrUloFre2ZjnmIsjFa7fjlrTyDKfoo68Bfi0CAwEA
AaAAMA0GCSqGSIb3DQEBBQUAA4IBAQAGvnrc/ZI5qGetMnlFXxwqvqrKOnuI8BwC
/FNeinBK4zegL8pwGbz2my9UsRvwtxkeWogO+LDYHeLUc7+zXKGbwXngsZSIDAS1
D93o8OK6YZN6GDsqt+0bJ8XKTr4KRFXGO7ae8X0Qebilk0wN3zYDUyi5JMwg2kzc
lKvcwqqXwFy0d4lAoZNUtA1wOTNeUWOaNg9UY5usM6bstai7kygI1kolgX6s4YyD
D/H93GyZfnlt0Z4uJOV89tjbr1W12sdR0IHQoMp2eVbtG+ImDSRB/bMt24ARY002
ZuMA+DPWBmGV50VdrRvQHQyzSAvn4OkXSDGfhKaRQHFbVuwV0idq
-----END CERTIFICATE REQUEST-----
"""
UNREADABLE = {
    "nothing": (b"", "empty"),
    "white space": (b" \n", "empty"),
    "a megabyte": (b"x" * 2**20, "longer than"),
    "a megabyte of PEM": (pem_of(b"x" * 2**20), "longer than"),
    "text": (b"please sign me\n", "not one certificate request"),
    "two requests": (GOOD + GOOD, "not one certificate request"),
    "words behind its base64": (GOOD.replace(b"\n-----END", b"-----END"), "not one"),
    "lines that end in carriage returns alone": (GOOD.replace(b"\n", b"\r"), "not one"),
    "lines that end in carriage returns, too": (GOOD.replace(b"\n", b"\r\n"), "not one"),
    "an empty line before it": (b"\n" + GOOD, "not one"),
    "white space before it": (b"  " + GOOD, "not one"),
    "an empty line behind it": (GOOD + b"\n", "not one"),
    "no end of its last line": (GOOD.rstrip(), "not one"),
    "longer lines": (
        GOOD.replace(b"\n", b"", 2).replace(b"REQUEST-----", b"REQUEST-----\n", 1),
        "not one",
    ),
    "shorter lines": (GOOD.replace(b"\nMII", b"\nM\nII"), "its PEM is not"),
    "words before it": (b"subject=CN\n" + GOOD, "not one certificate request"),
    "words after it": (GOOD + b"thanks\n", "not one certificate request"),
    "DER": (der_of(GOOD), "not one certificate request"),
    "a certificate": (
        GOOD.replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"),
        "not one certificate request",
    ),
    "half of it": (GOOD[: len(GOOD) // 2], "not one certificate request"),
    "no base64": (GOOD.replace(b"MII", b"=II", 1), "not base64"),
    "other bytes": (pem_of(b"\x30\x03\x02\x01\x00"), "malformed"),
    "a signature with bits that do not count": (
        pem_of(der_of(GOOD).replace(b"\x03\x82\x01\x01\x00", b"\x03\x82\x01\x01\x01")),
        "not in the form|malformed",
    ),
    "bytes after the request": (pem_of(der_of(GOOD) + b"\x00"), "malformed"),
}


@pytest.mark.parametrize(("pem", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_single_request_in_pem_is_not_read(pem: bytes, why: str) -> None:
    with pytest.raises(csr.UnreadableError, match=why):
        csr.read(pem)


def subject_of(*parts: tuple[x509.ObjectIdentifier, str]) -> bytes:
    return request(NODE, subject=parts)


ODD = {
    "no subject": (subject_of(), "subject"),
    "two common names": (
        subject_of((NameOID.COMMON_NAME, NODE), (NameOID.COMMON_NAME, "puppet")),
        "subject",
    ),
    "an organisation besides": (
        subject_of((NameOID.COMMON_NAME, NODE), (NameOID.ORGANIZATION_NAME, "us")),
        "subject",
    ),
    "an attribute that Puppet does not send": (
        request(NODE, attributes={"1.3.6.1.4.1.311.2.1.14": b"x"}),
        "attribute 1.3.6.1.4.1.311.2.1.14",
    ),
    "an Ed25519 key": (
        request(NODE, key=ed25519.Ed25519PrivateKey.generate(), digest=None),
        "neither RSA",
    ),
    "an organisation alone": (
        subject_of((NameOID.ORGANIZATION_NAME, NODE)),
        "subject",
    ),
    "a name of another kind of string": (assembled(named(NODE.encode(), 0x13)), "subject"),
    "a name in UTF-16": (assembled(named(NODE.encode("utf-16-be"), 0x1E)), "subject"),
    "a name of bytes": (assembled(named(NODE.encode(), 0x04)), "subject"),
    "two sets of one name": (
        assembled(der(0x30, 2 * named(NODE.encode())[2:])),
        "subject",
    ),
    "a password twice": (
        assembled(named(NODE.encode()), [challenge(utf8("x")), challenge(utf8("y"))]),
        "comes twice",
    ),
    "two values of one password": (
        assembled(named(NODE.encode()), [challenge(utf8("x"), utf8("y"))]),
        "malformed",
    ),
    "a password without a value": (assembled(named(NODE.encode()), [challenge()]), "malformed"),
    "an exponent that takes seconds": (request(NODE, key=LARGE_EXPONENT), "exponent"),
    "a DSA key": (request(NODE, key=dsa.generate_private_key(1024)), "neither RSA"),
}


ROLE = pp_role(utf8("web"))
# Each is well signed, and all readers would read something in it.
OTHER_FORMS = {
    **{name: (pem, "form") for name, pem in NEVER_SENT.items()},
    **{
        f"a password of string type {tag:#x}": (
            assembled(named(NODE.encode()), [challenge(der(tag, b"x"))]),
            "form",
        )
        for tag in (0x04, 0x12, 0x14, 0x16, 0x1A, 0x1B)
    },
    "a password in UTF-16": (
        assembled(named(NODE.encode()), [challenge(der(0x1E, b"\0x"))]),
        "form",
    ),
    "attributes in another order": (
        assembled(named(NODE.encode()), [extended(ROLE), challenge(utf8("x"))]),
        "form",
    ),
    "an empty list of extensions": (
        assembled(named(NODE.encode()), [extended()]),
        "extensions is empty",
    ),
    "a critical extension": (
        assembled(named(NODE.encode()), [extended(pp_role(utf8("web"), critical=TRUE))]),
        "form",
    ),
    "an extension's value that is empty": (request(NODE, extensions={INSTANCE_ID: b""}), "value"),
    "one that is no DER": (request(NODE, extensions={INSTANCE_ID: b"web"}), "value"),
    "one of another kind of string": (
        request(NODE, extensions={INSTANCE_ID: b"\x13\x03web"}),
        "value",
    ),
    "one with more behind it": (
        request(NODE, extensions={INSTANCE_ID: utf8("web") + b"\0"}),
        "value",
    ),
    "one whose length is longer than needed": (
        request(NODE, extensions={INSTANCE_ID: b"\x0c\x81\x03web"}),
        "value",
    ),
    "one that is no UTF-8": (
        request(NODE, extensions={INSTANCE_ID: b"\x0c\x02\xff\xfe"}),
        "value",
    ),
}


@pytest.mark.parametrize(("pem", "why"), OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_a_form_that_no_agent_sends_is_not_read(pem: bytes, why: str) -> None:
    with pytest.raises(csr.UnreadableError, match=why):
        csr.read(pem)


def test_of_such_parts_in_their_right_form_it_is() -> None:
    pem = assembled(named(NODE.encode()), [extended(ROLE), challenge(utf8("x" * 30))])

    assert csr.read(pem).verified


def test_a_value_of_more_than_a_hundred_letters_is_read() -> None:
    long = "a" * 200

    found = csr.read(request(NODE, extensions={INSTANCE_ID: der(0x0C, long.encode())}))

    assert csr.text_value(found.extensions[INSTANCE_ID]) == long


@pytest.mark.parametrize(("pem", "why"), ODD.values(), ids=ODD)
def test_what_is_unusual_is_not_read(pem: bytes, why: str) -> None:
    with pytest.raises(csr.UnreadableError, match=why):
        csr.read(pem)


def test_a_request_of_parts_is_read_as_one_of_a_library_is() -> None:
    found = csr.read(assembled(named(NODE.encode()), [challenge(utf8("x"))]))

    assert (found.certname, found.password, found.verified) == (NODE, b"x", True)


def test_a_name_of_more_than_a_hundred_letters_is_read() -> None:
    long = "a" * 200 + ".example.com"

    assert csr.read(assembled(named(long.encode()))).certname == long


def test_a_request_that_was_changed_after_it_was_signed_does_not_verify() -> None:
    der = der_of(request(NODE, "secret"))
    changed = der.replace(NODE.encode(), b"i-0abc1234def567891")

    found = csr.read(pem_of(changed))

    assert (found.certname, found.verified) == ("i-0abc1234def567891", False)


def test_a_signature_over_a_broken_digest_does_not_verify() -> None:
    assert not csr.read(SIGNED_WITH_SHA1).verified


def test_a_signature_over_a_longer_digest_does() -> None:
    assert csr.read(request(NODE, digest=hashes.SHA512())).verified


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x0c", id="no length"),
        pytest.param(b"\x0c\x05abc", id="too short"),
        pytest.param(utf8("abc") + b"x", id="too long"),
        pytest.param(b"\x0c\x81\x03abc", id="a longer length than is needed"),
        pytest.param(b"\x13\x03abc", id="another kind of string"),
        pytest.param(b"\x02\x01\x05", id="a number"),
        pytest.param(b"\x0c\x02\xff\xfe", id="no UTF-8"),
    ],
)
def test_a_value_that_is_not_one_utf8string_has_no_text(der: bytes) -> None:
    assert csr.text_value(der) is None


@pytest.mark.parametrize(("length", "too_long"), [(16384, False), (16385, True)])
def test_what_is_longer_than_16_kib_is_not_even_looked_at(length: int, too_long: bool) -> None:
    with pytest.raises(csr.UnreadableError) as refused:
        csr.read(b"x" * length)
    assert ("longer than 16384 bytes" in str(refused.value)) is too_long


def test_a_signature_that_its_key_cannot_have_made_is_none() -> None:
    """It says RSA, and its key is of a curve: OpenSSL cannot even compare them."""
    [said, good] = [
        csr.read(assembled(named(NODE.encode()), algorithm=one)) for one in (RSA, csrs.ECDSA)
    ]
    assert (said.verified, good.verified) == (False, True)


@pytest.mark.parametrize(("bits", "read"), [(16384, True), (16385, False)])
def test_an_rsa_key_of_more_than_16384_bits_is_not_computed_with(bits: int, read: bool) -> None:
    pem = assembled(named(NODE.encode()), key=Unsigned(bits))
    if read:
        assert csr.read(pem).key.size == bits
    else:
        with pytest.raises(csr.UnreadableError, match="neither RSA of a sane size"):
            csr.read(pem)


class Unsigned:
    """A public key of so many bits; nobody has its private one, so its signature is none."""

    def __init__(self, bits: int) -> None:
        self._public = rsa.RSAPublicNumbers(65537, (1 << bits - 1) | 1).public_key()

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    def sign(self, *_: object) -> bytes:
        return b"none"
