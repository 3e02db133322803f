"""Whose certificate requests Puppet signs: those of our own machines, once. Pure."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from enc.domain import csr
from enc.domain.model import ANSWERED, Kind, Node

# https://www.puppet.com/docs/puppet/7/ssl_attributes_extensions
_INSTANCE_ID = "1.3.6.1.4.1.34380.1.1.2"
_ALTERNATIVE_NAMES = "2.5.29.17"
# Puppet's registered and private facts. Those of authorization (….1.3) give rights on the server.
_HARMLESS = ("1.3.6.1.4.1.34380.1.1.", "1.3.6.1.4.1.34380.1.2.")
_SMALLEST_RSA, _LARGEST_RSA, _SMALLEST_EXPONENT = 2048, 8192, 65537
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_SHOWN = 80
# What the events of a certificate are called.
ACCEPTED, REFUSED = "certificate request accepted", "certificate request refused"
NOT_REVOKED, REVOKED = "certificate not revoked", "certificate revoked"


class Reason(StrEnum):
    """Why a request was judged as it was; for programs, and never renamed."""

    OURS = "ours"
    OURS_AGAIN = "ours-again"
    UNREADABLE = "unreadable"
    OTHER_SUBJECT = "other-subject"
    BAD_SIGNATURE = "bad-signature"
    BAD_KEY = "bad-key"
    FORBIDDEN_EXTENSION = "forbidden-extension"
    ALTERNATIVE_NAMES = "alternative-names"
    UNKNOWN_NODE = "unknown-node"
    FOREIGN_NODE = "foreign-node"
    ENDED_NODE = "ended-node"
    NO_LAUNCH = "no-launch"
    NO_PASSWORD = "no-password"  # noqa: S105 (a reason, not a password)
    WRONG_PASSWORD = "wrong-password"  # noqa: S105
    EXPIRED = "expired"
    WRONG_INSTANCE = "wrong-instance"
    OTHER_KEY = "other-key"


@dataclass(frozen=True, kw_only=True)
class LaunchKey:
    """The secret of a launch, and until when passwords made of it are taken."""

    launch: str
    key: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the inventory says of a certname. ``now`` is Redis' time.

    ``node`` may be one of the archive. ``launch`` is None where the node has none, or the store no
    longer knows it.
    """

    now: datetime
    node: Node | None = None
    launch: LaunchKey | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``why`` is for people and holds no secret; ``key`` is the fingerprint, "" where unreadable.

    ``wrong``: the request stands in the name of a node of ours and must not be signed by anybody;
    while it is pending the node's own request is not taken. What is neither signed nor wrong is
    for a person to decide, or for later.
    """

    reason: Reason
    why: str
    sign: bool = False
    wrong: bool = False
    key: str = ""


class _No(Exception):  # noqa: N818 (an answer, not an error)
    def __init__(self, reason: Reason, why: str, *, wrong: bool = True) -> None:
        self.reason, self.why, self.wrong = reason, why, wrong
        super().__init__(why)


def password(key: str, certname: str) -> str:
    """The challenge password that only this machine of this launch can make."""
    return hmac.new(key.encode(), certname.encode(), sha256).hexdigest()


def judge(certname: str, pem: bytes, claim: Claim) -> Verdict:
    """The verdict on what was sent in the name of ``certname``. Never raises."""
    try:
        request = csr.read(pem)
    except csr.UnreadableError as error:
        known = _is_ours(claim)
        return Verdict(reason=Reason.UNREADABLE, why=f"{certname}: {error}", wrong=known)
    return decide(certname, request, claim)


def decide(certname: str, request: csr.Request, claim: Claim) -> Verdict:
    """The verdict on a request that could be read."""
    fingerprint = request.key.fingerprint
    try:
        _check_form(certname, request)
        node, launch = _known(certname, claim)
        _check_password(node, launch, request)
        _check_machine(node, request)
        _check_time(node, launch, request, claim.now)
    except _No as no:
        wrong = no.wrong and _is_ours(claim)
        return Verdict(reason=no.reason, why=f"{certname}: {no.why}", wrong=wrong, key=fingerprint)
    again = bool(node.csr_key)
    why = f"{certname}: {'the same key again, ' if again else ''}a machine of launch {node.launch}"
    reason = Reason.OURS_AGAIN if again else Reason.OURS
    return Verdict(reason=reason, why=why, sign=True, key=fingerprint)


def _is_ours(claim: Claim) -> bool:
    return claim.node is not None and claim.node.kind is not Kind.FOREIGN


def _check_form(certname: str, request: csr.Request) -> None:
    """What nobody's request may have."""
    if request.certname != certname:
        shown = ascii(request.certname)[:_SHOWN]
        raise _No(Reason.OTHER_SUBJECT, f"the request is for {shown}")
    if not request.verified:
        raise _No(Reason.BAD_SIGNATURE, "the request is not signed by its own key, with SHA-2")
    if not _acceptable(request.key):
        raise _No(Reason.BAD_KEY, "the key is too weak; RSA takes 2048 to 8192 bits, EC P-256 up")
    for oid in request.extensions:
        if oid == _ALTERNATIVE_NAMES:
            raise _No(Reason.ALTERNATIVE_NAMES, "the request wants alternative names")
        if not oid.startswith(_HARMLESS):
            raise _No(Reason.FORBIDDEN_EXTENSION, f"the request wants extension {oid[:_SHOWN]}")


def _acceptable(key: csr.Key) -> bool:
    if key.curve:
        return key.curve in _CURVES
    return _SMALLEST_RSA <= key.size <= _LARGEST_RSA and key.exponent >= _SMALLEST_EXPONENT


def _known(certname: str, claim: Claim) -> tuple[Node, LaunchKey]:
    node = claim.node
    if node is None:
        raise _No(
            Reason.UNKNOWN_NODE,
            "not in the inventory (yet): 'provisioner sign' looks again; a machine of another kind "
            f"is signed by hand: puppetserver ca sign --certname {certname}",
        )
    if node.kind is Kind.FOREIGN:
        raise _No(
            Reason.FOREIGN_NODE,
            "a foreign node, which nobody launched: sign it by hand: "
            f"puppetserver ca sign --certname {certname}",
        )
    if node.state not in ANSWERED:
        raise _No(Reason.ENDED_NODE, f"it is {node.state}: this machine's life is over")
    if claim.launch is None or not claim.launch.key:
        raise _No(
            Reason.NO_LAUNCH,
            "the key of its launch is not in the store (was it lost?): retire it and launch "
            f"another, or sign it by hand: puppetserver ca sign --certname {certname}",
            wrong=False,
        )
    return node, claim.launch


def _check_password(node: Node, launch: LaunchKey, request: csr.Request) -> None:
    expected = password(launch.key, node.certname).encode()
    if request.password is not None and hmac.compare_digest(request.password, expected):
        return
    if request.password is None:
        reason, why = Reason.NO_PASSWORD, "the request has no challenge password"
    else:
        reason = Reason.WRONG_PASSWORD
        why = f"the password is not this machine's of {launch.launch}"
    if node.csr_key != request.key.fingerprint:
        raise _No(reason, why)
    # The machine deletes its password once it has its certificate; what comes with its very key
    # is nobody else's.
    by_hand = f"puppetserver ca sign --certname {node.certname}"
    why += f", but its key was let in before: sign it by hand: {by_hand}, or retire it"
    raise _No(reason, why, wrong=False)


def _check_machine(node: Node, request: csr.Request) -> None:
    claimed = request.extensions.get(_INSTANCE_ID)
    if claimed is not None and csr.text_value(claimed) != node.instance_id:
        raise _No(Reason.WRONG_INSTANCE, f"pp_instance_id is not {node.instance_id}")
    if node.csr_key and node.csr_key != request.key.fingerprint:
        raise _No(
            Reason.OTHER_KEY,
            "another key was signed for it; a machine that lost its key is retired and launched "
            "anew",
        )


def _check_time(node: Node, launch: LaunchKey, request: csr.Request, now: datetime) -> None:
    """A key that was let in once has shown its password in time."""
    if now < launch.expires or node.csr_key == request.key.fingerprint:
        return
    raise _No(
        Reason.EXPIRED,
        f"the right password, but launch {launch.launch} takes none since "
        f"{launch.expires:%Y-%m-%d %H:%M} UTC: retire it and launch another, or sign it by hand: "
        f"puppetserver ca sign --certname {node.certname}",
        wrong=False,
    )
