"""The Lua scripts of this package, as Redis runs them: all or nothing, nobody in between."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

from enc.inventory.batch import CHUNK, answers
from enc.inventory.errors import LeaseLostError, as_ours

# Redis forgets scripts at a restart, at a failover and at SCRIPT FLUSH.
_UNKNOWN = NoScriptError("not asked yet")
# In front of the scripts of one who holds the lease. Its value is the last argument: who was asleep
# for longer than the lease must find that out in the very act of writing.
_FENCE = (
    "if redis.call('GET', 'lease:converge') ~= table.remove(ARGV) then return { 'fenced' } end\n"
)


@cache
def lua(*names: str) -> str:
    """The files, one behind the other.

    Read once: after an upgrade in place, who runs goes on with the scripts that it knows.
    """
    return "".join((files(__package__) / name).read_text(encoding="utf-8") for name in names)


def sha(text: str) -> str:
    """What Redis' scripts can compute, too: it tells texts apart, it guards nothing."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Script:
    """One script, called by its hash, and by its text whenever Redis does not have it.

    With a ``fence``, the value of a lease, it does nothing and raises LeaseLostError when that is
    not the value any more. ``parts`` are files that come before ``name`` in one text.
    """

    def __init__(self, redis: Redis, name: str, fence: str = "", parts: Sequence[str] = ()) -> None:
        self._redis, self._name = redis, name
        self._text = (_FENCE if fence else "") + lua(*parts, name)
        self._fence = (fence,) if fence else ()
        self._sha = sha(self._text)

    def run(self, keys: Sequence[str], *args: str, about: str = "") -> Any:
        """The script's answer; an error about a value names ``about``, else the last key."""
        about = about or (keys[-1] if keys else self._name)
        [answer] = self._run([(str(len(keys)), *keys, *args)], about)
        if isinstance(answer, Exception):
            raise as_ours(answer, about) from answer
        return answer

    def each(self, commands: Sequence[str]) -> list[Any]:
        """The answers to several calls with one argument each, in few round trips.

        Where Redis refused a call, redis-py's error stands instead. When the connection fails,
        StoreUnavailableError: any of the calls may have been done.
        """
        found: list[Any] = []
        for start in range(0, len(commands), CHUNK):
            chunk = commands[start : start + CHUNK]
            found += self._run([("0", command) for command in chunk], self._name)
        return found

    def _run(self, calls: Sequence[Sequence[str]], about: str) -> list[Any]:
        answered: dict[int, Any] = dict.fromkeys(range(len(calls)), _UNKNOWN)
        how: tuple[str, str] = ("EVALSHA", self._sha)
        while left := [i for i, answer in answered.items() if isinstance(answer, NoScriptError)]:
            # What Redis knew no script for was not done, so it may be sent again. The text goes
            # with the first, which so is done whatever Redis forgets next: every turn gets on.
            sent = [(*how, *calls[left[0]]), *(("EVALSHA", self._sha, *calls[i]) for i in left[1:])]
            sent = [(*call, *self._fence) for call in sent]
            answered |= zip(left, answers(self._redis, sent, about), strict=True)
            how = ("EVAL", self._text)
        if ["fenced"] in answered.values():
            raise LeaseLostError
        return list(answered.values())
