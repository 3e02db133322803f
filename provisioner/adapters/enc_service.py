"""The ENC service's readiness, over its unix socket or loopback."""

from __future__ import annotations

import http.client
import socket

SECONDS = 5.0
_MOST = 65536


class EncHttp:
    """Implements provisioner.ports.checks.EncService. ``bind`` is ENC_BIND."""

    def __init__(self, bind: str, seconds: float = SECONDS) -> None:
        self._bind, self._seconds = bind, seconds

    def ready(self) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("GET", "/readyz", headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST)
        except http.client.HTTPException as error:
            raise ConnectionError(f"no whole answer: {type(error).__name__}") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._bind.startswith("unix:"):
            return _UnixConnection(self._bind.removeprefix("unix:"), self._seconds)
        host, _, port = self._bind.rpartition(":")
        return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=self._seconds)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path, self._seconds = path, seconds

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)
