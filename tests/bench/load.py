"""A small HTTP client that costs little, and looks at no more of an answer than it must."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from selectors import EVENT_READ, DefaultSelector
from statistics import quantiles

# Enough to keep both cores busy, few enough not to measure the queue before the workers.
AT_ONCE = 8
TIMEOUT = 10.0
_REQUEST = "GET {} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Measured:
    """``rate`` in requests a second; ``p50`` and ``p99`` in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass
class _Exchange:
    """One request on a connection of its own, as the ENC script has it."""

    connection: socket.socket
    began: float
    got: bytearray = field(default_factory=bytearray)


def run(path_to_socket: str, paths: Sequence[str], seconds: float) -> Measured:
    """Ask for these paths in turn, several at once, for so long."""
    requests = cycle([_REQUEST.format(path).encode() for path in paths])
    spent: list[float] = []
    began = time.perf_counter()
    with DefaultSelector() as selector:
        for _ in range(AT_ONCE):
            _ask(selector, path_to_socket, next(requests))
        while time.perf_counter() - began < seconds:
            for exchange in _finished(selector):
                spent.append(time.perf_counter() - exchange.began)
                _ask(selector, path_to_socket, next(requests))
        length = time.perf_counter() - began
        for key in list(selector.get_map().values()):
            key.data.connection.close()
    cuts = quantiles(spent, n=100)
    return Measured(rate=len(spent) / length, p50=cuts[49] * 1000, p99=cuts[98] * 1000)


def _ask(selector: DefaultSelector, path_to_socket: str, request: bytes) -> None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    exchange = _Exchange(connection, time.perf_counter())
    connection.connect(path_to_socket)
    connection.sendall(request)
    selector.register(connection, EVENT_READ, exchange)


def _finished(selector: DefaultSelector) -> list[_Exchange]:
    ready = selector.select(TIMEOUT)
    if not ready:
        raise TimeoutError(f"no answer within {TIMEOUT} s")
    return [key.data for key, _ in ready if _ended(selector, key.data)]


def _ended(selector: DefaultSelector, exchange: _Exchange) -> bool:
    """The service closes the connection behind its answer."""
    part = exchange.connection.recv(65536)
    exchange.got += part
    if part:
        return False
    selector.unregister(exchange.connection)
    exchange.connection.close()
    if not exchange.got.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not a good answer: {bytes(exchange.got[:80])!r}")
    return True


def ask_each(path_to_socket: str, paths: Sequence[str]) -> int:
    """Ask for each path once, one after the other; how many that were."""
    with DefaultSelector() as selector:
        for path in paths:
            _ask(selector, path_to_socket, _REQUEST.format(path).encode())
            while not _finished(selector):
                pass
    return len(paths)
