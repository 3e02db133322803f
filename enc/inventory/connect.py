"""Connections to Redis."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    MasterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from enc.inventory import sentinel
from enc.inventory.errors import StoreUnavailableError
from enc.inventory.sentinel import BadUrlError

SERVICE_TIMEOUT = 0.5
COMMAND_TIMEOUT = 5.0

_SCHEMES = ("redis", "rediss", "unix")
_BEGINNINGS = "redis://, rediss://, redis+sentinel://, rediss+sentinel://"
# Others would undo what we rely on: the time-outs, text answers, no retries.
_OPTIONS = frozenset({"db", "health_check_interval"})
_TLS_OPTIONS = frozenset(
    {
        *("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_keyfile_password"),
        *("ssl_cert_reqs", "ssl_check_hostname"),
    }
)
_OWN_AUTHORITY = frozenset({"ssl_ca_certs", "ssl_ca_path"})


def connect(
    url: str,
    *,
    timeout: float,
    name: str = "rolecall",
    clock: Callable[[], float] | None = None,
) -> Redis:
    """A client that gives up after ``timeout`` seconds and retries nothing by itself.

    Takes redis://, rediss:// (with ``ssl_...`` options as redis-py names them) and unix://; and
    redis+sentinel://HOST,HOST,HOST/NAME/0, or rediss+sentinel:// for TLS to all of them.
    Those need ``clock``, in seconds: it says how old the Sentinels' word is.
    Login and password stand before the @, percent-encoded.
    RESP 2 on purpose: reply shapes are the same for every redis-py and server that we support.
    Raises StoreUnavailableError for an URL that is none, without repeating any of it.
    """
    try:
        server = sentinel.plain(url) if sentinel.is_sentinels(url) else url
        client = Client.from_url(
            server,
            decode_responses=True,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            client_name=name,
            **_checked(server),
        )
        if server != url:
            sentinel.through_sentinels(client, url, timeout, clock)
        _try_options(client)
    except ValueError as error:
        # Not chained: urllib's own messages quote what they take for the port, which in an
        # unescaped URL is a part of the password.
        why = str(error) if isinstance(error, BadUrlError) else "it is not a URL"
        msg = f"REDIS_URL is not usable: {why}; it looks like redis://:PASSWORD@HOST:6379/0"
        raise StoreUnavailableError(msg) from None
    return client


class Client(Redis):
    """After an interrupt no connection is used again that may still hold an unread answer.

    redis-py closes a connection that fails while it reads; Ctrl-C may also come between sending
    and reading, and then the answer would be taken for the next command's.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with dropping_unread(self):
            try:
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except RedisError as error:
                drop_if_demoted(self, [error])
                raise


@contextmanager
def dropping_unread(redis: Redis) -> Iterator[None]:
    """Close the idle connections when something other than an answer or an error came out."""
    try:
        yield
    except RedisError:
        raise
    except BaseException:
        # By now ours is back in the pool; those that other threads are using stay.
        redis.connection_pool.disconnect(inuse_connections=False)
        raise


def drop_if_demoted(redis: Redis, said: Iterable[object]) -> None:
    """Look the primary up anew, where the server has answered that it is none, or not yet ready.

    After a switch-over the old primary keeps its connections, and would be asked for ever:
    https://github.com/redis/redis-py/issues/460
    """
    if any(map(is_demoted, said)):
        drop(redis)


def drop(redis: Redis) -> None:
    """The next command connects anew: the name, or virtual address, may lead elsewhere by now."""
    redis.connection_pool.disconnect(inuse_connections=False)


def is_demoted(said: object) -> bool:
    """Whether an answer means that this is not the primary, or does not know yet whether it is."""
    if isinstance(said, ReadOnlyError | MasterDownError | BusyLoadingError):
        return True
    # Redis tells the error of a command in a script in the script's own, up to 6.2.
    return isinstance(said, ResponseError) and "READONLY" in str(said)


def _try_options(client: Redis) -> None:
    """Make a connection that does not connect: redis-py looks at its options only there."""
    pool: Any = client.connection_pool
    try:
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, RedisError):
        raise BadUrlError("an option is not one of redis-py's, or has a wrong value") from None


def _checked(url: str) -> dict[str, Any]:
    """Further options for the client. redis-py itself takes redis://host/zero for database 0."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise BadUrlError(f"it must begin with {_BEGINNINGS} or unix://")
    if parts.fragment or "#" in url:
        raise BadUrlError("write # in a password as %23")
    _check_place(parts.scheme, parts.hostname, parts.path)
    if parts.scheme != "unix" and parts.port == 0:
        raise BadUrlError("port 0 is none")
    secure = parts.scheme == "rediss"
    given = parse_qs(parts.query, keep_blank_values=True)
    allowed = _OPTIONS | (_TLS_OPTIONS if secure else frozenset())
    if given.keys() - allowed:
        # Unnamed: behind the ? of an unescaped password it would be a part of that.
        raise BadUrlError(f"behind ? only these can be set: {', '.join(sorted(allowed))}")
    options: dict[str, Any] = {} if parts.scheme == "unix" else {"socket_keepalive": True}
    if secure and _OWN_AUTHORITY & given.keys():
        # From Python 3.13 on these want extensions that old authorities' certificates lack:
        # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
        options["ssl_exclude_verify_flags"] = [ssl.VERIFY_X509_STRICT]
    return options


def _check_place(scheme: str, host: str | None, path: str) -> None:
    escape = "special characters of a password are written as %40 for @, %2F for /, %3A for :"
    if scheme == "unix":
        if host or not path.strip("/"):
            raise BadUrlError("a socket is written unix:///path/to/redis.sock")
    elif not host:
        raise BadUrlError(f"it names no host; {escape}")
    elif path.strip("/") and not path.strip("/").isdigit():
        raise BadUrlError(f"behind the host stands a database number or nothing; {escape}")
