"""A connection for each thread that only asks, without the bookkeeping of redis-py's pool.

The pool and the command layer cost several times the CPU of the question itself, and the ENC asks
one question per request.
"""

from __future__ import annotations

import os
from threading import local
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as ClosedError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as SlowError

from enc.inventory.connect import is_demoted
from enc.inventory.scripts import lua, sha

# What look_up.lua and dns.lua answer where the server is no primary (any more).
ON_A_REPLICA = '{"found":"replica"}'


class Line:
    """Connects when first asked, and again whenever it must; raises redis-py's errors."""

    def __init__(self, redis: Redis, **options: Any) -> None:
        """``options`` go before those that the pool's connections have."""
        self._pool = redis.connection_pool
        self._options = {**self._pool.connection_kwargs, **options}
        self._mine = local()

    def ask(self, command: bytes) -> Any:
        """Send one command that changes nothing, as ``packed`` makes it, and read its answer."""
        connection, used = self._connection()
        try:
            return _ask(connection, command)
        except (ResponseError, SlowError) as error:
            if is_demoted(error):
                self.drop()
            raise
        except ClosedError:
            # Of a connection that lay idle this only says that Redis was restarted meanwhile.
            if not used:
                raise
            return _ask(connection, command)

    def drop(self) -> None:
        """This thread's next question connects anew: see ``connect.drop``."""
        self._connection()[0].disconnect()

    def _connection(self) -> tuple[Any, bool]:
        """This thread's own, and whether it has been used before."""
        mine = self._mine
        # A child that was forked from us must not read the answers to our questions.
        if getattr(mine, "pid", None) == os.getpid():
            return mine.connection, True
        # Not through the pool: it counts what it makes, and would run out as threads come and go.
        mine.connection = self._pool.connection_class(**self._options)
        mine.pid = os.getpid()
        return mine.connection, False


class LineScript:
    """A script that changes nothing and answers with one text, asked in one round trip."""

    def __init__(self, redis: Redis, name: str, **options: Any) -> None:
        self._line, self._text = Line(redis, **options), lua(name)
        self._sha = sha(self._text)

    def ask(self, *words: str) -> str:
        command = ("0", *words)
        try:
            answer = str(self._line.ask(packed("EVALSHA", self._sha, *command)))
        except NoScriptError:
            # Redis forgets scripts when it starts, and on SCRIPT FLUSH; this teaches it again.
            answer = str(self._line.ask(packed("EVAL", self._text, *command)))
        if answer == ON_A_REPLICA:
            self._line.drop()
        return answer


def packed(*words: str) -> bytes:
    """A command in Redis' protocol (RESP): the number of its words, then each with its length."""
    found = [b"*%d\r\n" % len(words)]
    for word in words:
        text = word.encode()
        found.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(found)


def _ask(connection: Any, command: bytes) -> Any:
    """It connects by itself, and disconnects when it cannot send."""
    try:
        connection.send_packed_command([command])
        return connection.read_response()
    except ResponseError:
        raise  # an answer: the connection is as good as before
    except BaseException:
        # Half an answer may still come, and would be taken for the next question's.
        connection.disconnect()
        raise
