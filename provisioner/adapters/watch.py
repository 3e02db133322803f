"""An end to every HTTP call, however slowly the other side goes on.

The time-outs of a socket start anew with each byte, so that a byte a second holds a call for ever.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# The connection may still be in its handshake, which has a bound of its own, when the time is up:
# we cut until the call has ended.
_AGAIN = 0.1
_running = threading.local()


class Watch:
    """Cuts the connection that this thread uses when ``seconds`` are over. ``cut`` says whether."""

    def __init__(self, seconds: float) -> None:
        self.cut = False
        self.socket: socket.socket | None = None
        self._seconds, self._done = seconds, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        _running.watch = self
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _running.watch = None
        self._done.set()
        # Nobody may cut a connection that another call uses by now.
        self._thread.join()

    def _run(self) -> None:
        wait = self._seconds
        while not self._done.wait(wait):
            self.cut, wait = True, _AGAIN
            _shut(self.socket)


def _shut(held: socket.socket | None) -> None:
    if held is not None:
        with suppress(OSError):
            # Past SSLSocket's own, which takes the session away from under the reading thread.
            socket.socket.shutdown(held, socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    """Tells the watch of its thread which socket the call is on, new or kept.

    The socket itself: of an answer whose length is not given, http.client takes it away from the
    connection before the body is read.
    """

    def connect(self) -> None:
        super().connect()
        self._tell()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._tell()
        super().putrequest(*args, **kwargs)

    def _tell(self) -> None:
        watch: Watch | None = getattr(_running, "watch", None)
        held = self.sock
        if watch is not None and isinstance(held, socket.socket):
            watch.socket = held


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class WatchedAdapter(HTTPAdapter):
    """For a session of requests: its connections are watched, its TLS is the context's."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
