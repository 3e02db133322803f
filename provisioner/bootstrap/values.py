"""What a machine is told at its launch, and which values of it are possible at all.

All of it comes from a reviewed file, and still nothing is trusted: a value that a host name, a
package or a key cannot have is refused here, and what passes is quoted where it is used.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

import yaml

from enc.domain.rolefields import CLOUD_CONFIG, user_data_kind
from provisioner.bootstrap.errors import ImpossibleValueError

Install = Literal["packages", "aio", "openvox", "none"]

# SHA-256 works on blocks of 64 bytes: the machine computes its HMAC for keys up to one block.
_KEY = re.compile(r"[0-9a-fA-F]{32,64}")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
# A name, and a version as apt (`=`) or dnf (`-`) take it; never an option.
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_:=~-]{0,199}")
_BASE_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
HIGHEST_PORT = 65535
MERGE_KEYS = ("merge_how", "merge_type")


@dataclass(frozen=True)
class Bootstrap:
    """One launch's instructions; every machine of the launch gets the same.

    * ``launch_key``: hex text, the launch's secret; a machine proves with it whose it is.
    * ``puppet_host``: the server's name; None only where ``run_puppet`` is False.
    * ``puppet_address``: an address for it in ``/etc/hosts``; None: DNS knows it.
    * ``ca_pem``: the CA's certificates; None: the agent trusts whom it meets first.
    * ``package``: what to install. The default name means openvox's own where that is asked for.
    * ``run_puppet``: False for images that run none; the machine's life is kept all the same.
    * ``expires_at``: aware; the machine powers itself off for good then.
    * ``extra_user_data``: the user's cloud-config or `#!` script, run beside ours.
    * ``repository``: another base URL of aio's or openvox's release packages: a mirror.
    * ``retry_first``, ``retry_cap``, ``wait_for_cert``: seconds between attempts, at most, and
      between two looks for a signed certificate.
    """

    launch_key: str = field(repr=False)
    puppet_host: str | None
    puppet_address: str | None
    puppet_port: int
    ca_pem: str | None
    install: Install
    package: str
    run_puppet: bool
    expires_at: datetime | None
    extra_user_data: str | None
    repository: str | None = None
    retry_first: int = 15
    retry_cap: int = 300
    wait_for_cert: int = 15


def check(bootstrap: Bootstrap) -> None:
    """Raise ImpossibleValueError for the first value that no machine could use."""
    for name, (possible, may_be) in _RULES.items():
        if not possible(bootstrap):
            raise ImpossibleValueError(name, may_be)


def certificates(pem: str) -> str:
    """The certificates of a PEM file, without what stands between them."""
    blocks = [match.group(0).strip() for match in _PEM.finditer(pem)]
    return "".join(f"{block}\n" for block in blocks)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: object, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= highest


def _is_address(value: object) -> bool:
    try:
        return (
            isinstance(value, str) and str(ipaddress.ip_address(value)) != "" and "%" not in value
        )
    except ValueError:
        return False


def _is_pem(value: object) -> bool:
    blocks = list(_PEM.finditer(value)) if isinstance(value, str) else []
    return bool(blocks) and all(_is_base64(block.group(1)) for block in blocks)


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode("".join(text.split()), validate=True)) > 0
    except binascii.Error:
        return False


def _is_extra(value: object) -> bool:
    if not isinstance(value, str) or not _is_unicode(value):
        return False
    kind = user_data_kind(value)
    return kind == "x-shellscript" or (kind == "cloud-config" and _is_tame_mapping(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_tame_mapping(text: str) -> bool:
    # With a merge rule of its own, a user's part would replace our runcmd and write_files.
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return False
    return isinstance(config, dict) and not any(key in config for key in MERGE_KEYS)


def _aware(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


_Rule = tuple[Callable[[Bootstrap], bool], str]
_RULES: dict[str, _Rule] = {
    "launch_key": (lambda b: _matches(_KEY, b.launch_key), "32 to 64 hex digits"),
    "run_puppet": (lambda b: isinstance(b.run_puppet, bool), "True or False"),
    "puppet_host": (
        lambda b: _matches(_HOST, b.puppet_host) or (b.puppet_host is None and not b.run_puppet),
        "the Puppet server's host name: launch.puppet_server.host, for images that run Puppet",
    ),
    "puppet_address": (
        lambda b: (
            b.puppet_address is None
            or (_is_address(b.puppet_address) and b.puppet_host is not None)
        ),
        "an IP address of puppet_host",
    ),
    "puppet_port": (lambda b: _whole(b.puppet_port, HIGHEST_PORT), f"1 to {HIGHEST_PORT}"),
    "ca_pem": (
        lambda b: b.ca_pem is None or _is_pem(b.ca_pem),
        "certificates in PEM (-----BEGIN CERTIFICATE-----)",
    ),
    "install": (
        lambda b: b.install in get_args(Install),
        f"one of {', '.join(get_args(Install))}",
    ),
    "package": (lambda b: _matches(_PACKAGE, b.package), "a package's name, or name=version"),
    "expires_at": (
        lambda b: b.expires_at is None or _aware(b.expires_at),
        "a time with its time zone",
    ),
    "extra_user_data": (
        lambda b: b.extra_user_data is None or _is_extra(b.extra_user_data),
        f"a mapping after '{CLOUD_CONFIG}' without {' or '.join(MERGE_KEYS)}, or a '#!' script",
    ),
    "repository": (
        lambda b: b.repository is None or _matches(_BASE_URL, b.repository),
        "a base URL such as https://mirror.example/puppet",
    ),
    "retry_first": (lambda b: _whole(b.retry_first, b.retry_cap), "seconds, up to retry_cap"),
    "retry_cap": (lambda b: _whole(b.retry_cap, 86400), "seconds, up to a day"),
    "wait_for_cert": (lambda b: _whole(b.wait_for_cert, 3600), "seconds, up to an hour"),
}
