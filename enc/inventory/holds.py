"""Roles that converge leaves alone, and what a person approved of what the breaker stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from enc.domain.model import Backoff, Hold, HoldCause
from enc.inventory import json_values as notes
from enc.inventory import keys
from enc.inventory.batch import check_begun
from enc.inventory.errors import CorruptError, translated
from enc.inventory.events import Event
from enc.inventory.writes import Command, Writes

APPROVED_FOR = timedelta(hours=1)
# Longer than the longest wait between two launches: then the next failure is a first one again.
_BACKOFF_KEPT = timedelta(days=7)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """``nodes`` may be ended though the breaker would not; for an hour."""

    nodes: tuple[str, ...]
    by: str


class Holds:
    """Only a store that has its meta answers "there is none"; another, StoreLostError."""

    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis = redis
        self._writes = Writes(redis, fence)

    def all(self, roles: Iterable[str]) -> dict[str, Hold]:
        """By role; "" is the pause of all of them. One that cannot be read holds all the same."""
        wanted = {name: keys.hold(name) for name in ["", *roles]}
        found, bad = notes.read(self._redis, wanted, Hold)
        check_begun(self._redis)
        found |= {name: _unreadable(error) for name, error in bad.items()}
        # The key says whose it is: one that a person wrote need not repeat it.
        return {name: replace(hold, role=name) for name, hold in found.items()}

    def put(self, hold: Hold, event: Event) -> None:
        """Also over another one: who stops a role that is stopped means it."""
        told = replace(event, role=hold.role)
        self._writes.write([["SET", keys.hold(hold.role), notes.to_text(hold)]], [told])

    def lift(self, hold: Hold, event: Event) -> bool:
        """Take this very hold away; False where another one has taken its place, or none is left.

        What the breaker had stopped may then be done, by the very nodes that it named.
        """
        key, told = keys.hold(hold.role), replace(event, role=hold.role)
        commands: list[Command] = [["DEL", key]]
        if hold.nodes:
            approval = notes.to_text(Approval(nodes=hold.nodes, by=event.who))
            seconds = str(int(APPROVED_FOR.total_seconds()))
            commands.append(["SET", keys.approved(hold.role), approval, "EX", seconds])
        same = [] if hold.cause is HoldCause.UNREADABLE else [self._as_it_is(key)]
        # By what it says: a person may have written it.
        if self.all([hold.role]).get(hold.role) != hold:
            return False
        return self._writes.write(commands, [told], same=same) is None

    def _as_it_is(self, key: str) -> tuple[Command, str]:
        with translated(key):
            text: Any = self._redis.get(key)
        return ["GET", key], text or ""

    def approvals(self, roles: Iterable[str]) -> dict[str, Approval]:
        """Without those that cannot be read: nobody has approved what nobody can name."""
        wanted = {name: keys.approved(name) for name in roles}
        return notes.read(self._redis, wanted, Approval)[0]


class Backoffs:
    """How often in a row the launches of a role failed."""

    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis = redis
        self._writes = Writes(redis, fence)

    def all(self, roles: Sequence[str]) -> dict[str, Backoff]:
        """Without those that cannot be read: the next failure is a first one, written over it."""
        return notes.read(self._redis, {name: keys.backoff(name) for name in roles}, Backoff)[0]

    def put(self, backoff: Backoff, event: Event) -> None:
        kept = str(int(_BACKOFF_KEPT.total_seconds()))
        command = ["SET", keys.backoff(backoff.role), notes.to_text(backoff), "EX", kept]
        self._writes.write([command], [replace(event, role=backoff.role)])

    def forget(self, role: str, event: Event) -> None:
        self._writes.write([["DEL", keys.backoff(role)]], [replace(event, role=role)])


class Suspects:
    """What one pass has seen, and acts on only when a later one sees it again.

    ``<kind>:<id>`` -> when it was first seen. What is no longer seen is to be cleared: a second
    sight a day later is a first one.
    """

    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis = redis
        self._writes = Writes(redis, fence)

    def all(self) -> dict[str, datetime]:
        """Without those that cannot be read: the next pass suspects them for the first time."""
        return self._known(notes.members(self._redis, keys.SUSPECTS))

    def add(self, named: Sequence[str], at: datetime) -> None:
        """And forget those whose time is over."""
        text = notes.to_text(_Seen(first_seen=at))
        there = notes.members(self._redis, keys.SUSPECTS)
        over = sorted({*there} - {*self._known(there), *named})
        commands: list[Command] = [["SREM", keys.SUSPECTS, *over]] if over else []
        for name in named:
            commands.append(["SET", keys.suspect(name), text, "EX", "86400"])
            commands.append(["SADD", keys.SUSPECTS, name])
        self._writes.write(commands, [])

    def _known(self, named: Sequence[str]) -> dict[str, datetime]:
        found, _ = notes.read(self._redis, {name: keys.suspect(name) for name in named}, _Seen)
        return {name: seen.first_seen for name, seen in found.items()}

    def clear(self, named: Sequence[str]) -> None:
        self._writes.write(
            [
                command
                for name in named
                for command in (
                    ["DEL", keys.suspect(name)],
                    ["SREM", keys.SUSPECTS, name],
                )
            ],
            [],
        )


class Sweeps:
    """When everything was last looked over, and not only where we expect something."""

    def __init__(self, redis: Redis, fence: str = "") -> None:
        self._redis = redis
        self._writes = Writes(redis, fence)

    def done(self) -> bool:
        """Whether it is not long since."""
        return bool(notes.members(self._redis, keys.SWEPT))

    def note(self, regions: Sequence[str], span: timedelta) -> None:
        seconds = str(int(span.total_seconds()))
        commands = [
            ["DEL", keys.SWEPT],
            ["SADD", keys.SWEPT, *regions],
            ["EXPIRE", keys.SWEPT, seconds],
        ]
        self._writes.write(commands, [])


@dataclass(frozen=True, kw_only=True)
class _Seen:
    first_seen: datetime


def _unreadable(error: CorruptError) -> Hold:
    return Hold(why=str(error), since=_EVER, by="?", cause=HoldCause.UNREADABLE)
