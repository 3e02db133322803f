"""A TCP relay: lets a private network reach a server that listens on loopback only."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.real.network import listener

CHUNK = 65536
CONNECT_SECONDS = 5


@contextlib.contextmanager
def relay(
    listen: tuple[str, int], target: tuple[str, int], inside: int | None = None
) -> Iterator[int]:
    """Listen at `listen` (port 0: a free one), pass each connection on to `target`; yield the port.

    `inside`: it listens in the network of this process, and `target` is still as we see it.
    A connection whose target does not answer is closed at once: the client sees what it
    would see of a dead server behind a load balancer. At the end every connection is cut.
    """
    live: set[socket.socket] = set()
    with socket.create_server(listen) if inside is None else listener(listen, inside) as server:
        threading.Thread(target=_accept, args=(server, target, live), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            # close() alone leaves a thread in accept(), and with it the port
            _cut(server)
            for each in list(live):
                _cut(each)


def _accept(server: socket.socket, target: tuple[str, int], live: set[socket.socket]) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(near, target, live), daemon=True).start()


def _serve(near: socket.socket, target: tuple[str, int], live: set[socket.socket]) -> None:
    with (
        near,
        contextlib.suppress(OSError),
        socket.create_connection(target, CONNECT_SECONDS) as far,
    ):
        far.settimeout(None)
        live.update((near, far))
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()
        live.difference_update((near, far))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    # half-closed, not closed: the other direction may still carry an answer
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
