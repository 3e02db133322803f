"""Requests that are almost right, for the signing policy to refuse: the same for a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from enc.domain.trust import Claim, LaunchKey, judge, password
from tests.builders import node
from tests.csrs import (
    AUTH_ROLE,
    CLI_AUTH,
    INSTANCE_ID,
    PRIVATE,
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
)
from tests.fakes.clock import START

NODE, OTHER = "i-0abc1234def567890", "i-0abc1234def567891"
KEY, OTHER_KEY = "5e" * 32, "ab" * 32
_LAUNCH = LaunchKey(launch="l-00000000000000aa", key=KEY, expires=START + timedelta(hours=1))
_CLAIM = Claim(now=START, node=node(NODE, launch=_LAUNCH.launch), launch=_LAUNCH)
_RIGHT = password(KEY, NODE)
# DER's tags and lengths that readers get wrong.
_NASTY = (0x00, 0x01, 0x05, 0x0C, 0x13, 0x1F, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xFF)


def survivors(pems: Iterable[bytes]) -> list[bytes]:
    """Those that the policy would sign for NODE. Whatever it raises is raised here."""
    return [pem for pem in pems if judge(NODE, pem, _CLAIM).sign]


def mutated(count: int, *, seed: int, changes: int = 4) -> Iterator[bytes]:
    """A right request with up to so many of its bytes changed, moved, doubled or dropped."""
    rng = Random(seed)
    good = [der_of(pem) for pem in (_right(), _right(key=ec_key(ec.SECP256R1)))]
    for _ in range(count):
        der = rng.choice(good)
        changed = _changed(der, rng, rng.randint(1, changes) if changes else 0)
        yield pem_of(changed) if changed != der or not changes else b""


def forged(count: int, *, seed: int) -> Iterator[bytes]:
    """Well made and well signed by a stranger's key, of parts of which one at least is wrong."""
    rng = Random(seed)
    passwords = [
        None,
        "",
        KEY,
        _RIGHT[:-1],
        _RIGHT + "\0",
        _RIGHT.upper(),
        password(KEY, OTHER),
        password(OTHER_KEY, NODE),
        password("", NODE),
        _RIGHT,
    ]
    extras: list[dict[str, Any]] = [
        {CLI_AUTH: "true"},
        {AUTH_ROLE: "admin"},
        {INSTANCE_ID: OTHER},
        {INSTANCE_ID: NODE + "\0"},
        {"2.5.29.19": b"\x30\x03\x01\x01\xff"},
        {INSTANCE_ID: NODE},
        {PRIVATE: "x"},
        {},
    ]
    wrong_extras = extras[:5]
    subjects = [OTHER, "puppet", NODE.upper(), f"{NODE} ", f"{NODE}\0", NODE]
    every = [
        (subject, word, extra, names)
        for subject, word, extra, names in product(
            subjects, passwords, extras, ((), ("puppet",), (NODE,))
        )
        if subject != NODE or word != _RIGHT or extra in wrong_extras or names
    ]
    for _ in range(count):
        subject, word, extra, names = rng.choice(every)
        yield request(subject, word, key=_strangers(rng), extensions=extra, names=names)


def odd(count: int, *, seed: int) -> Iterator[bytes]:
    """With the right password, well signed, and of a form that readers take in different ways."""
    rng = Random(seed)
    right = named(NODE.encode()), [challenge(utf8(_RIGHT))]
    pairs = [pair for pair in product(_subjects(), _attributes()) if pair != right]
    for _ in range(count):
        subject, attributes = rng.choice(pairs)
        yield assembled(subject, attributes, ec_key(name="stranger"))


def _subjects() -> list[bytes]:
    name = NODE.encode()
    strings = [named(name, tag) for tag in (0x04, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x17, 0x1A)]
    wide = [named(NODE.encode("utf-16-be"), 0x1E), named(NODE.encode("utf-32-be"), 0x1C)]
    one = named(name)[2:]
    several = [der(0x30, one + one), der(0x30, one + named(OTHER.encode())[2:])]
    return [*strings, *wide, *several, named(name + b"\0"), named(b""), named(OTHER.encode()), b""]


def _attributes() -> list[list[bytes]]:
    word, null = challenge(utf8(_RIGHT)), b"\x05\x00"
    extension = der(0x30, _OID_CLI_AUTH + der(0x04, utf8("true")))
    wanted = der(0x31, der(0x30, extension))
    # PKCS #9's extensionRequest, and Microsoft's.
    requests = [der(0x30, oid + wanted) for oid in (_OID_REQUEST, _OID_MS_REQUEST)]
    return [
        [word],
        [word, word],
        [challenge(utf8("x")), word],
        [challenge(utf8(_RIGHT), utf8("x"))],
        [challenge()],
        [challenge(null)],
        *([challenge(der(tag, _RIGHT.encode()))] for tag in _OTHER_STRINGS),
        [word, extended(pp_role(b""))],
        [challenge(der(0x04, _RIGHT.encode())), word],
        *([word, each] for each in requests),
        [word, requests[0], requests[0]],
        [der(0x30, b"")],
        [word, der(0x30, _OID_REQUEST + der(0x31, b""))],
    ]


# Neither a PrintableString nor a UTF8String.
_OTHER_STRINGS = (0x04, 0x12, 0x14, 0x16, 0x19, 0x1A, 0x1B)
_OID_REQUEST = bytes.fromhex("06092a864886f70d01090e")
_OID_MS_REQUEST = bytes.fromhex("060a2b06010401823702010e")
_OID_CLI_AUTH = bytes.fromhex("060b2b06010401828c4c010327")


def _right(**fields: Any) -> bytes:
    return request(NODE, _RIGHT, extensions={INSTANCE_ID: NODE}, **fields)


def _strangers(rng: Random) -> Any:
    # Mostly the curve's: RSA takes ten times as long to sign.
    return rsa_key("stranger") if rng.random() < _RSA_SHARE else ec_key(name="stranger")


_RSA_SHARE = 0.05


def _changed(der: bytes, rng: Random, times: int) -> bytes:
    data = bytearray(der)
    for _ in range(times):
        at = rng.randrange(len(data))
        match rng.randrange(6):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice(_NASTY)
            case 2:
                del data[at : at + rng.randint(1, 8)]
            case 3:
                data[at:at] = rng.randbytes(rng.randint(1, 8))
            case 4:
                data[at:at] = data[rng.randrange(len(data)) :][:32]
            case _:
                data[at] = rng.randrange(256)
        if not data:
            return b""
    return bytes(data)
