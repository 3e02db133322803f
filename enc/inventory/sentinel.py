"""The primary, by the word of a majority of the Sentinels that REDIS_URL names.

redis-py's own Sentinel client believes the first one that answers, and keeps its connections to a
server that lives on as a replica: https://github.com/redis/redis-py/issues/460 and 435.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from redis import Connection, ConnectionPool, Redis, SSLConnection
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import RedisError

Address = tuple[str, int]
# None: it knows no primary of that name.
Answer = Address | RedisError | None

SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
DEFAULT_PORT = 26379
# Seconds for which an answer is believed: for so long a primary that was cut off may be, too.
ASKED_EVERY = 1.0
# Of the caller's time: what is left is for Redis.
_PART, _LONGEST = 0.4, 1.0
_SILENT, _SHOWN = RedisError("nothing came in time"), 100
_OWN_OPTIONS = ("sentinel_username", "sentinel_password")


class BadUrlError(ValueError):
    """Says what is wrong without a word of the URL."""


class NoMajorityError(NoConnectionError):
    """Which server is the primary is not known, so none is asked."""


class Sentinels:
    """Who the primary is; safe for many threads.

    ``asks`` are one call for each Sentinel that the URL names: its address of the primary, None
    where it knows no such name. They raise RedisError.
    """

    def __init__(
        self,
        asks: Mapping[str, Callable[[], Address | None]],
        *,
        within: float,
        clock: Callable[[], float],
    ) -> None:
        """Who has not answered ``within`` seconds counts as silent; ``clock`` gives seconds."""
        self._asks, self._within, self.clock = asks, within, clock
        self._lock = Lock()
        self._known: tuple[Address, float] | None = None

    def primary(self) -> Address:
        """As asked for at most ASKED_EVERY seconds ago. Raises NoMajorityError."""
        with self._lock:
            now, known = self.clock(), self._known
            if known is None or now - known[1] >= ASKED_EVERY:
                self._known = known = (agreed(self._answers(), list(self._asks)), now)
            return known[0]

    def forget(self) -> None:
        """The next question is asked anew: a connection was lost, or was to a replica."""
        # Without the lock: who holds it asks just now.
        self._known = None

    def _answers(self) -> dict[str, Answer]:
        """Of all at the same time, until a majority agrees; of those that answered in time."""
        came: SimpleQueue[tuple[str, Answer]] = SimpleQueue()
        for place, ask in self._asks.items():
            Thread(target=_put, args=(came, place, ask), daemon=True).start()
        end, found = self.clock() + self._within, dict[str, Answer]()
        while len(found) < len(self._asks) and most(found.values(), len(self._asks)) is None:
            try:
                place, answer = came.get(timeout=max(end - self.clock(), 0.001))
            except Empty:
                break
            found[place] = answer
        return found


def _put(came: SimpleQueue[Any], place: str, ask: Callable[[], Address | None]) -> None:
    try:
        came.put((place, ask()))
    except RedisError as error:
        came.put((place, error))


def most(answers: Iterable[Answer], named: int) -> Address | None:
    """The address that more than half of all that are named have given."""
    counted = Counter(answer for answer in answers if isinstance(answer, tuple))
    return next((one for one, count in counted.items() if count * 2 > named), None)


def agreed(answers: Mapping[str, Answer], named: Sequence[str]) -> Address:
    """Raises NoMajorityError, which says what each of them said."""
    if found := most(answers.values(), len(named)):
        return found
    said = "; ".join(f"{place} {_said(place, answers)}" for place in named)
    raise NoMajorityError(
        f"no majority of the {len(named)} Sentinels in REDIS_URL names the same primary ({said})"
    )


def _said(place: str, answers: Mapping[str, Answer]) -> str:
    match answers.get(place, _SILENT):
        case (host, port):
            return f"names {host}:{port}"
        case None:
            return "knows no primary of this name"
        case error:
            why = str(error) or type(error).__name__
            return f"does not answer: {why.splitlines()[0][:_SHOWN]}"


class _ToPrimary:
    """A connection to whoever is the primary, and not to who was: mixed into redis-py's."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:
        self._sentinels, self._looked = sentinels, sentinels.clock()
        super().__init__(**options)

    def _connect(self) -> Any:
        self.host, self.port = self._sentinels.primary()
        self._looked = self._sentinels.clock()
        return super()._connect()  # type: ignore[misc]

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        # Not while it connects: that has just looked.
        now = self._sentinels.clock()
        if now - self._looked >= ASKED_EVERY:
            self._looked = now
            if self._sentinels.primary() != (self.host, self.port):
                self.disconnect()
        super().send_packed_command(command, check_health)  # type: ignore[misc]

    def disconnect(self, *args: Any, **options: Any) -> None:
        self._sentinels.forget()
        super().disconnect(*args, **options)  # type: ignore[misc]


class ToPrimary(_ToPrimary, Connection):
    """Unencrypted."""


class ToPrimaryByTls(_ToPrimary, SSLConnection):
    """The certificate must be for the host that the Sentinels name."""


_CLASSES: Mapping[type, type] = {Connection: ToPrimary, SSLConnection: ToPrimaryByTls}


def is_sentinels(url: str) -> bool:
    return urlsplit(url).scheme in SCHEMES


def plain(url: str) -> str:
    """The URL of a Redis at the first Sentinel's place, with the same login and options.

    Raises BadUrlError for places and names that are none.
    """
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    host, port = places(parts)[0]
    shown = f"[{host}]" if ":" in host else host
    options = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True)]
    query = urlencode([(k, v) for k, v in options if k not in _OWN_OPTIONS])
    return f"{SCHEMES[parts.scheme]}://{login}{at}{shown}:{port}/{_database(parts)}?{query}"


def places(parts: SplitResult) -> list[Address]:
    found = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        place = urlsplit(f"//{each}")
        if not place.hostname or place.port == 0:
            raise BadUrlError("each Sentinel is written HOST or HOST:PORT, with commas in between")
        found.append((place.hostname, place.port or DEFAULT_PORT))
    if len(set(found)) < len(found):
        raise BadUrlError("a Sentinel is named twice")
    return found


def _name(parts: SplitResult) -> str:
    name = unquote(parts.path.strip("/").partition("/")[0])
    if not name:
        raise BadUrlError("behind the Sentinels stands the primary's name, as in /mymaster/0")
    return name


def _database(parts: SplitResult) -> str:
    return parts.path.strip("/").partition("/")[2] or "0"


def through_sentinels(
    client: Redis, url: str, timeout: float, clock: Callable[[], float] | None
) -> None:
    """Let a client that was made of ``plain(url)`` find its primary by the Sentinels of ``url``."""
    if clock is None:
        raise TypeError("Sentinels need a clock")
    parts, pool = urlsplit(url), client.connection_pool
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    within = min(timeout * _PART, _LONGEST)
    login = {
        "username": given.get("sentinel_username"),
        "password": given.get("sentinel_password"),
        "db": 0,
        **dict.fromkeys(("socket_timeout", "socket_connect_timeout"), within),
    }
    asks = {
        f"{host}:{port}": _asking(pool, _name(parts), {**login, "host": host, "port": port})
        for host, port in places(parts)
    }
    pool.connection_kwargs["sentinels"] = Sentinels(asks, within=within, clock=clock)
    pool.connection_class = _CLASSES[pool.connection_class]


def _asking(pool: Any, name: str, place: Mapping[str, Any]) -> Callable[[], Address | None]:
    options = {**pool.connection_kwargs, **place}
    own = Redis(connection_pool=ConnectionPool(pool.connection_class, **options))

    def ask() -> Address | None:
        command: Any = own.execute_command
        found = command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        return (str(found[0]), int(found[1])) if found else None

    return ask
