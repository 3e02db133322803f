"""A small HTTP client that costs little, and looks at no more of an answer than it must."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles

CONNECTIONS = 4
TIMEOUT = 10.0
_REQUEST = "GET {} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Measured:
    """``rate`` in requests a second; ``p50`` and ``p99`` in milliseconds."""

    rate: float
    p50: float
    p99: float


def run(path_to_socket: str, paths: Sequence[str], seconds: float) -> Measured:
    """Ask for these paths in turn, over a few connections at once."""
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [paths[i::CONNECTIONS] for i in range(CONNECTIONS)]
        jobs = [pool.submit(_ask, path_to_socket, share, began + seconds) for share in shares]
        spent = [duration for job in jobs for duration in job.result()]
    cuts = quantiles(spent, n=100)
    return Measured(
        rate=len(spent) / (time.monotonic() - began), p50=cuts[49] * 1000, p99=cuts[98] * 1000
    )


def _ask(path_to_socket: str, paths: Sequence[str], until: float) -> list[float]:
    """A connection for each request, as the ENC script has it."""
    requests = [_REQUEST.format(path).encode() for path in paths]
    spent = []
    while time.monotonic() < until:
        began = time.perf_counter()
        _exchange(path_to_socket, requests[len(spent) % len(requests)])
        spent.append(time.perf_counter() - began)
    return spent


def _exchange(path_to_socket: str, request: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(path_to_socket)
        connection.sendall(request)
        _read_answer(connection)


def _read_answer(connection: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _received(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not a good answer: {head[:80]!r}")
    left = _length(head) - len(body)
    while left > 0:
        left -= len(_received(connection))


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])


def _received(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise RuntimeError("the service closed the connection early")
    return part
