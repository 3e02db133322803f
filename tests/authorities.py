"""Authorities with and without a fault, and what a machine's agent can make of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes.clock import START

DAY = timedelta(days=1)
BEGINS, ENDS = START - 100 * DAY, START + 100 * DAY


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def made(
    name: str,
    by: Made | None = None,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    ca: bool | None = True,
    begins: datetime = BEGINS,
    ends: datetime = ENDS,
) -> Made:
    """``by`` None: it issues itself. ``ca`` None: it says nothing of that."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = by.certificate.subject if by else subject
    number = x509.random_serial_number()
    built = x509.CertificateBuilder(issuer, subject, key.public_key(), number, begins, ends)
    if ca is not None:
        built = built.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return Made(built.sign(by.key if by else key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Case:
    """A file of certificates, the server's, and why no agent can trust it; "" where one can.

    ``remarks`` are words of what is told besides.
    """

    file: str
    server: str
    fault: str = ""
    remarks: tuple[str, ...] = ()


@cache
def cases() -> dict[str, Case]:
    root = made("Root")
    middle = made("Puppet CA", root)
    gone, later = {"ends": START - DAY}, {"begins": START + DAY}
    old_root, early_root = made("Old root", **gone), made("Root", **later)
    old = made("Puppet CA", root, **gone)
    below_old = made("Puppet CA", old_root)
    renewed = made("Old root", key=old_root.key)
    leaf, silent = made("web1.example.com", root, ca=False), made("Silent", ca=None)
    other, namesake = made("Other root"), made("Root")

    def case(*file: Made, of: Made, fault: str = "", remarks: tuple[str, ...] = ()) -> Case:
        server = made("puppet", of, ca=False)
        return Case("".join(one.pem for one in file), server.pem, fault, remarks)

    expired = ("expired on 2025-12-31 12:00 UTC",)
    return {
        "a root": case(root, of=root),
        "twice": case(root, root, of=root),
        "Puppet's two": case(middle, root, of=middle),
        "Puppet's two, the other way": case(root, middle, of=middle),
        "with a leaf": case(
            root, leaf, of=root, remarks=("CN=web1.example.com is not an authority's",)
        ),
        "the old beside the new": case(old, middle, root, of=middle, remarks=expired),
        "renewed with its key": case(old_root, renewed, of=renewed, remarks=expired),
        "below one that is renewed": case(
            below_old, old_root, renewed, of=below_old, remarks=expired
        ),
        "expired": case(old_root, of=old_root, fault="CN=Old root expired on 2025-12-31 12:00 UTC"),
        "expired below a root": case(old, root, of=old, fault="CN=Puppet CA expired on"),
        "below an expired root": case(
            below_old, old_root, of=below_old, fault="CN=Old root, which issued CN=Puppet CA, exp"
        ),
        "without its root": case(
            middle, of=middle, fault="CN=Root, which issued CN=Puppet CA, is missing"
        ),
        "beside another root of that name": case(
            middle,
            namesake,
            of=namesake,
            remarks=("CN=Root, which issued CN=Puppet CA, is missing",),
        ),
        "a leaf": case(
            leaf, of=leaf, fault="CN=web1.example.com is not an authority's certificate"
        ),
        "no word of an authority": case(silent, of=silent, fault="CN=Silent is not an authority's"),
        "without its root beside another": case(
            middle, other, of=other, remarks=("CN=Root, which issued CN=Puppet CA, is missing",)
        ),
        "early": case(early_root, of=early_root, remarks=("valid only from 2026-01-02 12:00 UTC",)),
    }
