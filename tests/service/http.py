"""HTTP by hand, over whatever socket the service has: also what no client library would send."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

from tests.servers import Service

TIMEOUT = 10.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


def connect(service: Service) -> socket.socket:
    unix = service.bind.startswith("unix:")
    connection = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    connection.settimeout(TIMEOUT)
    host, _, rest = service.bind.partition(":")
    connection.connect(rest if unix else (host, int(rest)))
    return connection


def get(service: Service, path: str, **headers: str) -> Reply:
    """Header names are written with ``_`` for ``-``."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"GET {path} HTTP/1.1", "Host: test", "Connection: close", *lines, "", ""]
    return send(service, "\r\n".join(head).encode())


def send(service: Service, request: bytes) -> Reply:
    """What comes back until the service closes the connection."""
    with connect(service) as connection:
        connection.sendall(request)
        return read(connection)


def read(connection: socket.socket) -> Reply:
    """One answer, which must say how long it is."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    length = "0" if status.split()[1] == "204" else headers["content-length"]
    while len(body) < int(length):
        body += _more(connection)
    return Reply(int(status.split()[1]), headers, body)


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    assert part, "the service closed the connection early"
    return part
