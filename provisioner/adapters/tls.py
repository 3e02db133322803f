"""TLS with Puppet's services: our certificate, their CA, and what is told when it does not work."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from provisioner.ports.errors import Refusal

_TLS_SERVER = (
    "the server was not asked: PUPPET_CA must hold the CA that signed its certificate, "
    "and the host in the URL be one of its names"
)
_TLS_OURS = "see whether PUPPET_CERT is of the server's own CA, not revoked and not expired"


class FileError(Exception):
    """A file of ours cannot be used; the message names it and its variable."""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """PEM files: our certificate, its key (without a passphrase), and the CA of the other side."""

    cert: str
    key: str
    ca: str

    def context(self) -> ssl.SSLContext:
        """Puppet's own CA alone is trusted. Raises FileError."""
        for variable, path in (("CERT", self.cert), ("KEY", self.key), ("CA", self.ca)):
            _readable(f"PUPPET_{variable}", path)
        # Since Python 3.13 create_default_context asks more of a CA than old ones have:
        # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # By its alternative names alone (RFC 9525), which Puppet's CA gives to each certificate.
        context.hostname_checks_common_name = False
        self._trust(context)
        self._identify(context)
        return context

    def _trust(self, context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise FileError(f"PUPPET_CA: {self.ca} is not a PEM file of certificates") from error

    def _identify(self, context: ssl.SSLContext) -> None:
        try:
            # With an empty passphrase OpenSSL fails where it would ask on the terminal.
            context.load_cert_chain(self.cert, self.key, password="")
        except ssl.SSLError as error:
            why = "no certificate and its key, in PEM and without a passphrase"
            files = f"{self.cert}, {self.key}"
            raise FileError(f"PUPPET_CERT and PUPPET_KEY: {files}: {why}") from error


def explained(error: ssl.SSLError) -> tuple[Refusal, str, str]:
    """What it means, what to tell of it, and what the user can do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal.DENIED, f"TLS: {error.verify_message}", _TLS_SERVER
    if isinstance(error, ssl.SSLEOFError):
        # With TLS 1.3 the word about our certificate may be lost with the connection.
        return Refusal.AWAY, "TLS: it hung up", _TLS_OURS
    return Refusal.DENIED, f"TLS: {error.reason or error}", _TLS_OURS


def _readable(variable: str, path: str) -> None:
    try:
        with open(path, "rb"):  # noqa: PTH123 - only to see whether it opens
            return
    except OSError as error:
        raise FileError(f"{variable}: {path}: {error.strerror}") from error
