"""Counts a client's round trips: how often it reads after it has sent, whatever the load."""

from __future__ import annotations

from typing import Any

from redis import Redis


class Turns:
    """Of connections that this client makes from now on."""

    def __init__(self, redis: Redis) -> None:
        self.count = 0
        self.asking = False
        pool: Any = redis.connection_pool
        pool.connection_class = _counted(pool.connection_class, self)


def _counted(connection: Any, turns: Turns) -> type:
    class Counted(connection):
        def send_packed_command(self, *arguments: Any, **options: Any) -> Any:
            turns.asking = True
            return super().send_packed_command(*arguments, **options)

        def read_response(self, *arguments: Any, **options: Any) -> Any:
            turns.count += turns.asking
            turns.asking = False
            return super().read_response(*arguments, **options)

    return Counted
