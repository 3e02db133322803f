"""What the service is told by its environment, read once and checked whole."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from enc.inventory import SERVICE_TIMEOUT, StoreError, connect
from enc.outputs import zones as dns
from enc.outputs.zones import Zones

T = TypeVar("T")

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
# The same path is the ENC script's default, so that both work untouched on one machine.
DEFAULT_BIND = "unix:/run/rolecall/enc.sock"
# One worker that dies or hangs must not leave the puppetmaster without an answer.
DEFAULT_WORKERS = 2
MOST_WORKERS = 64
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
# sun_path of Linux' unix(7) is 108 bytes with the closing NUL.
_LONGEST_SOCKET_PATH = 107
_LAST_PORT = 65535
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):([0-9]{1,5})")
_SITE = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?")


class SettingsError(ValueError):
    """A variable of the environment cannot be used; the message names it, never a secret."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``bind`` is as gunicorn takes it. ``redis_url`` may hold a password: it is never shown.

    At ``dns_bind`` only PowerDNS is answered; "" for no such place.
    """

    redis_url: str = field(default=DEFAULT_REDIS_URL, repr=False)
    site: str = "default"
    bind: str = DEFAULT_BIND
    log_level: str = "info"
    workers: int = DEFAULT_WORKERS
    metrics_dir: str = ""
    zones: Zones = dns.NO_ZONES
    dns_bind: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError. A variable that is empty counts as not set."""

        def read(name: str, parse: Callable[[str], T], default: T) -> T:
            text = environment.get(name, "").strip()
            return _read(name, parse, text) if text else default

        found = cls(
            redis_url=read("REDIS_URL", _redis_url, DEFAULT_REDIS_URL),
            site=read("ROLECALL_SITE", _site, "default"),
            bind=read("ENC_BIND", parse_bind, DEFAULT_BIND),
            log_level=read("LOG_LEVEL", _log_level, "info"),
            # gunicorn's own name for it; prometheus-client's for the folder.
            workers=read("WEB_CONCURRENCY", _workers, DEFAULT_WORKERS),
            metrics_dir=read("PROMETHEUS_MULTIPROC_DIR", str, ""),
            zones=_together(
                Zones(
                    forward=read("DNS_ZONES", dns.parse_forward, ()),
                    reverse=read("DNS_NETWORKS", dns.parse_networks, ()),
                    servers=read("DNS_NS", dns.parse_servers, ()),
                    hostmaster=read("DNS_HOSTMASTER", dns.parse_hostmaster, ""),
                    ttl=read("DNS_TTL", dns.parse_ttl, dns.DEFAULT_TTL),
                )
            ),
            dns_bind=read("DNS_BIND", _dns_bind, ""),
        )
        if found.dns_bind == found.bind:
            raise SettingsError(
                f"DNS_BIND is {found.dns_bind}, where the service listens for all else (ENC_BIND): "
                "give it a port of its own, as nothing but DNS is answered there"
            )
        return found

    @property
    def binds(self) -> list[str]:
        """Every place to listen at."""
        return [bind for bind in (self.bind, self.dns_bind) if bind]

    @property
    def secrets(self) -> frozenset[str]:
        """What no log may show: the password of Redis as written and as heard, and Sentinel's."""
        password = urlsplit(self.redis_url).password or ""
        options = dict(parse_qsl(urlsplit(self.redis_url).query))
        of_sentinels = options.get("sentinel_password", "")
        return frozenset({password, unquote(password), of_sentinels}) - {""}


def parse_bind(text: str) -> str:
    """``unix:/path``, or a loopback address with its port, as ``place`` has it; else ValueError.

    The service knows no logins: access from other hosts goes through a front that does.
    """
    if text.startswith("unix:"):
        return f"unix:{_socket_path(text.removeprefix('unix:'))}"
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None or not is_loopback(found[1].strip("[]")):
        raise ValueError(
            "is neither unix:/path nor a loopback address with a port, such as 127.0.0.1:8080 or "
            "[::1]:8080; other hosts reach the service through the Apache front of the Puppet "
            "module, which knows who they are"
        )
    if not 1 <= int(found[2]) <= _LAST_PORT:
        raise ValueError(f"has no port between 1 and {_LAST_PORT}")
    return place(found[1].strip("[]"), int(found[2]))


def place(host: str, port: int) -> str:
    """A literal address with its port: one text, however it was written. Raises ValueError."""
    address = ipaddress.ip_address(host)
    if address.version == 6:  # noqa: PLR2004
        address = address.ipv4_mapped or address
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"  # noqa: PLR2004


def is_loopback(host: str) -> bool:
    """Literal addresses only: what a name stands for is decided elsewhere, and may change."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{name} {error}") from None


def _together(zones: Zones) -> Zones:
    try:
        return dns.together(zones)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _dns_bind(text: str) -> str:
    try:
        if not text.startswith("unix:"):
            return parse_bind(text)
    except ValueError:
        pass
    raise ValueError(
        "is not a loopback address with a port, such as 127.0.0.1:8053 or [::1]:8053: PowerDNS, "
        "which asks there over TCP, runs on this machine"
    )


def _socket_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("needs an absolute path after unix:, such as unix:/run/rolecall/enc.sock")
    if len(path.encode()) > _LONGEST_SOCKET_PATH or "\0" in path:
        raise ValueError(f"has a path that is longer than {_LONGEST_SOCKET_PATH} bytes")
    return path


def _redis_url(text: str) -> str:
    """What can be wrong with it is known where clients are made; this one is not used."""
    try:
        connect(text, timeout=SERVICE_TIMEOUT, clock=float)
    except StoreError as error:
        raise ValueError(str(error).removeprefix("REDIS_URL ")) from None
    return text


def _site(text: str) -> str:
    if not _SITE.fullmatch(text):
        raise ValueError("is not one line of at most 128 printable characters")
    return text


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _workers(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MOST_WORKERS:
        raise ValueError(f"is not a number from 1 to {MOST_WORKERS}")
    return int(text)
