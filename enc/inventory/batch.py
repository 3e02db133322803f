"""Many reads in one round trip, and the difference between "nothing" and "not there to be read"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from enc.inventory import keys
from enc.inventory.connect import drop_if_demoted, dropping_unread
from enc.inventory.errors import CorruptError, StoreError, StoreLostError, as_ours, translated


class GoneError(CorruptError):
    """A record that the indexes know, and that is not there: nobody of ours leaves it so."""

    def __init__(self, key: str) -> None:
        super().__init__(key, "is gone, though the indexes name it")


# Of one key, or why it cannot be read.
Hash = dict[str, str] | StoreError
# Bounds what one round trip holds in memory, and how long Redis' other clients wait for it.
CHUNK = 500


def answers(redis: Redis, commands: Sequence[Sequence[str]], about: str) -> list[Any]:
    """Redis' answer to each; where it refused one, redis-py's ResponseError stands instead.

    ``about`` names the key to blame for an answer that is not text.
    """
    with translated(about), dropping_unread(redis), redis.pipeline(transaction=False) as pipe:
        queue: Any = pipe.execute_command
        for command in commands:
            queue(*command)
        found = list(pipe.execute(raise_on_error=False))
    drop_if_demoted(redis, found)
    return found


def hashes(redis: Redis, asked: Sequence[str]) -> Iterator[dict[str, str]]:
    """The hash at each key, empty where there is none; CorruptError names the key that is bad."""
    for answer in readable(redis, "HGETALL", asked):
        yield good(answer)


def good(found: Hash) -> dict[str, str]:
    """Raises what it cannot be read for."""
    if isinstance(found, StoreError):
        raise found
    return found


def hash_of(key: str, answer: Any) -> Hash:
    """What a script of ours answers for a key: its fields in a row, or "wrong"."""
    if answer == "wrong":
        return CorruptError(key, "has a value of the wrong type")
    if answer == "gone":
        return GoneError(key)
    return dict(zip(answer[::2], answer[1::2], strict=True))


def readable(redis: Redis, command: str, asked: Sequence[str]) -> Iterator[Any]:
    """What the command answers for each key, or the StoreError that says why it cannot be read."""
    for start in range(0, len(asked), CHUNK):
        chunk = asked[start : start + CHUNK]
        try:
            found = answers(redis, [(command, key) for key in chunk], chunk[0])
        except CorruptError:
            # Text that is not UTF-8 ends the whole batch; one by one we learn where it is.
            found = [_alone(redis, command, key) for key in chunk]
        for key, answer in zip(chunk, found, strict=True):
            yield as_ours(answer, key) if isinstance(answer, ResponseError) else answer


def check_begun(redis: Redis) -> None:
    """Raise StoreLostError unless there is a meta.

    To be called after the reading: a store that was lost meanwhile answers nothing, not less.
    """
    with translated(keys.META):
        if not redis.exists(keys.META):
            raise StoreLostError


def _alone(redis: Redis, command: str, key: str) -> Any:
    try:
        return answers(redis, [(command, key)], key)[0]
    except CorruptError as error:
        return error
