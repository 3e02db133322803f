"""The provisioner's settings: from the environment, read once. boto3 reads AWS_* itself."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class SettingError(ValueError):
    """A variable that cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``redis_url`` may hold a password. ``who`` stands in the audit log."""

    redis_url: str = field(repr=False)
    site: str
    who: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        site = environ.get("ROLECALL_SITE") or "default"
        if not _SITE.fullmatch(site):
            msg = f"ROLECALL_SITE is {site!r}: use letters, digits, '.', '_' and '-'"
            raise SettingError(msg)
        return cls(
            redis_url=environ.get("REDIS_URL") or DEFAULT_REDIS_URL, site=site, who=_who(environ)
        )


def _who(environ: Mapping[str, str]) -> str:
    """``user@host``; behind sudo, the person and not root."""
    try:
        user = environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
