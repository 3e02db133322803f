"""Launched machines that nobody boots, with a certificate of the real CA all the same."""

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.csrs import request, rsa_key
from tests.real.ring import Ring
from tests.real.site import Site


def certified(ring: Ring, site: Site, node: str) -> tuple[str, str]:
    """Its certificate and its key (PEM), which the policy had signed as for any machine of ours."""
    status, said = ring.ca.submit(node, request(node, site.password(node)))
    assert (status, ring.ca.state(node)) == (200, "signed"), said
    _, certificate = ring.ca.ask("GET", f"certificate/{node}")
    key = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return certificate, key.decode()
