"""Whether others on the way could read or use the connection to Redis. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, urlsplit

from provisioner.doctor.finding import Finding, broken, ok, warning

WHAT = "Redis: connection"


def judged(url: str) -> Finding:
    """``url`` is one that a client could be made of. None of it is repeated: it has a password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return ok(WHAT, "a socket of this machine")
    if all(map(is_loopback, _hosts(parts))):
        return ok(WHAT, "loopback")
    if parts.scheme not in ("rediss", "rediss+sentinel"):
        said = "to another host, unencrypted: the launch keys can be read on the way"
        return broken(
            WHAT,
            said,
            "use rediss:// with a certificate on each server (tls-port)",
        )
    if not parts.password:
        said = "to another host, without a password: whoever reaches it may do everything"
        remedy = "give the provisioner a user with a password, as docs/redis.md has it"
        return broken(WHAT, said, remedy)
    if _trusts_anybody(parts):
        said = "TLS, and the server's certificate is not checked"
        return warning(WHAT, said, "take ssl_cert_reqs and ssl_check_hostname out of REDIS_URL")
    return ok(WHAT, "TLS and a password")


def _hosts(parts: SplitResult) -> list[str]:
    """One, or each Sentinel's."""
    each = parts.netloc.rpartition("@")[2].split(",")
    return [urlsplit(f"//{place}").hostname or "" for place in each]


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _trusts_anybody(parts: SplitResult) -> bool:
    said = {key: values[-1].lower() for key, values in parse_qs(parts.query).items()}
    if said.get("ssl_cert_reqs", "required") != "required":
        return True
    return said.get("ssl_check_hostname", "true") not in ("true", "1", "yes", "on")
