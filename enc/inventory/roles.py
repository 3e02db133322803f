"""Roles as they were last applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, pairwise
from typing import Any

from redis import Redis

from enc.domain.model import Role
from enc.inventory import keys
from enc.inventory.batch import (
    CHUNK,
    GoneError,
    Hash,
    answers,
    check_begun,
    good,
    hash_of,
    hashes,
    readable,
)
from enc.inventory.codec import role_from_hash, role_to_hash, score, time_of, whole
from enc.inventory.errors import (
    ConflictError,
    CorruptError,
    StoreError,
    StoreLostError,
    as_ours,
    translated,
)
from enc.inventory.events import Event
from enc.inventory.scripts import Script
from enc.inventory.writes import Command, Writes, hset

# Each try is lost only when another apply has won meanwhile.
_TRIES = 20


class RoleInUseError(StoreError):
    """A role that nodes still have cannot be removed: Puppet would no longer know them."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """Which roles an apply wrote, which it removed, and which stood as they were."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


class Roles:
    """Only a store that has its meta answers "there is none"; another, StoreLostError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._read_all = Script(redis, "roles.lua")
        self._writes = Writes(redis)

    def get(self, name: str) -> Role | None:
        [found] = hashes(self._redis, [keys.role(name)])
        if not found:
            check_begun(self._redis)
        return role_from_hash(name, found) if found else None

    def names(self) -> list[str]:
        with translated(keys.ROLES):
            found: Any = self._redis.smembers(keys.ROLES)
        if not found:
            check_begun(self._redis)
        return sorted(found)

    def all(self) -> dict[str, Role]:
        """Every role by name, as of one moment."""
        _, found = self._stored()
        return {name: role_from_hash(name, found[name]) for name in sorted(found) if found[name]}

    def readable(self) -> tuple[dict[str, Role], dict[str, StoreError]]:
        """Every role by name, and what is wrong with those that are damaged."""
        roles: dict[str, Role] = {}
        spoilt: dict[str, StoreError] = {}
        for name, fields in sorted(self._raw().items()):
            try:
                roles[name] = role_from_hash(name, good(fields or GoneError(keys.role(name))))
            except CorruptError as error:
                spoilt[name] = error
        return roles, spoilt

    def _raw(self) -> dict[str, Hash]:
        try:
            return self._answered()[1]
        except CorruptError:
            # Text that is not UTF-8 ends the whole answer; one by one we learn whose it is.
            names = self.names()
            found = readable(self._redis, "HGETALL", [keys.role(name) for name in names])
            return dict(zip(names, found, strict=True))

    def counts(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Per role, how many nodes per ``kind:state:market``."""
        return self._counted(names, keys.fleet)

    def runs(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Per role, how many nodes per word of their last report; ``none`` where none has come."""
        return self._counted(names, keys.ran)

    def ages(self, names: Sequence[str], edges: Sequence[datetime]) -> dict[str, list[int]]:
        """Per role, how many nodes were launched in each span between the edges.

        ``edges`` rise. The first number is of those launched before the first edge, the last of
        those launched at the last edge or later: one number more than edges. All states count.
        """
        limits = ["-inf", *(score(edge) for edge in edges), "+inf"]
        if [float(limit) for limit in limits] != sorted(map(float, limits)):
            raise ValueError("the edges of ages must rise")
        spans = [(low, f"({high}") for low, high in pairwise(limits)]
        roles = [keys.nodes_of_role(name) for name in names]
        found = self._each([("ZCOUNT", role, *span) for role in roles for span in spans])
        return {name: [int(count) for count in islice(found, len(spans))] for name in names}

    def oldest(self, names: Sequence[str]) -> dict[str, datetime]:
        """Per role that has nodes, when the oldest of them was launched."""
        roles = [keys.nodes_of_role(name) for name in names]
        found = self._each([("ZRANGE", role, "0", "0", "WITHSCORES") for role in roles])
        pairs = zip(names, found, strict=True)
        return {name: _time(name, answer[1]) for name, answer in pairs if answer}

    def _counted(
        self, names: Sequence[str], key_of: Callable[[str], str]
    ) -> dict[str, dict[str, int]]:
        asked = [key_of(name) for name in names]
        found = list(hashes(self._redis, asked))
        if not any(found):
            check_begun(self._redis)
        triples = zip(names, asked, found, strict=True)
        return {name: _numbers(key, counted) for name, key, counted in triples}

    def _each(self, commands: Sequence[Sequence[str]]) -> Iterator[Any]:
        """The answers about sorted sets; StoreLostError where they are of a store that is lost."""
        found: list[Any] = []
        for start in range(0, len(commands), CHUNK):
            chunk = commands[start : start + CHUNK]
            said = answers(self._redis, chunk, keys.NODES)
            for (_, key, *_), answer in zip(chunk, said, strict=True):
                if isinstance(answer, Exception):
                    raise as_ours(answer, key) from answer
                found.append(answer)
        # Also where something was found: half of it may have been read after the loss.
        check_begun(self._redis)
        return iter(found)

    def apply(self, roles: Sequence[Role], event: Event, *, prune: bool = False) -> Applied:
        """Store these definitions, all or none. ``event`` gives who and when.

        With ``prune``, roles that are not among these are removed; RoleInUseError when one of
        them still has nodes. ConflictError when others keep applying at the same time.
        """
        for _ in range(_TRIES):
            rev, stored = self._stored()
            plan = _plan({role.name: role for role in roles}, stored, event, prune=prune)
            if self._written(plan, rev):
                return plan.applied
        raise ConflictError("others are applying roles at the same time; see what they did first")

    def _stored(self) -> tuple[str, dict[str, dict[str, str]]]:
        """``roles_rev`` as text and each role's hash."""
        try:
            rev, found = self._answered()
        except CorruptError:
            # Some text in the answer is not UTF-8: one by one we learn whose.
            list(hashes(self._redis, [keys.role(name) for name in self.names()]))
            raise
        return rev, {name: good(fields) for name, fields in found.items()}

    def _answered(self) -> tuple[str, dict[str, Hash]]:
        answer = self._read_all.run([])
        match answer:
            case ["ok", rev, *found]:
                return rev, {name: hash_of(keys.role(name), fields) for name, fields in found}
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
        raise StoreError(f"roles.lua answered {answer!r}; is another version there?")

    def _written(self, plan: _Plan, rev: str) -> bool:
        """Whether nobody else had changed roles since ``rev``."""
        if not plan.commands:
            return True
        gone = plan.applied.removed
        # A node may get one of these roles between our reading and our writing.
        unused: list[tuple[Command, str]] = [(["ZCARD", keys.nodes_of_role(n)], "0") for n in gone]
        bump = hset(keys.META, {"roles_rev": str(whole(keys.META, "roles_rev", rev or "0") + 1)})
        same = [(["HGET", keys.META, "roles_rev"], rev), *unused]
        differs = self._writes.write([*plan.commands, bump], plan.events, same=same)
        if differs:
            raise self._in_use(gone[differs - 1])
        return differs is None

    def _in_use(self, name: str) -> RoleInUseError:
        with translated(keys.nodes_of_role(name)):
            count = self._redis.zcard(keys.nodes_of_role(name))
        return RoleInUseError(
            f"role {name} still has {count} node(s) and cannot be removed; see "
            f"'provisioner ls --role {name}', then retire them or assign them another role"
        )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    applied: Applied
    commands: Sequence[Command]
    events: Sequence[Event]


def _plan(
    wanted: Mapping[str, Role],
    stored: Mapping[str, Mapping[str, str]],
    event: Event,
    *,
    prune: bool,
) -> _Plan:
    changed = [
        _next(role, stored.get(name, {}), event)
        for name, role in wanted.items()
        if _differs(role, stored.get(name, {}))
    ]
    names = {role.name for role in changed}
    removed = tuple(sorted(name for name in stored if prune and name not in wanted))
    return _Plan(
        applied=Applied(
            changed=tuple(role.name for role in changed),
            removed=removed,
            unchanged=tuple(name for name in wanted if name not in names),
        ),
        commands=[*_writing(changed), *_removing(removed)],
        events=[
            *(_applied_event(role, event) for role in changed),
            *(replace(event, what="role removed", role=name) for name in removed),
        ],
    )


def _next(role: Role, old: Mapping[str, str], event: Event) -> Role:
    rev = whole(keys.role(role.name), "rev", old.get("rev") or "0") + 1
    return replace(role, rev=rev, applied_at=event.at, applied_by=event.who)


def _differs(new: Role, old: Mapping[str, str]) -> bool:
    fresh = role_to_hash(new)
    return any(fresh[field] != old.get(field) for field in ("definition", "spec_hash"))


def _applied_event(role: Role, event: Event) -> Event:
    return replace(event, what="role applied", role=role.name, more={"rev": str(role.rev)})


def _writing(changed: Sequence[Role]) -> list[Command]:
    hashes_ = [hset(keys.role(role.name), role_to_hash(role)) for role in changed]
    return [*hashes_, *(["SADD", keys.ROLES, role.name] for role in changed)]


def _removing(names: Sequence[str]) -> list[Command]:
    deletions = [["DEL", keys.role(name)] for name in names]
    return [*deletions, *(["SREM", keys.ROLES, name] for name in names)]


def _numbers(key: str, counted: Mapping[str, str]) -> dict[str, int]:
    return {field: whole(key, field, text) for field, text in counted.items()}


def _time(role: str, text: str) -> datetime:
    try:
        return time_of(text)
    except OverflowError as error:
        raise CorruptError(keys.nodes_of_role(role), f"has the score {text[:80]}") from error
