"""Launches: what was asked of EC2, by whom, and how each attempt went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from enc.domain.limits import Bound
from enc.domain.model import Attempt, Launch, LaunchState, SpoiltLaunch
from enc.domain.retention import KEPT
from enc.inventory import keys
from enc.inventory.batch import CHUNK, answers, check_begun, good, hashes, readable
from enc.inventory.codec import attempt_to_text, iso, launch_from_hash, launch_to_hash, score
from enc.inventory.errors import AlreadyThereError, CorruptError, LaunchGoneError, translated
from enc.inventory.events import Event
from enc.inventory.paging import Listing, Walks
from enc.inventory.writes import Command, Room, Writes, hset

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class LaunchPage:
    """The latest first. ``cursor`` asks for what follows; None at the end.

    A page with a cursor may be short, or empty: as many were looked at as one call may.
    """

    launches: tuple[Launch, ...]
    cursor: str | None


class Launches:
    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis = redis
        self._walks = Walks(redis)
        self._writes = Writes(redis, fence)

    def get(self, launch_id: str) -> Launch | None:
        [found] = hashes(self._redis, [keys.launch(launch_id)])
        if not found:
            check_begun(self._redis)
        return launch_from_hash(launch_id, found) if found else None

    def many(self, launch_ids: Sequence[str]) -> dict[str, Launch]:
        """Those that are there, by id."""
        found = hashes(self._redis, [keys.launch(name) for name in launch_ids])
        there = {n: launch_from_hash(n, h) for n, h in zip(launch_ids, found, strict=True) if h}
        if len(there) < len(launch_ids):
            check_begun(self._redis)
        return there

    def readable(
        self, launch_ids: Sequence[str]
    ) -> tuple[dict[str, Launch], dict[str, SpoiltLaunch]]:
        """Those that are there, and those that are there and damaged."""
        launches: dict[str, Launch] = {}
        spoilt: dict[str, SpoiltLaunch] = {}
        found = readable(self._redis, "HGETALL", [keys.launch(name) for name in launch_ids])
        for name, fields in zip(launch_ids, found, strict=True):
            try:
                if fields:
                    launches[name] = launch_from_hash(name, good(fields))
            except CorruptError as error:
                role = fields.get("role", "") if isinstance(fields, dict) else ""
                spoilt[name] = SpoiltLaunch(role=role, why=str(error))
        if len(launches) < len(launch_ids):
            check_begun(self._redis)
        return launches, spoilt

    def opened(self) -> list[Launch]:
        """Those that are open, oldest first."""
        found = self.many(self.opened_ids()).values()
        return sorted(found, key=lambda one: (one.opened_at, one.id))

    def opened_ids(self) -> list[str]:
        with translated(keys.LAUNCHES_OPEN):
            names: Any = self._redis.smembers(keys.LAUNCHES_OPEN)
        if not names:
            check_begun(self._redis)
        return sorted(names)

    def any_since(self, time: datetime) -> bool:
        """Whether one was opened since then."""
        with translated(keys.LAUNCHES):
            return bool(self._redis.zcount(keys.LAUNCHES, score(time), "+inf"))

    def regions_since(self, time: datetime) -> set[str]:
        """Where machines were asked for since then."""
        return {region for [region] in self._fields_since(time, "region") if region}

    def outcomes_since(self, time: datetime) -> Counter[tuple[str, str]]:
        """How many were opened since then, by role and state."""
        found = self._fields_since(time, "role", "state")
        return Counter((role, state) for role, state in found if role and state)

    def _fields_since(self, time: datetime, *fields: str) -> list[list[str | None]]:
        """Of each launch that was opened since then; damaged ones are passed over."""
        with translated(keys.LAUNCHES):
            names: Any = self._redis.zrange(
                keys.LAUNCHES, score(time), "+inf", byscore=True, offset=None, num=None
            )
        commands = [("HMGET", keys.launch(name), *fields) for name in names]
        found: list[Any] = []
        for start in range(0, len(commands), CHUNK):
            found += answers(self._redis, commands[start : start + CHUNK], keys.LAUNCHES)
        return [texts for texts in found if isinstance(texts, list)]

    def latest(self, count: int) -> list[Launch]:
        """The last ones opened, newest first."""
        if count < 1:
            return []
        with translated(keys.LAUNCHES):
            names: Any = self._redis.zrange(keys.LAUNCHES, 0, count - 1, desc=True)
        if not names:
            check_begun(self._redis)
        found = hashes(self._redis, [keys.launch(name) for name in names])
        return [launch_from_hash(n, h) for n, h in zip(names, found, strict=True) if h]

    def page(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        role: str | None = None,
        state: LaunchState | None = None,
        since: datetime | None = None,
        spoilt: Callable[[CorruptError], object] | None = None,
    ) -> LaunchPage:
        """The latest first, of those that were opened at ``since`` or later.

        ``spoilt`` is told of the damaged, which are passed over; without it they are an error.
        Raises BadCursorError, ValueError for a limit below 1, and StoreError's kinds.
        """
        wanted = {"role": role, "state": state and state.value}
        listing = Listing(
            indexes=[keys.LAUNCHES],
            of=keys.launch(""),
            mark="launches",
            newest=True,
            fields={name: text for name, text in wanted.items() if text is not None},
            since=score(since) if since else "",
        )
        found = self._walks.sound(
            listing, launch_from_hash, limit=limit, cursor=cursor, spoilt=spoilt
        )
        return LaunchPage(*found)

    def open(self, launch: Launch, event: Event, bounds: Sequence[Bound] = ()) -> None:
        """Write the intent, before EC2 hears of it, if each of ``bounds`` leaves room for it.

        Raises AlreadyThereError for a known id, and LimitReachedError.
        """
        key = keys.launch(launch.id)
        commands = [
            hset(key, launch_to_hash(launch)),
            ["ZADD", keys.LAUNCHES, score(launch.opened_at), launch.id],
            ["SADD", keys.LAUNCHES_OPEN, launch.id],
        ]
        event = replace(event, launch=launch.id, role=launch.role)
        absent: tuple[Command, str] = (["EXISTS", key], "0")
        since = score(launch.opened_at - _HOUR)
        room = Room(want=launch.want, since=since, bounds=tuple(bounds))
        if self._writes.write(commands, [event], same=[absent], room=room) is not None:
            raise AlreadyThereError(f"launch {launch.id} is already in the store")

    def beat(self, launch_id: str, at: datetime) -> None:
        """The owner is alive. Raises LaunchGoneError."""
        self._change(launch_id, [hset(keys.launch(launch_id), {"heartbeat": iso(at)})], [])

    def asking(self, launch: Launch, number: int, at: datetime) -> bool:
        """Attempt ``number`` is about to be sent: whoever dies now, no other one has its token.

        False: the launch is closed, or somebody else has asked meanwhile.
        """
        key = keys.launch(launch.id)
        command = hset(key, {"asked": str(number), "asked_at": iso(at)})
        before: tuple[Command, str] = (["HGET", key, "asked"], str(launch.asked))
        is_open: tuple[Command, str] = (["HGET", key, "state"], LaunchState.OPEN.value)
        return self._change(launch.id, [command], [], before, is_open)

    def record_attempt(self, launch_id: str, attempt: Attempt, event: Event) -> None:
        """Also for a launch that is closed: what EC2 has answered is never forgotten."""
        field = {f"attempt:{attempt.number}": attempt_to_text(attempt)}
        event = replace(event, launch=launch_id)
        self._change(launch_id, [hset(keys.launch(launch_id), field)], [event])

    def close(self, launch_id: str, state: LaunchState, event: Event) -> bool:
        """It asks for nothing more; its template is gone or about to be.

        The first close counts. False: somebody had closed it already, and that stands.
        """
        key = keys.launch(launch_id)
        commands = [
            hset(key, {"state": state.value, "why": event.why}),
            ["SREM", keys.LAUNCHES_OPEN, launch_id],
            ["EXPIRE", key, str(int(KEPT.total_seconds()))],
            ["ZREMRANGEBYSCORE", keys.LAUNCHES, "-inf", f"({score(event.at - KEPT)}"],
        ]
        is_open = (["HGET", key, "state"], LaunchState.OPEN.value)
        return self._change(launch_id, commands, [replace(event, launch=launch_id)], is_open)

    def _change(
        self,
        launch_id: str,
        commands: Sequence[Command],
        events: Sequence[Event],
        *same: tuple[Command, str],
    ) -> bool:
        """Whether ``same`` still held; LaunchGoneError when the launch is not there."""
        there = (["EXISTS", keys.launch(launch_id)], "1")
        differs = self._writes.write(commands, events, same=[there, *same])
        if differs == 0:
            raise LaunchGoneError(launch_id)
        return differs is None
