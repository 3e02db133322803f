"""Whose certificates are those that Puppet and we live by: our own, and the servers'."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provisioner.adapters.tls import FileError, Tls
from provisioner.ports.checks import Validity
from provisioner.settings import SettingError, Settings


def certname_in(path: str) -> str:
    """The certname of the certificate (PEM) in a file; raises SettingError."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
        [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except OSError as error:
        raise SettingError(f"PUPPET_CERT: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingError(f"PUPPET_CERT: {path} holds no certificate of Puppet's (PEM)") from error
    return str(name.value)


def validity(variable: str, path: str) -> Validity:
    """When all certificates (PEM) in the file that the variable names are valid.

    Raises SettingError.
    """
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(Path(path).read_bytes())
    except OSError as error:
        raise SettingError(f"{variable}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingError(f"{variable}: {path} holds no certificate (PEM)") from error
    return Validity(
        begins=max(one.not_valid_before_utc for one in found),
        ends=min(one.not_valid_after_utc for one in found),
    )


def names_at(url: str, tls: Tls) -> tuple[str, ...]:
    """The names in the certificate of the server at an https URL; none where it cannot be asked.

    A server that is away cannot revoke anything now, either.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as plain,
            tls.context().wrap_socket(plain, server_hostname=host) as connection,
        ):
            shown: Any = connection.getpeercert() or {}
    except (OSError, FileError):
        return ()
    subject = [value for part in shown.get("subject", ()) for _, value in part]
    other = [value for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]
    return tuple(str(name) for name in dict.fromkeys([*subject, *other]))


_SECONDS = 5.0


def spared(settings: Settings, tls: Tls) -> dict[str, str]:
    """Certnames whose certificates we never revoke, each with its reason: the servers' and our own.

    A server is known by the URL, and by the names in the certificate that it shows: the URL may
    be an address or another name of it. Raises SettingError where our own cannot be read.
    """
    if not settings.puppet_ca_url:
        return {}
    found: dict[str, str] = {}
    for variable, url in (
        ("PUPPETDB_URL", settings.puppetdb_url),
        ("PUPPET_CA_URL", settings.puppet_ca_url),
    ):
        found |= _server_names(variable, url, tls)
    own = certname_in(settings.puppet_cert)
    return {**found, own: "it is the name in our own certificate, PUPPET_CERT"}


def _server_names(variable: str, url: str, tls: Tls) -> dict[str, str]:
    if not url:
        return {}
    shown = names_at(url, tls) if url.startswith("https:") else ()
    host = (urlsplit(url).hostname or "").rstrip(".")
    named = dict.fromkeys(shown, f"it is a name of the server at {variable}")
    return {**named, host: f"it is the host of {variable}"}
