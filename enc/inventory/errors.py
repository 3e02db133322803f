"""What can be wrong with the inventory, and the one place where redis-py's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    RedisError,
    ResponseError,
)


class StoreError(Exception):
    """The store cannot give or take what was asked; the message says why and what to do."""


class StoreUnavailableError(StoreError):
    """Nothing is known: the store is away, slow, loading, read-only, full, or refuses us."""


class StoreLostError(StoreError):
    """There is no ``meta``: the store is new, or it lost what it held."""

    def __init__(self) -> None:
        super().__init__(
            "the store has no inventory: it is new, or it was lost; run 'provisioner init', "
            "which adopts every machine that is tagged as ours"
        )


class CorruptError(StoreError):
    """A key holds something that rolecall did not write; ``key`` names it."""

    def __init__(self, key: str, what: str) -> None:
        self.key = key
        super().__init__(f"{key} in Redis {what}")


class ConflictError(StoreError):
    """It was changed by someone else since it was read; read it again and decide again."""


class AlreadyThereError(ConflictError):
    """A node of that certname exists."""


class ArchivedError(StoreError):
    """The machine of that certname is known to have ended; it never comes back."""


_WRONG_TYPE = "WRONGTYPE"


@contextmanager
def translated(key: str = "a key") -> Iterator[None]:
    """Raise StoreUnavailableError or CorruptError for whatever redis-py raises inside.

    ``key`` names what was asked for, in case it holds a value of the wrong type.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise CorruptError(key, "is not UTF-8 text") from error
    except (AuthenticationError, AuthenticationWrongNumberOfArgsError) as error:
        msg = f"Redis refuses our login ({_first_line(error)}); check the password in REDIS_URL"
        raise StoreUnavailableError(msg) from error
    except ResponseError as error:
        if str(error).startswith(_WRONG_TYPE):
            raise CorruptError(key, "has a value of the wrong type") from error
        raise StoreUnavailableError(f"Redis says: {_first_line(error)}") from error
    except (RedisError, OSError) as error:
        msg = f"Redis cannot be reached: {_first_line(error)}; is it running, is REDIS_URL right?"
        raise StoreUnavailableError(msg) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
