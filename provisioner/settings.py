"""The provisioner's settings: from the environment, read once. boto3 reads AWS_* itself."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from enc.domain.durations import parse
from enc.domain.region_name import REGION
from provisioner.ports.notices import place_of

QUEUE_LIKE = "https://sqs.us-east-1.amazonaws.com/123456789012/NAME"
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
# As the service has it (enc/web/settings.py).
DEFAULT_ENC_BIND = "unix:/run/rolecall/enc.sock"
_SPAN = "ROLECALL_SPAN_"
# What may be set of enc.domain.timeouts.Timeouts, where each is explained.
SPANS = (
    *("dead", "first_backoff", "gather", "heartbeat", "lease", "longest_backoff", "names"),
    *("pass_patience", "patience", "record", "running", "skew", "stale", "suspect", "sweep"),
    *("terminated", "young"),
)
_REGION = re.compile(REGION)
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class SettingError(ValueError):
    """A variable that cannot be used; the message names it."""


# What of Puppet's is needed to speak TLS with it: variable -> what is in the file.
PUPPET_FILES = {
    "PUPPET_CERT": "our certificate",
    "PUPPET_KEY": "its key",
    "PUPPET_CA": "the certificate of Puppet's CA",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``redis_url`` may hold a password. ``who`` stands in the audit log.

    A URL is "" where it is not configured. Where one of Puppet's is https, the three files are
    named; whether they can be read is asked by ``check_puppet_files``. ``enc_bind``, where the ENC
    service listens, is not checked: the doctor alone asks there. ``timeouts`` are those of
    enc.domain.timeouts.Timeouts that ROLECALL_SPAN_<NAME> sets, as in ROLECALL_SPAN_SUSPECT=90s.
    ``regions`` are those that the site uses: () for every enabled one, None where nobody says.
    """

    redis_url: str = field(repr=False)
    site: str
    who: str
    puppet_ca_url: str = ""
    puppetdb_url: str = ""
    puppet_cert: str = ""
    puppet_key: str = ""
    puppet_ca: str = ""
    spot_queue_urls: tuple[str, ...] = ()
    regions: tuple[str, ...] | None = None
    enc_bind: str = DEFAULT_ENC_BIND
    timeouts: Mapping[str, timedelta] = field(default_factory=dict)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingError. A variable that is empty counts as not set."""
        site = environ.get("ROLECALL_SITE") or "default"
        if not _SITE.fullmatch(site):
            msg = f"ROLECALL_SITE is {site!r}: use letters, digits, '.', '_' and '-'"
            raise SettingError(msg)
        ca_url = _url(environ, "PUPPET_CA_URL", "https://puppet:8140")
        puppetdb_url = _url(environ, "PUPPETDB_URL", "https://puppetdb:8081", loopback=True)
        _complete(environ, {"PUPPET_CA_URL": ca_url, "PUPPETDB_URL": puppetdb_url})
        return cls(
            redis_url=environ.get("REDIS_URL") or DEFAULT_REDIS_URL,
            site=site,
            who=_who(environ),
            puppet_ca_url=ca_url,
            puppetdb_url=puppetdb_url,
            puppet_cert=environ.get("PUPPET_CERT", ""),
            puppet_key=environ.get("PUPPET_KEY", ""),
            puppet_ca=environ.get("PUPPET_CA", ""),
            spot_queue_urls=_queues(environ),
            regions=regions_in("REGIONS", environ["REGIONS"]) if environ.get("REGIONS") else None,
            enc_bind=environ.get("ENC_BIND", "").strip() or DEFAULT_ENC_BIND,
            timeouts=_spans(environ),
        )

    def check_puppet_files(self) -> None:
        """For a command that will need them, before it does anything. Raises SettingError."""
        if not any(url.startswith("https:") for url in (self.puppet_ca_url, self.puppetdb_url)):
            return
        for variable, what in PUPPET_FILES.items():
            path = getattr(self, variable.lower())
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as error:
                msg = f"{variable}: {path} ({what}) cannot be read: {error.strerror}"
                raise SettingError(msg) from error


def _url(environ: Mapping[str, str], variable: str, example: str, *, loopback: bool = False) -> str:
    """Without a slash at its end. ``loopback``: there it may be http."""
    text = environ.get(variable, "")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        good = _is_server(text, parts) and _is_safe(parts, loopback=loopback)
    except ValueError:
        good = False
    if not good:
        plain = ", or http:// on a loopback address" if loopback else ""
        raise SettingError(f"{variable} is not like {example}{plain}")
    return text.rstrip("/")


def _is_server(text: str, parts: SplitResult) -> bool:
    """A host and perhaps a port, and nothing else. Raises ValueError for a port that is none."""
    return (
        bool(parts.hostname)
        and parts.port != 0
        and text.isascii()
        and text.isprintable()
        and not set(text) & set(" @?#\\")
        and parts.path in ("", "/")
    )


def _is_safe(parts: SplitResult, *, loopback: bool) -> bool:
    if parts.scheme == "https" or not loopback:
        return parts.scheme == "https"
    host = parts.hostname or ""
    return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)


def regions_in(variable: str, text: str) -> tuple[str, ...]:
    """Names with commas or spaces between, sorted; () for "all". Raises SettingError."""
    names = sorted(set(text.replace(",", " ").split()))
    if names == ["all"]:
        return ()
    bad = [name for name in names if not _REGION.fullmatch(name)]
    if bad or not names:
        what = f"{bad[0]!r} is not a region" if bad else "there is not a region in it"
        raise SettingError(f"{variable}: {what}; write us-east-1,eu-west-1, or all")
    return tuple(names)


def _queues(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Each once: a queue of EC2's notices is one region's, and a site may have several."""
    urls = tuple(dict.fromkeys(environ.get("SPOT_QUEUE_URL", "").split()))
    for number, url in enumerate(urls, 1):
        if place_of(url) is None:
            which = f", number {number} of {len(urls)}," if len(urls) > 1 else ""
            raise SettingError(
                f"SPOT_QUEUE_URL{which} is not like {QUEUE_LIKE}, or http:// on a loopback "
                "address; write a space between two URLs"
            )
    return urls


def _complete(environ: Mapping[str, str], urls: Mapping[str, str]) -> None:
    """TLS needs all three files."""
    asking = [variable for variable, url in urls.items() if url.startswith("https:")]
    missing = [variable for variable in PUPPET_FILES if not environ.get(variable)]
    if asking and missing:
        listed = " and ".join(f"{variable} ({PUPPET_FILES[variable]})" for variable in missing)
        raise SettingError(f"{asking[0]} is set: set {listed} too, each a PEM file")


def _spans(environ: Mapping[str, str]) -> dict[str, timedelta]:
    found = {}
    for variable, text in environ.items():
        name = variable.removeprefix(_SPAN).lower()
        if not variable.startswith(_SPAN) or not text:
            continue
        if name not in SPANS:
            raise SettingError(
                f"{variable} is not a timeout of rolecall; the timeouts are {', '.join(SPANS)}"
            )
        try:
            found[name] = parse(text)
        except ValueError as error:
            raise SettingError(f"{variable}: {error}") from error
    return found


def _who(environ: Mapping[str, str]) -> str:
    """``user@host``; behind sudo, the person and not root."""
    try:
        user = environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{os.uname().nodename}"
