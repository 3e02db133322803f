"""Our certificate with Puppet's services: whether it is valid, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from provisioner.doctor.finding import Finding, broken, ok, warning
from provisioner.doctor.ports import Validity
from provisioner.ports import Clock
from provisioner.settings import SettingError

SOON = timedelta(days=30)
_RENEW = {
    "PUPPET_CERT": (
        "on the CA: puppetserver ca clean --certname NAME, then generate --certname NAME, and copy "
        "certificate and key"
    ),
    "PUPPET_CA": "copy the CA's certificate again; if it is the CA that ends, renew Puppet's CA",
}


def examine(
    files: dict[str, str], validity: Callable[[str, str], Validity], clock: Clock
) -> Iterator[Finding]:
    """``files`` are paths by variable; ``validity`` reads one, or raises SettingError."""
    for variable, path in files.items():
        what = f"Puppet: {variable}"
        try:
            yield judged(what, variable, validity(variable, path), clock.now())
        except SettingError as error:
            remedy = f"set {variable} to a PEM file that this user can read"
            yield broken(what, str(error).removeprefix(f"{variable}: "), remedy)


def judged(what: str, variable: str, found: Validity, now: datetime) -> Finding:
    """Pure."""
    renew = _RENEW[variable]
    if now < found.begins:
        remedy = "check the clock of this machine, and that of the CA's"
        return broken(what, f"it is valid only from {found.begins:%Y-%m-%d %H:%M} UTC on", remedy)
    if now >= found.ends:
        return broken(what, f"it has expired: {found.ends:%Y-%m-%d %H:%M} UTC", renew)
    said = f"valid until {found.ends:%Y-%m-%d} ({(found.ends - now).days} days)"
    return warning(what, said, renew) if found.ends - now < SOON else ok(what, said)
