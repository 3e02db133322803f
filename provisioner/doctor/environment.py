"""Settings, also where some of them cannot be used: those are told, and left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.doctor.finding import Finding, broken
from provisioner.doctor.redis_url import is_loopback
from provisioner.settings import SettingError, Settings

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
_PORT, _LAST_PORT = re.compile("[1-9][0-9]{0,4}"), 65535
_REMEDY = "correct it: the rest is looked at as if it were not set"


@dataclass(frozen=True, kw_only=True)
class Read:
    settings: Settings
    findings: tuple[Finding, ...] = ()
    unusable: frozenset[str] = frozenset()


def read(environ: Mapping[str, str]) -> Read:
    """Raises SettingError only where its message names no variable."""
    left = dict(environ)
    found: dict[str, Finding] = {}
    while True:
        try:
            settings = Settings.read(left)
            _check_bind(settings.enc_bind)
        except SettingError as error:
            named = _VARIABLE.match(str(error))
            if named is None or named[0] not in left:
                raise
            del left[named[0]]
            found[named[0]] = broken(f"settings: {named[0]}", str(error), _REMEDY)
        else:
            findings = tuple(found.values())
            return Read(settings=settings, findings=findings, unusable=frozenset(found))


def _check_bind(bind: str) -> None:
    """unix:/path, or a loopback address with its port: the service listens nowhere else."""
    if re.fullmatch(r"unix:/[^\x00]+", bind):
        return
    host, _, port = bind.rpartition(":")
    if not (is_loopback(host.strip("[]")) and _PORT.fullmatch(port) and int(port) <= _LAST_PORT):
        raise SettingError("ENC_BIND is not like unix:/run/rolecall/enc.sock or 127.0.0.1:8080")
