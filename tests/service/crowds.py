"""Two thousand clients that say nothing, little, or half, before a port of ours."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

CROWD = 2000
HEAD = b"POST /v1/reports HTTP/1.1\r\nHost: rolecall\r\nContent-Length: 100\r\n"
# What each sends, and then no more.
MANNERS = {
    "idle": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"\r\n{",
}
# An agent's script waits no longer.
PATIENCE = 5.0


@contextmanager
def crowd(bind: str, says: bytes, number: int = CROWD) -> Iterator[list[socket.socket]]:
    """So many connections to ``unix:/path`` or ``host:port``, until the end."""
    with _room(number), ExitStack() as stack:
        clients = [stack.enter_context(_connected(bind)) for _ in range(number)]
        for client in clients:
            client.sendall(says)
        yield clients


def _connected(bind: str) -> socket.socket:
    unix = bind.startswith("unix:")
    client = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    client.settimeout(PATIENCE)
    host, _, port = bind.rpartition(":")
    client.connect(bind.removeprefix("unix:") if unix else (host, int(port)))
    return client


@contextmanager
def _room(number: int) -> Iterator[None]:
    """Descriptors for them, in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, number + 500)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
