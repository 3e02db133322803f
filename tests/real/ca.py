"""The real CA as an agent, a stranger and a test see it: requests, states, who is let in."""

import contextlib
import http.client
import json
import ssl
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from tests.real.host import Host
from tests.real.puppetserver import HOST, PuppetServer

ASK_SECONDS = 30
POLL_SECONDS = 0.1
API = "/puppet-ca/v1"
SSL_FOLDER = "/var/lib/puppet/ssl"


@dataclass(frozen=True)
class CA:
    """A handle on the CA of a running puppetserver."""

    server: PuppetServer

    def submit(self, certname: str, pem: bytes) -> tuple[int, str]:
        """Put a request under a name, which needs no certificate: (status, text).

        200 says that it was signed or is pending: `state` tells which.
        """
        headers = {"Content-Type": "text/plain"}
        return self.ask("PUT", f"certificate_request/{certname}", body=pem, headers=headers)

    def state(self, certname: str) -> str:
        """`requested`, `signed` or `revoked`; empty where the CA knows nothing of the name.

        Asked with the server's own certificate, which may do everything.
        """
        own = self.server.identity("puppet")
        status, text = self.ask("GET", f"certificate_status/{certname}", identity=own)
        if status == 404:
            return ""
        if status != 200:
            raise AssertionError(f"the CA answers {status}: {text}")
        return str(json.loads(text)["state"])

    def request(self, certname: str) -> bytes | None:
        """The pending request, from the CA's own files."""
        path = self.server.folder / "ca" / "requests" / f"{certname}.pem"
        return path.read_bytes() if path.exists() else None

    def ask(self, method: str, path: str, identity: Any = None, **more: Any) -> tuple[int, str]:
        """As the owner of a certificate, or as nobody: (status, text)."""
        connection = self._connection(identity)
        with contextlib.closing(connection):
            connection.request(method, f"{API}/{path}", **more)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")

    def lets_in(self, certificate: str, key: str) -> bool:
        """Whether a new connection with this certificate is accepted (PEM, both)."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(key + certificate)
            file.flush()
            connection = self._connection()
            assert connection._context
            connection._context.load_cert_chain(file.name)
            with contextlib.closing(connection):
                try:
                    connection.request("GET", "/status/v1/simple")
                    return connection.getresponse().status == 200
                except (ssl.SSLError, ConnectionError, http.client.HTTPException):
                    return False

    def shuts_out(self, certificate: str, key: str, *, seconds: float) -> bool:
        """Whether it is refused within that time: a new revocation list is read a moment later."""
        deadline = time.monotonic() + seconds
        while self.lets_in(certificate, key):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _connection(self, identity: Any = None) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.server.ca_certificate))
        if identity:
            context.load_cert_chain(identity.certificate, identity.key)
        return http.client.HTTPSConnection(
            HOST, self.server.port, timeout=ASK_SECONDS, context=context
        )


def papers(host: Host, certname: str) -> tuple[str, str]:
    """The certificate and the key that a machine's agent has, PEM."""
    certificate = host.read(f"{SSL_FOLDER}/certs/{certname}.pem")
    return certificate, host.read(f"{SSL_FOLDER}/private_keys/{certname}.pem")
