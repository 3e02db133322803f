"""Certificates of Puppet's: whether ours, and those that the roles pin, are valid, and how long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from pydantic_core import PydanticCustomError

from enc.domain.rolespec import RoleSpec
from provisioner.doctor.finding import Finding, broken, ok, warning
from provisioner.ending.ledger import some
from provisioner.ports.checks import Validity
from provisioner.ports.host import Clock
from provisioner.rolesfile.ca import standing
from provisioner.settings import SettingError

SOON = timedelta(days=30)
_RENEW = {
    "PUPPET_CERT": (
        "on the CA: puppetserver ca clean --certname NAME, then generate --certname NAME, and copy "
        "certificate and key"
    ),
    "PUPPET_CA": "copy the CA's certificate again; if it is the CA that ends, renew Puppet's CA",
}
_APPLY = "then 'provisioner roles apply': a fleet's machines are replaced for it, gradually"


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


def pinned(roles: Iterable[RoleSpec], now: datetime) -> Iterator[Finding]:
    """Each CA that new machines get with their user-data, once. Pure."""
    names: dict[str, list[str]] = {}
    for role in roles:
        server = role.launch.puppet_server if role.launch else None
        if server and server.ca_pem:
            names.setdefault(server.ca_pem, []).append(role.name)
    for pem, having in names.items():
        yield _pinned(f"Puppet: puppet_server.ca of {some(having)}", pem, now)


def _pinned(what: str, pem: str, now: datetime) -> Finding:
    try:
        found = standing(pem, now)
    except PydanticCustomError as error:
        fault = error.context or {}
        said = f"no agent can use it: {fault['message']}"
        return broken(what, said, f"{fault['hint']}, {_APPLY}")
    except ValueError:
        return broken(what, "no agent can read it", f"give the Puppet CA's certificate, {_APPLY}")
    said = f"valid until {found.ends:%Y-%m-%d} ({(found.ends - now).days} days)"
    if found.ends - now < SOON:
        return warning(what, said, f"renew Puppet's CA, put its new one into the file, {_APPLY}")
    for flaw in found.remarks:
        return warning(what, f"{said}; {flaw.what}", flaw.remedy)
    return ok(what, said)
