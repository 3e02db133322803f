"""A service that answers every connection by a script of acts, however wrong they are.

A script is a tuple of acts, each a function of the Wire; after the last one the connection is
closed. `serve()` plays one over a unix socket, TCP or TLS. The table of scripts and of what a
client must make of them is in misbehaviours.py.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Far beyond every time limit that a client of ours is given.
PATIENCE = 20.0
POLL = 0.05
PIECE = 65536
# How long the system queue of a socket that nobody accepts from is.
BACKLOG = 64


@dataclass
class Wire:
    """One connection, as the acts see it."""

    sock: socket.socket
    over: threading.Event
    requests: list[bytes]

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pause(self, seconds: float) -> None:
        """Ends early when the server is stopped."""
        if self.over.wait(seconds):
            raise ConnectionAbortedError


Act = Callable[[Wire], None]


def read(wire: Wire) -> None:
    """Reads the request to the end of the body that it states, and keeps it in `requests`."""
    request = b""
    while b"\r\n\r\n" not in request or len(request) < _whole(request):
        piece = wire.sock.recv(PIECE)
        if not piece:
            raise ConnectionAbortedError
        request += piece
    wire.requests.append(request)


def _whole(request: bytes) -> int:
    """How long a request is, by its header."""
    head, _, _ = request.partition(b"\r\n\r\n")
    stated = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
    return len(head) + 4 + int(stated[1] if stated else 0)


def send(data: bytes) -> Act:
    return lambda wire: wire.send(data)


def trickle(data: bytes, every: float) -> Act:
    def act(wire: Wire) -> None:
        for i in range(len(data)):
            wire.send(data[i : i + 1])
            wire.pause(every)

    return act


def dribble(data: bytes, size: int) -> Act:
    """In pieces of some bytes, one right after the other."""

    def act(wire: Wire) -> None:
        for i in range(0, len(data), size):
            wire.send(data[i : i + size])

    return act


def flood(data: bytes) -> Act:
    """The same again and again, until the client has gone."""

    def act(wire: Wire) -> None:
        many = data * (PIECE // len(data) + 1)
        while not wire.over.is_set():
            wire.send(many)

    return act


def stay(wire: Wire) -> None:
    """Keeps the connection open and says nothing more, until the client has gone."""
    while not wire.over.is_set():
        readable, _, _ = select.select([wire.sock], [], [], POLL)
        if readable and not wire.sock.recv(PIECE):
            return


def reset(wire: Wire) -> None:
    """The client reads ECONNRESET after what was sent before.

    TCP resets when it need not linger; a unix socket when it is closed with something unread, so
    a script with `reset` must not `read`.
    """
    select.select([wire.sock], [], [], PATIENCE)
    if wire.sock.family != socket.AF_UNIX:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass
class Server:
    url: str = ""
    requests: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def serve(
    acts: tuple[Act, ...],
    transport: str,
    folder: Path,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """Plays the acts to everybody who connects. `transport` is unix, http or https.

    https with no `tls` context speaks plainly, or not at all, on the port where TLS is expected.
    """
    listener = _listener(transport, folder)
    server, over = Server(_url(transport, listener)), threading.Event()
    accepting = threading.Thread(target=_accept, args=(listener, acts, server, over, tls))
    accepting.start()
    try:
        yield server
    finally:
        over.set()
        # Wakes accept() up.
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()


@contextlib.contextmanager
def deaf(transport: str, folder: Path) -> Iterator[Server]:
    """A socket that is listening and that nobody ever accepts from."""
    with _listener(transport, folder) as listener:
        yield Server(_url(transport, listener))


@contextlib.contextmanager
def refusing(transport: str, folder: Path) -> Iterator[Server]:
    """An address that is taken and does not listen: it cannot become anybody else's meanwhile."""
    with _bound(transport, folder) as sock:
        yield Server(_url(transport, sock))


def _bound(transport: str, folder: Path) -> socket.socket:
    if transport == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(folder / f"{sock.fileno()}.sock"))
        return sock
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def _listener(transport: str, folder: Path) -> socket.socket:
    listener = _bound(transport, folder)
    listener.listen(BACKLOG)
    return listener


def _url(transport: str, sock: socket.socket) -> str:
    address = sock.getsockname()
    return f"unix:{address}" if transport == "unix" else f"{transport}://localhost:{address[1]}"


def _accept(
    listener: socket.socket,
    acts: tuple[Act, ...],
    server: Server,
    over: threading.Event,
    tls: ssl.SSLContext | None,
) -> None:
    players = []
    while not over.is_set():
        with contextlib.suppress(OSError):
            sock, _ = listener.accept()
            wire = Wire(sock, over, server.requests)
            players.append(threading.Thread(target=_play, args=(wire, acts, tls)))
            players[-1].start()
    for player in players:
        player.join()


def _play(wire: Wire, acts: tuple[Act, ...], tls: ssl.SSLContext | None) -> None:
    # Clients of the tests give up, on purpose, at any point: that is no news here.
    wire.sock.settimeout(PATIENCE)
    try:
        with contextlib.suppress(OSError):
            if tls:
                wire.sock = tls.wrap_socket(wire.sock, server_side=True)
            for act in acts:
                act(wire)
    finally:
        wire.sock.close()
