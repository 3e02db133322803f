"""The Lua scripts of this package, as Redis runs them: all or nothing, nobody in between."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

from enc.inventory.batch import CHUNK, answers
from enc.inventory.errors import StoreUnavailableError, as_ours

# Redis forgets scripts at a restart, at a failover and at SCRIPT FLUSH.
_LOADS = 3


def lua(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


class Script:
    """One script, called by its hash and loaded whenever Redis does not have it."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis, self._name = redis, name
        self._text = lua(name)
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(self, keys: Sequence[str], *args: str) -> Any:
        """The script's answer; an error about a value names the last key."""
        about = keys[-1] if keys else self._name
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
        found: dict[int, Any] = {}
        for _ in range(_LOADS):
            left = [i for i in range(len(calls)) if i not in found]
            # A call that Redis knew no script for was not done, so it may be sent again.
            sent = [("EVALSHA", self._sha, *calls[i]) for i in left]
            said = answers(self._redis, sent, about)
            pairs = zip(left, said, strict=True)
            found |= {i: answer for i, answer in pairs if not isinstance(answer, NoScriptError)}
            if len(found) == len(calls):
                return [found[i] for i in range(len(calls))]
            answers(self._redis, [("SCRIPT LOAD", self._text)], self._name)
        raise StoreUnavailableError(f"Redis forgets our script {self._name} again and again")
