"""What can be wrong with the inventory, and the one place where redis-py's errors become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from redis import exceptions

from enc.domain.model import Node
from enc.inventory.sentinel import NoMajorityError


class StoreError(Exception):
    """The store cannot give or take what was asked; the message says why and what to do."""


class StoreUnavailableError(StoreError):
    """Nothing is known: the store is away, slow, loading, read-only, full, or refuses us.

    A write that ends so may have been done: only its answer was lost.
    """


class StoreRefusedError(StoreUnavailableError):
    """Redis is there and refuses us, our login or a right: it will, until somebody mends it."""


class StoreForbiddenError(StoreRefusedError):
    """Redis takes our login, and refuses a command to it."""


class StoreLostError(StoreError):
    """There is no ``meta``: the store is new, or it lost what it held."""

    def __init__(self) -> None:
        super().__init__(
            "the store has no inventory: it is new, or it was lost; run 'provisioner init', "
            "which adopts every machine that is tagged as ours"
        )


class LeaseHeldError(StoreError):
    """Somebody else's converge is at work; ``holder`` says whose."""

    def __init__(self, holder: str, left: float) -> None:
        self.holder = holder
        super().__init__(
            f"another converge is at work: {holder} holds the lease, for {left:.0f} s more if it "
            "is not renewed; wait until it ends, or stop it there"
        )


class LeaseLostError(StoreError):
    """What was to be written came too late: the lease of the one who writes is no longer its own.

    Nothing was changed.
    """

    def __init__(self) -> None:
        super().__init__(
            "the lease ran out before this pass had ended, and another converge may be at work; "
            "this one changes nothing more"
        )


class CorruptError(StoreError):
    """A key holds something that rolecall did not write; ``key`` names it."""

    def __init__(self, key: str, what: str) -> None:
        self.key = key
        super().__init__(f"{key} in Redis {what}; docs/redis.md says what it should hold")


class ConflictError(StoreError):
    """It was changed by someone else since it was read; read it again and decide again."""


class LimitReachedError(StoreError):
    """A launch would go beyond a limit of its role or of the site; nothing was written."""


class LaunchGoneError(ConflictError):
    """The intent of a launch was written, and is no longer there: a failover, or a restore."""

    def __init__(self, launch: str) -> None:
        super().__init__(f"launch {launch} is no longer in the store")


class AlreadyThereError(ConflictError):
    """A node or launch of that name exists."""


class ArchivedError(StoreError):
    """The machine of that certname is known to have ended; it never comes back."""


class NotAllRecordedError(StoreError):
    """Some of several nodes were refused, for good; all the others are recorded.

    ``recorded`` holds those as they stand in the store, in the order asked; ``refused`` says by
    certname what was wrong with each of the rest.
    """

    def __init__(self, recorded: Sequence[Node], refused: Mapping[str, StoreError]) -> None:
        self.recorded, self.refused = tuple(recorded), dict(refused)
        reasons = "; ".join(str(error) for error in list(refused.values())[:_SHOWN])
        more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        count = len(recorded) + len(refused)
        super().__init__(f"{len(refused)} of {count} node(s) not recorded: {reasons}{more}")


class BadCursorError(ValueError):
    """The cursor is not one of ours."""


_SHOWN = 5
_SHOWN_CHARACTERS = 200
_WRONG_TYPE = "WRONGTYPE"
_BY_CLASS: Mapping[type[exceptions.RedisError], str] = {
    exceptions.ReadOnlyError: "READONLY",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.MasterDownError: "MASTERDOWN",
}
_RIGHTS = "give this user the rights that docs/redis.md names"
# NOPERM of a command in a script: up to Redis 7.0, and from 7.2 on (Valkey is younger).
_IN_A_SCRIPT = ("The user executing the script can't", "ACL failure in script")
_REMEDIES: Mapping[str, str] = {
    "READONLY": "it is a replica: point REDIS_URL at the primary",
    "OOM": "it is full: raise its maxmemory",
    "MISCONF": "it cannot save to its disk: make space there, see its log",
    "NOPERM": _RIGHTS,
    **dict.fromkeys(_IN_A_SCRIPT, _RIGHTS),
    "MASTERDOWN": "it is a replica without its primary: point REDIS_URL at the primary",
    "BUSY": "somebody else's script blocks it: see SCRIPT KILL",
    "NOREPLICAS": "too few replicas follow it (min-replicas-to-write): see INFO replication",
    "DB index is out of range": "give a database that it has behind the last / of REDIS_URL",
    "protected mode": "give its default user a password; docs/redis.md says how it is set up",
}
# A cluster's answers, of which redis-py takes the first word for the class: "MOVED 3999 10.0.0.2".
_OF_A_CLUSTER = (
    exceptions.AskError,
    exceptions.ClusterError,
    exceptions.ClusterCrossSlotError,
    exceptions.TryAgainError,
)
_IN_A_CLUSTER = ("in cluster mode", "in a cluster node", "hash to the same slot")
_CLUSTER = (
    "this Redis is one server of a Redis Cluster, which spreads the keys over several, and one "
    "script of ours touches many; point REDIS_URL at a Redis with cluster mode off"
)
_MOST_CLIENTS = "max number of clients reached"
# Redis tells where in a script a command failed, 6.2 before the error and 7 behind it.
_IN_SCRIPT = re.compile(
    r"^Error running script .*@user_script: ?\d+: -?|,? script: [0-9a-f]{40}.*$"
)


@contextmanager
def translated(key: str = "a key") -> Iterator[None]:
    """Raise StoreUnavailableError or CorruptError for whatever redis-py raises inside.

    ``key`` names what was asked for, in case it holds a value of the wrong type.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        msg = f"only Unicode text can be stored, and this is not: {ascii(error.object)[:80]}"
        raise StoreError(msg) from error
    except (UnicodeDecodeError, exceptions.RedisError, OSError) as error:
        raise as_ours(error, key) from error


def as_ours(error: BaseException, key: str) -> StoreError:
    """The error of ours that one of redis-py's means; ``key`` is what was asked for.

    Never with what was sent: redis-py and Redis repeat commands in their messages, secrets and all.
    """
    match error:
        case UnicodeDecodeError():
            return CorruptError(key, "is not UTF-8 text")
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            msg = f"Redis refuses our login ({_said(error)}); check user and password in REDIS_URL"
            return StoreRefusedError(msg)
        case exceptions.BusyLoadingError():
            msg = "Redis is loading its data after a start; try again in a minute"
        case exceptions.ResponseError() if _is_of_a_cluster(error):
            return StoreRefusedError(_CLUSTER)
        case exceptions.ResponseError() if _WRONG_TYPE in str(error):
            return CorruptError(key, "has a value of the wrong type")
        case exceptions.ResponseError():
            msg = f"Redis says: {_said(error)}{_remedy(error)}"
            if _RIGHTS in msg:
                return StoreForbiddenError(msg)
        case exceptions.TimeoutError():
            msg = "Redis did not answer in time; is it overloaded, stopped, or behind a firewall?"
        case _:
            msg = _unreachable(error)
    return StoreUnavailableError(msg)


def _unreachable(error: BaseException) -> str:
    if isinstance(error, NoMajorityError):
        return f"{error}; until they agree nothing is read or written; see SENTINEL MASTERS"
    if _MOST_CLIENTS in str(error):
        return (
            "Redis has as many clients as its maxclients allows; raise maxclients, or look "
            "with CLIENT LIST who holds them"
        )
    return f"Redis cannot be reached: {_said(error)}; is it running, is REDIS_URL right?"


def _is_of_a_cluster(error: exceptions.ResponseError) -> bool:
    said = str(error)
    return isinstance(error, _OF_A_CLUSTER) or any(words in said for words in _IN_A_CLUSTER)


def _remedy(error: exceptions.ResponseError) -> str:
    said = str(error)
    words = [_BY_CLASS.get(type(error), ""), *(word for word in _REMEDIES if word in said)]
    return next((f"; {_REMEDIES[word]}" for word in words if word), "")


def _said(error: BaseException) -> str:
    """The first line, without the commands that redis-py and Redis repeat in it."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    text = text.rpartition(" of pipeline caused error: ")[2]
    text = text.partition(", with args beginning with")[0]
    return _IN_SCRIPT.sub("", text)[:_SHOWN_CHARACTERS]
