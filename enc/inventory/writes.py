"""Writes of several keys, all or nothing. Nodes have a script of their own."""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis

from enc.inventory.errors import CorruptError, StoreError, StoreLostError
from enc.inventory.events import Event, append, dumps
from enc.inventory.scripts import Script

Command = Sequence[str]


class Writes:
    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._script = Script(redis, "write.lua", fence)

    def write(
        self,
        commands: Sequence[Command],
        events: Sequence[Event],
        *,
        same: Sequence[tuple[Command, str]] = (),
        init: bool = False,
    ) -> int | None:
        """Do the commands and log the events, if reading gives the ``same`` answers as before.

        Otherwise nothing is written, and the answer is the place in ``same`` that differs. Raises
        StoreLostError, unless ``init``, and CorruptError for a key of the wrong type.
        """
        writes = [*(append(event) for event in events), *commands]
        asked = {"same": list(same), "write": writes} | ({"init": True} if init else {})
        match self._script.run([], dumps(asked)):
            case ["ok"]:
                return None
            case ["changed", int(place)]:
                return place - 1
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
            case other:
                raise StoreError(f"write.lua answered {other!r}; is another version there?")


def hset(key: str, fields: dict[str, str]) -> Command:
    return ["HSET", key, *(text for pair in fields.items() for text in pair)]
