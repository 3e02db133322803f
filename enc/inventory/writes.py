"""Writes of several keys, all or nothing. Nodes have a script of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis

from enc.domain.limits import Bound
from enc.inventory.errors import CorruptError, LimitReachedError, StoreError, StoreLostError
from enc.inventory.events import Event, append, dumps
from enc.inventory.scripts import Script

Command = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a launch of ``want`` machines must find; ``since`` is an hour ago, as a score."""

    want: int
    since: str
    bounds: tuple[Bound, ...]


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
        room: Room | None = None,
    ) -> int | None:
        """Do the commands and log the events, if reading gives the ``same`` answers as before.

        Otherwise nothing is written, and the answer is the place in ``same`` that differs. Raises
        StoreLostError, unless ``init``, CorruptError for a key of the wrong type, and
        LimitReachedError where ``room`` is not there.
        """
        writes = [*(append(event) for event in events), *commands]
        asked: dict[str, Any] = {"same": list(same), "write": writes}
        if init:
            asked["init"] = True
        if room and room.bounds:
            asked["room"] = asdict(room)
        match self._script.run([], dumps(asked)):
            case ["ok"]:
                return None
            case ["changed", int(place)]:
                return place - 1
            case ["full", int(place), int(living), int(open_wants), int(opened)] if room:
                counts = {"living": living, "asked": open_wants, "opened": opened}
                raise LimitReachedError(room.bounds[place - 1].reached(room.want, **counts))
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
            case other:
                raise StoreError(f"write.lua answered {other!r}; is another version there?")


def hset(key: str, fields: dict[str, str]) -> Command:
    return ["HSET", key, *(text for pair in fields.items() for text in pair)]
