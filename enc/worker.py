"""gunicorn's worker with threads, for clients that say nothing, little, or half.

gunicorn hands a connection to one of its few threads as soon as it is there, and the thread waits
for the request: a few dozen clients that are slow with theirs stop all others. Here the main loop
collects what comes, and a thread gets a request that is whole. All waits are bounded.
"""

from __future__ import annotations

import errno
import re
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from enc.logs import Log

# From the first byte of a request that a thread has to the last of its answer, in seconds. gunicorn
# itself waits for ever for a client that does not take its answer.
EXCHANGE_TIMEOUT = 30.0
# For a whole request, from the connection or from the last answer on it.
ARRIVAL_TIMEOUT = 15.0
# At our end, for a client that has just connected.
_LINGER = 2.0
# Connections of one worker, where there are descriptors for them; and those for all else.
CONNECTIONS, RESERVE = 4096, 256
# Descriptors that threads need to answer, where there turn out to be fewer than we thought.
_SPARE = 16
_CHUNK = 65536
# Of a head that does not end, and of a body: what is larger is refused while it is read.
_LONGEST_HEAD, _LONGEST_BODY, _LONGEST_CHUNKED = 64 * 1024, 128 * 1024, 16 * 1024
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?:\r|$)")
_CHUNKED = re.compile(rb"\ntransfer-encoding:[ \t]*chunked[ \t]*(?:\r|$)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
_log = Log("enc.gunicorn")


@dataclass(frozen=True)
class _Arriving:
    since: float
    sent: bytearray = field(default_factory=bytearray)


class PatientWorker(ThreadWorker):
    """``exchange_timeout`` and ``arrival_timeout`` are seconds."""

    exchange_timeout = EXCHANGE_TIMEOUT
    arrival_timeout = ARRIVAL_TIMEOUT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._busy: dict[Any, float] = {}
        self._arriving: dict[Any, _Arriving] = {}
        self._most = self.worker_connections - 1

    def accept(self, listener: Any) -> None:
        """Where no more are taken, the oldest that has not asked yet makes room.

        Gunicorn's worker dies where there is no descriptor left.
        """
        if self.nr_conns >= self._most:
            self._make_room(1)
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTORS:
                raise
            _log.warning("no descriptor is left", connections=self.nr_conns)
            self._most = max(self.nr_conns - _SPARE, 1)
            self._make_room(_SPARE)

    def _make_room(self, number: int) -> None:
        for conn in list(islice(self._arriving, number)):
            self._drop(conn)

    def enqueue_req(self, conn: Any) -> None:
        """Of a connection that is new, or that was kept for the next request."""
        if conn.parser is not None and conn.parser.unreader.buf.getvalue():
            # The next one was read together with the last.
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        self._arriving[conn] = _Arriving(_monotonic())
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._collect, conn))

    def _collect(self, conn: Any, sock: Any) -> None:
        sent = self._arriving[conn].sent
        try:
            piece = sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        sent += piece
        over = not piece or (len(sent) > _LONGEST_HEAD and b"\r\n\r\n" not in sent)
        if over:
            self._drop(conn)
        elif is_whole(sent):
            self._hand_over(conn)

    def _hand_over(self, conn: Any) -> None:
        sent = self._forget(conn).sent
        # gunicorn need not wait for its first byte.
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.unread(bytes(sent))
        super().enqueue_req(conn)

    def _forget(self, conn: Any) -> _Arriving:
        self.poller.unregister(conn.sock)
        return self._arriving.pop(conn)

    def _drop(self, conn: Any) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def handle(self, conn: Any) -> Any:
        """One request, in a thread."""
        self._busy[conn] = _monotonic() + self.exchange_timeout
        try:
            return super().handle(conn)
        finally:
            del self._busy[conn]

    def notify(self) -> None:
        """The main loop's sign of life, at least once a second."""
        super().notify()
        now = _monotonic()
        for conn in list(self._late(now)):
            if self._arriving[conn].sent:
                _log.info("client too slow", seconds=self.arrival_timeout)
            self._drop(conn)
        for conn in [conn for conn, until in list(self._busy.items()) if until < now]:
            self._busy[conn] = now + self.exchange_timeout
            _log.info("client too slow", seconds=self.exchange_timeout)
            # Ends the read or write that the thread hangs in; the thread then closes.
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)

    def _late(self, now: float) -> Iterator[Any]:
        """The oldest come first. Who asks nothing does not delay our end for long."""
        for conn, arriving in self._arriving.items():
            asks_nothing = not self.alive and not arriving.sent
            if now - arriving.since > (_LINGER if asks_nothing else self.arrival_timeout):
                yield conn
            elif self.alive:
                return


def is_whole(sent: bytes | bytearray) -> bool:
    """Whether a thread that reads this need not wait for the client, as far as it says itself."""
    end = sent.find(b"\r\n\r\n")
    if end < 0:
        return False
    head, there = bytes(sent[:end]).lower(), len(sent) - end - 4
    if there > _LONGEST_BODY:
        return True
    if _CHUNKED.search(head):
        return there > _LONGEST_CHUNKED or _chunks_end(bytes(sent[end + 4 :]))
    length = _LENGTH.search(head)
    return length is None or there >= min(int(length[1]), _LONGEST_BODY)


def _chunks_end(chunks: bytes) -> bool:
    """Whether the last one is there, or what is no chunk (RFC 9112, 7.1)."""
    at = 0
    while (end := chunks.find(b"\r\n", at)) >= 0:
        size = _SIZE.fullmatch(chunks[at:end])
        if size is None:
            return True
        if int(size[1], 16) == 0:
            return chunks.find(b"\r\n\r\n", end) >= 0
        at = end + int(size[1], 16) + 4
    return False


def make_room() -> int:
    """How many connections a worker may have, with as many descriptors as we may take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + RESERVE
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(min(soft - RESERVE, CONNECTIONS), RESERVE)


def _monotonic() -> float:
    return time.monotonic()  # noqa: TID251  # gunicorn makes the worker: nobody can hand it a clock
