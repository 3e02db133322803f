"""Connections to Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enc.inventory.errors import StoreUnavailableError

T = TypeVar("T")

SERVICE_TIMEOUT = 0.5
COMMAND_TIMEOUT = 5.0


def connect(url: str, *, timeout: float, name: str = "rolecall") -> Redis:
    """A client that gives up after ``timeout`` seconds and retries nothing by itself.

    RESP 2 on purpose: reply shapes are the same for every redis-py and server that we support.
    Raises StoreUnavailableError for an URL that is none.
    """
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            client_name=name,
        )
    except ValueError as error:
        raise StoreUnavailableError(f"REDIS_URL is not usable: {error}") from error


def transact(redis: Redis, act: Callable[[Any], T], *watched: str) -> T:
    """Run ``act(pipe)`` until no watched key changed under it; what it returns.

    ``act`` reads, then calls ``pipe.multi()``, then queues what to write.
    """
    run: Any = redis.transaction
    done: T = run(act, *watched, value_from_callable=True)
    return done
